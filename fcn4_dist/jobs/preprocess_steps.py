"""The steps of a preprocess job, whoever takes them: one process, ranks of mpirun, or parts."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from fcn4_dist.audio import (
    ClipFeature,
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    KnownAudio,
    extract_features,
)
from fcn4_dist.clips import (
    Clip,
    Collection,
    Split,
    annotations_file,
    choose_fold,
    choose_for_dataset,
    find_dataset,
    read_collection,
    split_clips,
    write_annotations,
)
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import write_text
from fcn4_dist.findings import as_shown, refuse_errors
from fcn4_dist.jobs.disk_room import check_room_ahead
from fcn4_dist.jobs.preprocess_checks import (
    check_lengths,
    check_preprocessing,
    check_split,
    tell_findings,
    with_audio,
)
from fcn4_dist.jobs.shown_settings import say_settings
from fcn4_dist.records import ClipRow, ClipRows, Manifest, Shard
from fcn4_dist.records.class_counts import counts_by_class, counts_in_short
from fcn4_dist.records.layout import ShardFormat
from fcn4_dist.records.planning import PlannedShard, plan_records
from fcn4_dist.records.sound import check_classes, remarks_about_sound, silent_clips
from fcn4_dist.refusals import explain
from fcn4_dist.runs.occupancy import in_turn, kept_to_this_job
from fcn4_dist.terminal import Progress, detail, say, say_result, table, warn
from fcn4_dist.text import count, shell_command
from fcn4_dist.versions import package_versions

_SETTINGS_NAME = "preprocess_settings.yaml"
_FOLDERS = ("npy_path", "mr_path", "info_path")
"""Settings that name folders which are written to."""
_SHOWN_SKIPS = 20
_SHOWN_CLASSES = 20


@contextmanager
def refusals_told(settings: Settings) -> Iterator[None]:
    """Tell what the system refuses with the setting that names another folder."""
    try:
        yield
    except MemoryError as error:
        raise Fcn4DistError(f"{explain(error)}, with fewer --processes") from error
    except OSError as error:
        path = Path(os.fsdecode(error.filename or ""))
        for setting in _FOLDERS:
            if path.is_relative_to(getattr(settings, setting)):
                sentence = explain(error, path, setting=setting)
                raise Fcn4DistError(f"cannot work on {path}: {sentence}") from error
        raise


def read_and_count(
    loaded: LoadedSettings, audio: bool | None = None
) -> tuple[LoadedSettings, Collection]:
    """Read the collection of a job, and take the number of its classes where none is given.

    Args:
        loaded: The settings of the job.
        audio: Whether the audio is looked for; None where features are to be made.

    Raises:
        InputError: If anything is wrong with it.
    """
    loaded = choose_for_dataset(loaded)
    settings, counted = loaded.settings, not loaded.is_given("num_classes")
    audio = settings.get_npy if audio is None else audio
    collection = read_collection(settings, with_audio=audio, counted=counted)
    number = {"num_classes": len(collection.class_names)}
    dataset = find_dataset(settings.dataset)
    of_folder = (dataset.lists_audio and settings.get_npy) or dataset.metadata
    where = settings.audio_path if of_folder else str(annotations_file(settings))
    return choose_fold(loaded.found(number, where), collection), collection


@dataclass(frozen=True)
class Begun:
    """A job that is going to be done: nothing was found that would stop it.

    Attributes:
        loaded: Its settings.
        collection: Its collection, with what was said about it.
        usable: The clips whose audio is there, where it is to be read.
        split: That of these, if shards are to be written.
    """

    loaded: LoadedSettings
    collection: Collection
    usable: Sequence[Clip]
    split: Split | None


def begin(loaded: LoadedSettings, ranks: int = 1, *, shown: bool = False) -> Begun:
    """Read the collection of a job, look at all there is, and say it.

    Args:
        loaded: The settings.
        ranks: How many share the work.
        shown: Whether that is all that is done.

    Raises:
        InputError: If anything is wrong.
    """
    check_preprocessing(loaded.settings)
    loaded, collection = read_and_count(loaded)
    settings = loaded.settings
    folder = settings.mr_path if settings.get_mindrecord else settings.npy_path
    say_settings(loaded, "preprocess", None if shown else Path(folder) / _SETTINGS_NAME)
    if ranks > 1:
        say(f"{ranks} ranks share the work")
    begun = _check_collection(loaded, collection)
    if settings.get_npy and find_dataset(settings.dataset).lists_audio and not shown:
        write_annotations(collection, annotations_file(settings))
    return begun


def wait_for_features(settings: Settings, held: ExitStack, *, shared: bool = False) -> None:
    """Have the folder of features, whose index is of one job at a time; its parts share it."""
    npy_path = Path(settings.npy_path)
    if settings.get_npy:
        npy_path.mkdir(parents=True, exist_ok=True)
    held.enter_context(in_turn(npy_path, shared=shared))


def keep_to_this_job(mr_path: Path, held: ExitStack, *, shared: bool = False) -> None:
    """Keep other jobs from writing shards of the same names, which would be of both."""
    mr_path.mkdir(parents=True, exist_ok=True)
    held.enter_context(kept_to_this_job(mr_path, "mr_path", shared=shared))


def write_settings(loaded: LoadedSettings, folder: Path) -> None:
    """Say beside what was made by which settings it was."""
    write_text(folder / _SETTINGS_NAME, loaded.to_yaml("preprocess"))


def compute_features(
    clips: Sequence[Clip],
    share: str,
    cache: FeatureCache,
    settings: Settings,
    processes: int,
    title: str,
    shown: bool = True,
) -> list[ClipFeature]:
    """See to it that there is the feature of every clip that can be decoded.

    Args:
        clips: The clips.
        share: Name of these among all clips.
        cache: Where features are, which is prepared.
        settings: The job's settings.
        processes: Processes at work.
        title: What the work is called.
        shown: Whether its progress is.

    Returns:
        What became of each clip, by id.
    """
    known, done, unknown = KnownAudio(cache, share), [], []
    with Progress(title, len(clips), "clips", shown) as progress:
        for clip in clips:
            if (feature := known.feature_of(clip.id, clip.path)) is None:
                unknown.append((clip.id, clip.path))
            else:
                done.append(feature)
                progress.advance()
        for feature in extract_features(unknown, cache, processes, settings.clip_timeout):
            done.append(feature)
            told = f"{feature.status}{feature.reason and f': {feature.reason}'}"
            detail(f"{as_shown(feature.id)}: {told}")
            progress.advance()
    done.sort(key=lambda feature: feature.id)
    known.keep(done)
    return done


def report_features(features: Sequence[ClipFeature], settings: Settings) -> None:
    """Say what became of clips.

    Raises:
        Fcn4DistError: If some were skipped, and the settings are strict.
    """
    counts = Counter(clip.status for clip in features)
    say(", ".join(f"{counts[status]} {status}" for status in sorted(counts)) or "no clips")
    skipped = [clip for clip in features if clip.skipped]
    if skipped:
        warn(f"skipped {len(skipped)} of {count(len(features), 'clip')}:")
        for clip in skipped[:_SHOWN_SKIPS]:
            say(f"  {as_shown(clip.id)}: {clip.reason}")
        if len(skipped) > _SHOWN_SKIPS:
            say(f"  … and {len(skipped) - _SHOWN_SKIPS} more, all in {settings.npy_path}")
    _check_unusable({clip.id: clip.reason for clip in skipped}, settings)


@dataclass(frozen=True)
class Plan:
    """Which clip goes where.

    Attributes:
        shards: The shards.
        outside: The clips that are in none.
        split: What decided it.
        format: What the shards have in common.
    """

    shards: Sequence[PlannedShard]
    outside: Sequence[ClipRow]
    split: Split
    format: ShardFormat


def plan_shards(begun: Begun, index: FeatureIndex, *, remarks: bool) -> Plan:
    """Split the clips that have features, and say what is unusual.

    Args:
        begun: The job.
        index: What the features are of.
        remarks: Whether to say how clips sound, unless that has been said.

    Raises:
        InputError: If the features are of others settings or clips, or there is no such split.
        Fcn4DistError: If clips cannot be used, and the settings are strict.
    """
    collection, settings = begun.collection, begun.loaded.settings
    _check_parameters(index, settings)
    silent = silent_clips(index, settings.silence_level)
    if remarks:
        tell_findings(remarks_about_sound(collection.clips, index, silent))
    unusable = {clip.id: clip.reason for clip in index.clips if clip.skipped} | silent
    _check_unusable(unusable, settings)
    content = {clip.id: clip.sha256 for clip in index.clips if clip.id not in unusable}
    usable = [clip for clip in collection.clips if clip.id not in unusable]
    _tell_about_classes(collection, usable)
    split = begun.split
    # Without copies, the features tell nothing of what belongs together.
    known = len(set(content.values())) == len(content) and usable == list(begun.usable)
    if split is None or not known:
        split = split_clips(usable, content, settings, collection.folds)
    tell_findings([finding for finding in split.findings if finding not in collection.findings])
    split = replace(split, left_out={**split.left_out, **silent})
    planned, outside = plan_records(
        collection.clips, index, split, settings.set_names, settings.num_consumer
    )
    cache = FeatureCache(Path(settings.npy_path), FeatureParameters.from_settings(settings))
    mr_path, class_names = Path(settings.mr_path), collection.class_names
    shard_format = ShardFormat(cache, mr_path, class_names, settings.feature_dtype)
    return Plan(planned, outside, split, shard_format)


def finish(loaded: LoadedSettings, plan: Plan, shards: Mapping[str, Shard]) -> None:
    """Write the manifest of shards, and the settings; and say what is there.

    Args:
        loaded: The settings of the job.
        plan: What was planned.
        shards: File name -> what was written.
    """
    settings, shard_format = loaded.settings, plan.format
    sets: dict[str, list[Shard]] = {}
    for shard in plan.shards:
        sets.setdefault(shard.set, []).append(shards[shard.file])
    manifest = Manifest(
        parameters=shard_format.cache.parameters,
        feature_dtype=settings.feature_dtype,
        dataset=settings.dataset,
        class_names=shard_format.class_names,
        split=plan.split.rule,
        sets={name: tuple(of_set) for name, of_set in sets.items()},
        clips=ClipRows.of(chain(*(shard.clips for shard in plan.shards), plan.outside)),
        versions=package_versions("mindspore", "librosa", "numpy", "soundfile", "soxr"),
        window_seconds=settings.window_seconds,
    )
    manifest.write(shard_format.mr_path)
    _summarise(manifest, settings)
    write_settings(loaded, shard_format.mr_path)


def _check_collection(loaded: LoadedSettings, collection: Collection) -> Begun:
    """Say what is unusual about a collection, and split it, if shards are to be written."""
    settings = loaded.settings
    tell_findings(collection.findings)
    there = with_audio(collection, settings)
    if settings.get_npy:
        check_lengths(there, settings)
    say(check_room_ahead(there, settings))
    if not settings.get_mindrecord:
        return Begun(loaded, collection, there.clips, None)
    _tell_about_classes(collection, there.clips)
    split = check_split(there, settings)
    say("sets: " + ", ".join(f"{name} {value}" for name, value in split.rule.items()))
    tell_findings(split.findings)
    collection = replace(collection, findings=(*collection.findings, *split.findings))
    return Begun(loaded, collection, there.clips, split)


def _tell_about_classes(collection: Collection, usable: Sequence[Clip]) -> None:
    about_classes = check_classes(collection.class_names, collection.clips, usable)
    refuse_errors(about_classes)
    tell_findings(about_classes)


def _check_parameters(index: FeatureIndex, settings: Settings) -> None:
    differences = index.parameters.differences(FeatureParameters.from_settings(settings))
    if differences:
        raise InputError(
            f"the features in {settings.npy_path} were made with other settings: "
            f"{', '.join(differences)}; run preprocess with --get_npy 1"
        )


def _check_unusable(reasons: Mapping[str, str], settings: Settings) -> None:
    if settings.strict and reasons:
        clip_id, reason = next(iter(reasons.items()))
        raise Fcn4DistError(
            f"{len(reasons)} clips were skipped or are silent, like {as_shown(clip_id)} "
            f"({reason}): mend or remove them, or leave out --strict"
        )


def _summarise(manifest: Manifest, settings: Settings) -> None:
    few = len(manifest.class_names) <= _SHOWN_CLASSES
    say(table(counts_by_class(manifest) if few else counts_in_short(manifest)))
    if not few:
        command = shell_command(["fcn4-dist", "inspect", settings.mr_path])
        say(f"each class by itself: {command}")
    shards = ", ".join(f"{len(shards)} {name}" for name, shards in manifest.sets.items())
    say_result(f"shards in {settings.mr_path}: {shards}; manifest.json says what is in them")
