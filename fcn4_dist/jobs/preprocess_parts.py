"""A part of a preprocess job, and what joins the parts: the bytes that one process would write."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.audio import (
    INDEX_NAME,
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    discard_feature_index,
    read_feature_index,
)
from fcn4_dist.clips import Collection
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.config import LoadedSettings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.parts import (
    FEATURES_NAME,
    SHARDS_NAME,
    Part,
    about_features,
    about_shards,
    agree,
    agreed,
    check_agreed,
    discard_indexes,
    join_indexes,
    parts_of,
)
from fcn4_dist.jobs.preprocess_steps import (
    Begun,
    Plan,
    begin,
    compute_features,
    finish,
    keep_to_this_job,
    plan_shards,
    read_and_count,
    refusals_told,
    report_features,
    wait_for_features,
    write_settings,
)
from fcn4_dist.processes import usable_cores
from fcn4_dist.records.manifest import MANIFEST_NAME
from fcn4_dist.records.obstacles import check_features, check_room
from fcn4_dist.records.planning import share_out
from fcn4_dist.records.writing import clear_folder, finished_shards, write_shards
from fcn4_dist.runs.occupancy import in_turn
from fcn4_dist.terminal import Progress, say, say_result

_SHOWN_PARTS = 8


def preprocess_part(loaded: LoadedSettings, part: Part) -> None:
    """Do a part of a preprocess job: the features of its clips, and its shards.

    Shards need the features of all parts. Where some are not there yet, it says what to run next;
    where this part is the last to be done, it writes what is of all: the index of the features,
    the manifest, the settings.

    Args:
        loaded: The settings of the job, the same for all parts.
        part: Which part it is.

    Raises:
        InputError: If the collection, the features or the other parts are not as the settings say.
    """
    with refusals_told(loaded.settings), ExitStack() as held:
        begun = begin(loaded)
        settings = begun.loaded.settings
        say(f"{part}: {len(part.share(begun.collection.clips))} clips")
        npy_path = Path(settings.npy_path)
        wait_for_features(settings, held, shared=True)
        held.enter_context(in_turn(npy_path, part.lock_name))
        if settings.get_npy:
            _make_features(begun, part)
        missing = _missing_features(begun.loaded, begun.collection, part.parts)
        if missing and settings.get_npy:
            say_result(
                f"the features of {part} are in {npy_path}; those of "
                f"{parts_of(missing, part.parts)} are not there yet: run the same command with "
                f"{_flags(missing, part.parts)}, on hosts that see this folder"
                f"{f', and then {part.flag} again for its shards' * settings.get_mindrecord}"
            )
        elif missing:
            raise _features_missing(missing, part.parts, npy_path)
        elif settings.get_mindrecord:
            keep_to_this_job(Path(settings.mr_path), held, shared=True)
            held.enter_context(in_turn(Path(settings.mr_path), part.lock_name))
            _write_shards(begun, part)
        else:
            say_result(f"the features of all {part.parts} parts are in {npy_path}")


def join_parts(loaded: LoadedSettings) -> None:
    """Write what is of all parts, from the indexes and receipts that they have left.

    Args:
        loaded: The settings that the parts had.

    Raises:
        InputError: If a part is missing, or is of other settings or clips.
    """
    with refusals_told(loaded.settings), ExitStack() as held:
        loaded, collection = read_and_count(loaded, audio=False)
        settings = loaded.settings
        npy_path, mr_path = Path(settings.npy_path), Path(settings.mr_path)
        held.enter_context(in_turn(npy_path, shared=True))
        if there := agreed(npy_path / FEATURES_NAME):
            check_agreed(there, about_features(there.parts, collection, settings), npy_path)
            if missing := _missing_features(loaded, collection, there.parts):
                raise _features_missing(missing, there.parts, npy_path)
        index = read_feature_index(npy_path)
        if not settings.get_mindrecord:
            say_result(f"the features of all parts are in {npy_path}")
            return
        if (there := agreed(mr_path / SHARDS_NAME)) is None:
            raise InputError(
                f"no part has begun to write shards in {mr_path}: run the same command with "
                "--part 1/n to --part n/n in the place of --join"
            )
        check_agreed(there, about_shards(there.parts, collection, settings), mr_path)
        keep_to_this_job(mr_path, held, shared=True)
        plan = plan_shards(Begun(loaded, collection, (), None), index, remarks=True)
        if missing := _join_shards(loaded, plan, there.parts):
            raise InputError(
                f"the shards of {parts_of(missing, there.parts)} are not in {mr_path}, or of other "
                f"features: run the same command with {_flags(missing, there.parts)} in the place "
                "of --join"
            )


def _make_features(begun: Begun, part: Part) -> None:
    """Compute the features of a part, and leave their index."""
    settings, clips = begun.loaded.settings, begun.collection.clips
    npy_path = Path(settings.npy_path)
    agree(
        npy_path / FEATURES_NAME,
        npy_path / INDEX_NAME,
        about_features(part.parts, begun.collection, settings),
        str(part),
        lambda: discard_indexes(npy_path),
    )
    cache = FeatureCache(npy_path, FeatureParameters.from_settings(settings))
    cache.prepare()
    processes = settings.processes or usable_cores()
    done = compute_features(
        part.share(clips), part.key, cache, settings, processes, f"audio -> npy ({part})"
    )
    index = FeatureIndex(cache.parameters, tuple(done))
    with in_turn(npy_path, f"{FEATURES_NAME}.lock"):
        if index != _known_index(part, npy_path):
            documents.write(part.index_file(npy_path), index)
            discard_feature_index(npy_path)
    report_features(done, settings)


def _known_index(part: Part, npy_path: Path) -> FeatureIndex | None:
    try:
        return documents.read(part.index_file(npy_path), FeatureIndex)
    except InputError:
        return None


def _missing_features(loaded: LoadedSettings, collection: Collection, parts: int) -> list[int]:
    """Write the index of all features, unless it is there; gives the parts that are missing."""
    npy_path = Path(loaded.settings.npy_path)
    parameters = FeatureParameters.from_settings(loaded.settings)
    with in_turn(npy_path, f"{FEATURES_NAME}.lock"):
        if (npy_path / INDEX_NAME).exists():
            return []
        missing = join_indexes(npy_path, collection, parameters, parts)
        if not missing:
            write_settings(loaded, npy_path)
        return missing


def _features_missing(missing: Sequence[int], parts: int, npy_path: Path) -> InputError:
    return InputError(
        f"the features of {parts_of(missing, parts)} are not in {npy_path}, or of other clips or "
        f"settings: run the same command with --get_npy 1 and {_flags(missing, parts)}"
    )


def _write_shards(begun: Begun, part: Part) -> None:
    """Write the shards of a part; and what is of all, if it is the last."""
    prepare_environment("CPU")
    settings = begun.loaded.settings
    mr_path = Path(settings.mr_path)
    plan = plan_shards(begun, read_feature_index(Path(settings.npy_path)), remarks=True)
    agree(
        mr_path / SHARDS_NAME,
        mr_path / MANIFEST_NAME,
        about_shards(part.parts, begun.collection, settings),
        str(part),
        lambda: clear_folder(plan.shards, mr_path),
    )
    share = share_out(plan.shards, range(1, part.parts + 1))[part.number]
    is_done = finished_shards(share, plan.format).keys() == {shard.file for shard in share}
    if not is_done:
        if not settings.get_npy:
            check_features((c for shard in share for c in shard.clips), plan.format.cache)
        check_room(share, plan.format)
        # What it says will not be so any more.
        (mr_path / MANIFEST_NAME).unlink(missing_ok=True)
    clips = sum(len(shard.clips) for shard in share)
    with Progress(f"npy -> MindRecord ({part})", clips, "clips", True) as progress:
        processes = settings.processes or usable_cores()
        list(write_shards(share, plan.format, processes, progress.advance))
    if is_done and (mr_path / MANIFEST_NAME).exists():
        say_result(f"the shards of all {part.parts} parts are in {mr_path}, as manifest.json says")
    elif missing := _join_shards(begun.loaded, plan, part.parts):
        say_result(
            f"the shards of {part} are in {mr_path}; those of {parts_of(missing, part.parts)} are "
            f"not there yet: run the same command with {_flags(missing, part.parts)}; the last one "
            "writes the manifest"
        )


def _join_shards(loaded: LoadedSettings, plan: Plan, parts: int) -> list[int]:
    """Write the manifest, if each part has written its shards; gives those that have not."""
    mr_path = plan.format.mr_path
    with in_turn(mr_path, f"{SHARDS_NAME}.lock"):
        found = finished_shards(plan.shards, plan.format)
        shares = share_out(plan.shards, range(1, parts + 1))
        missing = [
            number
            for number, share in shares.items()
            if any(shard.file not in found for shard in share)
        ]
        if missing:
            (mr_path / MANIFEST_NAME).unlink(missing_ok=True)
        else:
            clear_folder(plan.shards, mr_path)
            finish(loaded, plan, found)
        return missing


def _flags(numbers: Sequence[int], parts: int) -> str:
    """Give the flags of parts, of many only some."""
    flags = [Part(number, parts).flag for number in numbers[:_SHOWN_PARTS]]
    return ", ".join(flags) + ", …" * (len(numbers) > _SHOWN_PARTS)
