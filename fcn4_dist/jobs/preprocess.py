"""The preprocess job: a collection -> features -> MindRecord shards and manifest."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

from fcn4_dist.audio import (
    ClipFeature,
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    discard_feature_index,
    extract_features,
    read_feature_index,
)
from fcn4_dist.clips import (
    ROLES,
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
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.cluster.mpi import MpiRanks, started_by_mpi
from fcn4_dist.cluster.peers import Alone, Peers
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import write_text
from fcn4_dist.findings import as_shown, refuse_errors
from fcn4_dist.jobs.disk_room import check_room_ahead
from fcn4_dist.jobs.feature_gathering import gather_features, who_sees
from fcn4_dist.jobs.prepare import adopt_from_main
from fcn4_dist.jobs.preprocess_checks import (
    check_lengths,
    check_preprocessing,
    check_split,
    tell_findings,
    with_audio,
)
from fcn4_dist.jobs.shown_settings import say_settings
from fcn4_dist.processes import usable_cores
from fcn4_dist.records import ClipRows, Manifest, Shard
from fcn4_dist.records.class_counts import counts_by_class, counts_in_short
from fcn4_dist.records.layout import ShardFormat
from fcn4_dist.records.obstacles import check_features, check_room
from fcn4_dist.records.planning import PlannedShard, plan_records, share_of_shards
from fcn4_dist.records.sound import check_classes, remarks_about_sound, silent_clips
from fcn4_dist.records.writing import clear_folder, write_shards
from fcn4_dist.refusals import explain
from fcn4_dist.runs.occupancy import in_turn, kept_to_this_job
from fcn4_dist.terminal import Progress, detail, say, say_result, table, warn
from fcn4_dist.text import count, shell_command
from fcn4_dist.versions import package_versions

SETTINGS_NAME = "preprocess_settings.yaml"
_FOLDERS = ("npy_path", "mr_path", "info_path")
"""Settings that name folders which are written to."""
_SHOWN_SKIPS = 20
_SHOWN_CLASSES = 20


def preprocess(loaded: LoadedSettings) -> None:
    """Run the stages that ``get_npy`` and ``get_mindrecord`` ask for.

    Each stage reads what the one before wrote: the first leaves the features, and the annotations
    file of a folder of classes; the second reads both, so it also runs where the audio is not.
    The work is shared among ``processes`` processes, and among ranks if mpirun started several;
    the results do not depend on how many there are.

    Args:
        loaded: The settings of the job; under mpirun those of rank 0 hold for all.

    Raises:
        InputError: If the collection or the features are not as the settings say.
    """
    if not started_by_mpi():
        with _refusals_told(loaded.settings):
            _run(loaded, Alone())
        return
    with MpiRanks() as ranks:
        loaded = adopt_from_main("preprocess", loaded, ranks)
        with _refusals_told(loaded.settings):
            _run(loaded, ranks, ranks.local_size)


def show_preprocessing(loaded: LoadedSettings) -> None:
    """Say what :func:`preprocess` would read and write, and write nothing.

    Args:
        loaded: The settings of the job.

    Raises:
        InputError: As there.
    """
    check_preprocessing(loaded.settings)
    loaded, collection = read_and_count(loaded)
    say_settings(loaded, "preprocess", None)
    _, split = _check_collection(collection, loaded.settings)
    if split:
        sizes = Counter(split.roles.values())
        names = zip(ROLES, loaded.settings.set_names, strict=True)
        sets = ", ".join(f"{sizes[role]} in {name}" for role, name in names if sizes[role])
        say_result(f"clips would be {sets}, but for those that cannot be used; nothing is written")


def _say_settings(loaded: LoadedSettings) -> None:
    settings = loaded.settings
    folder = settings.mr_path if settings.get_mindrecord else settings.npy_path
    say_settings(loaded, "preprocess", Path(folder) / SETTINGS_NAME)


@contextmanager
def _refusals_told(settings: Settings) -> Iterator[None]:
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


def _run(loaded: LoadedSettings, peers: Peers, local_size: int = 1) -> None:
    settings = loaded.settings
    processes = settings.processes or _cores_of_a_rank(local_size)
    collection = None
    if peers.is_main:
        check_preprocessing(settings)
        loaded, collection = read_and_count(loaded)
        settings = loaded.settings
        _say_settings(loaded)
        if peers.size > 1:
            say(f"{peers.size} ranks share the work")
        collection, _ = _check_collection(collection, settings)
        if settings.get_npy and find_dataset(settings.dataset).lists_audio:
            write_annotations(collection, annotations_file(settings))
    with ExitStack() as held:
        # The index of the features is of one job at a time.
        peers.on_main(lambda: _wait_for_features(settings, held))
        if settings.get_npy:
            _audio_to_npy(settings, collection, processes, peers)
            if peers.is_main:
                write_text(Path(settings.npy_path) / SETTINGS_NAME, loaded.to_yaml("preprocess"))
        if settings.get_mindrecord:
            peers.on_main(lambda: _keep_to_this_job(Path(settings.mr_path), held))
            _npy_to_mindrecord(settings, collection, processes, peers)
            if peers.is_main:
                write_text(Path(settings.mr_path) / SETTINGS_NAME, loaded.to_yaml("preprocess"))


def _wait_for_features(settings: Settings, held: ExitStack) -> None:
    npy_path = Path(settings.npy_path)
    if settings.get_npy:
        npy_path.mkdir(parents=True, exist_ok=True)
    held.enter_context(in_turn(npy_path))


def _keep_to_this_job(mr_path: Path, held: ExitStack) -> None:
    """Keep other jobs from writing shards of the same names, which would be of both."""
    mr_path.mkdir(parents=True, exist_ok=True)
    held.enter_context(kept_to_this_job(mr_path, "mr_path"))


def read_and_count(loaded: LoadedSettings) -> tuple[LoadedSettings, Collection]:
    """Read the collection of a job, and take the number of its classes where none is given.

    Raises:
        InputError: If anything is wrong with it.
    """
    loaded = choose_for_dataset(loaded)
    settings, counted = loaded.settings, not loaded.is_given("num_classes")
    collection = read_collection(settings, with_audio=settings.get_npy, counted=counted)
    number = {"num_classes": len(collection.class_names)}
    dataset = find_dataset(settings.dataset)
    of_folder = (dataset.lists_audio and settings.get_npy) or dataset.metadata
    where = settings.audio_path if of_folder else str(annotations_file(settings))
    return choose_fold(loaded.found(number, where), collection), collection


def _check_collection(
    collection: Collection, settings: Settings
) -> tuple[Collection, Split | None]:
    """Say what is unusual about a collection; give it with what was said, and its split, if any."""
    tell_findings(collection.findings)
    there = with_audio(collection, settings)
    if settings.get_npy:
        check_lengths(there, settings)
    say(check_room_ahead(there, settings))
    if not settings.get_mindrecord:
        return collection, None
    _check_classes(collection, there.clips)
    split = check_split(there, settings)
    say("sets: " + ", ".join(f"{name} {value}" for name, value in split.rule.items()))
    tell_findings(split.findings)
    return replace(collection, findings=(*collection.findings, *split.findings)), split


def _check_classes(collection: Collection, usable: Sequence[Clip]) -> None:
    about_classes = check_classes(collection.class_names, collection.clips, usable)
    refuse_errors(about_classes)
    tell_findings(about_classes)


def _audio_to_npy(
    settings: Settings, collection: Collection | None, processes: int, peers: Peers
) -> None:
    """Compute the feature of every clip that can be decoded, and write the index of them."""
    npy_path = Path(settings.npy_path)
    cache = FeatureCache(npy_path, FeatureParameters.from_settings(settings))
    if peers.is_main:
        discard_feature_index(npy_path)
        cache.prepare()
    clips = peers.broadcast(collection and collection.clips)
    seen = who_sees(npy_path, peers)
    share = clips[peers.rank :: peers.size]
    _check_audio(share, Path(settings.audio_path), peers)
    done = []
    with Progress(_title("audio -> npy", peers), len(share), "clips", peers.is_main) as progress:
        for clip in extract_features(
            [(clip.id, clip.path) for clip in share],
            cache,
            processes,
            settings.clip_timeout,
        ):
            done.append(clip)
            detail(f"{as_shown(clip.id)}: {clip.status}{clip.reason and f': {clip.reason}'}")
            progress.advance()
    gather_features(done, cache, peers, seen[peers.rank])
    gathered = peers.gather(done)
    if gathered is not None:
        features = sorted((clip for part in gathered for clip in part), key=lambda clip: clip.id)
        index = FeatureIndex(cache.parameters, tuple(features))
        index.write(npy_path)
        say(f"features of shape {cache.parameters.shape} in {cache.folder}")
        _report(features, settings)
        tell_findings(
            remarks_about_sound(clips, index, silent_clips(index, settings.silence_level))
        )


def _npy_to_mindrecord(
    settings: Settings, collection: Collection | None, processes: int, peers: Peers
) -> None:
    """Split the clips that have features, write the shards and the manifest."""
    prepare_environment("CPU")
    mr_path = Path(settings.mr_path)
    cache = FeatureCache(Path(settings.npy_path), FeatureParameters.from_settings(settings))
    plan, class_names = None, None
    if collection is not None:
        class_names = collection.class_names
        plan = _plan(settings, collection, cache)
        check_room(plan[0], ShardFormat(cache, mr_path, class_names, settings.feature_dtype))
        clear_folder(plan[0], mr_path)
    seen = zip(who_sees(Path(settings.npy_path), peers), who_sees(mr_path, peers), strict=True)
    writers = [rank for rank, both in enumerate(seen) if all(both)]
    planned, class_names = peers.broadcast(plan and (plan[0], class_names))
    share = share_of_shards(planned, writers, peers.rank)
    shard_format = ShardFormat(cache, mr_path, class_names, settings.feature_dtype)
    clips = sum(len(shard.clips) for shard in share)
    title = _title("npy -> MindRecord", peers)
    with Progress(title, clips, "clips", peers.is_main) as progress:
        written = list(write_shards(share, shard_format, processes, progress.advance))
    gathered = peers.gather(written)
    if gathered is not None and plan is not None:
        shards = {shard.file: shard for part in gathered for shard in part}
        manifest = _manifest(settings, class_names, plan, shards)
        manifest.write(mr_path)
        _summarise(manifest, settings)


_Plan = tuple[list[PlannedShard], list, Split]


def _plan(settings: Settings, collection: Collection, cache: FeatureCache) -> _Plan:
    index = read_feature_index(Path(settings.npy_path))
    _check_parameters(index, settings)
    silent = silent_clips(index, settings.silence_level)
    if not settings.get_npy:
        tell_findings(remarks_about_sound(collection.clips, index, silent))
    unusable = {clip.id: clip.reason for clip in index.clips if clip.skipped} | silent
    _check_unusable(unusable, settings)
    content = {clip.id: clip.sha256 for clip in index.clips if clip.id not in unusable}
    usable = [clip for clip in collection.clips if clip.id not in unusable]
    _check_classes(collection, usable)
    split = split_clips(usable, content, settings, collection.folds)
    tell_findings([finding for finding in split.findings if finding not in collection.findings])
    split = replace(split, left_out={**split.left_out, **silent})
    planned, outside = plan_records(
        collection.clips, index, split, settings.set_names, settings.num_consumer
    )
    if not settings.get_npy:
        # Else they were just made or read, and a hundred gigabytes are not soon read once more.
        check_features((clip for shard in planned for clip in shard.clips), cache)
    return planned, outside, split


def _manifest(
    settings: Settings, class_names: tuple[str, ...], plan: _Plan, shards: dict[str, Shard]
) -> Manifest:
    planned, outside, split = plan
    sets: dict[str, list[Shard]] = {}
    for shard in planned:
        sets.setdefault(shard.set, []).append(shards[shard.file])
    return Manifest(
        parameters=FeatureParameters.from_settings(settings),
        feature_dtype=settings.feature_dtype,
        dataset=settings.dataset,
        class_names=class_names,
        split=split.rule,
        sets={name: tuple(of_set) for name, of_set in sets.items()},
        clips=ClipRows.of(chain(*(shard.clips for shard in planned), outside)),
        versions=package_versions("mindspore", "librosa", "numpy", "soundfile", "soxr"),
        window_seconds=settings.window_seconds,
    )


def _cores_of_a_rank(local_size: int) -> int:
    cores = usable_cores()
    # mpirun has either bound each rank to cores of its own, or left all cores to all.
    return cores if cores < (os.cpu_count() or 1) else max(1, cores // local_size)


def _title(stage: str, peers: Peers) -> str:
    return stage if peers.size == 1 else f"{stage} (rank 0 of {peers.size})"


def _check_audio(share: Sequence[Clip], audio_path: Path, peers: Peers) -> None:
    """Refuse a host that has none of the clips it is to read."""
    if share and not any(clip.path.exists() for clip in share):
        raise InputError(
            f"this host has none of the {len(share)} clips that rank {peers.rank} is to read, like "
            f"{share[0].path}: copy or mount audio_path {audio_path} on every host"
        )


def _check_parameters(index: FeatureIndex, settings: Settings) -> None:
    differences = index.parameters.differences(FeatureParameters.from_settings(settings))
    if differences:
        raise InputError(
            f"the features in {settings.npy_path} were made with other settings: "
            f"{', '.join(differences)}; run preprocess with --get_npy 1"
        )


def _report(features: Sequence[ClipFeature], settings: Settings) -> None:
    counts = Counter(clip.status for clip in features)
    say(", ".join(f"{counts[status]} {status}" for status in sorted(counts)))
    skipped = [clip for clip in features if clip.skipped]
    if skipped:
        warn(f"skipped {len(skipped)} of {count(len(features), 'clip')}:")
        for clip in skipped[:_SHOWN_SKIPS]:
            say(f"  {as_shown(clip.id)}: {clip.reason}")
        if len(skipped) > _SHOWN_SKIPS:
            say(f"  … and {len(skipped) - _SHOWN_SKIPS} more, all in {settings.npy_path}")
    _check_unusable({clip.id: clip.reason for clip in skipped}, settings)


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
