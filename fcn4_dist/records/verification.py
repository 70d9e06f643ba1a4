"""Whether shards are what their manifest and the settings say."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.findings import Finding, Level, as_shown
from fcn4_dist.records.manifest import MANIFEST_NAME, Manifest, RecordSet, Shard
from fcn4_dist.records.rows import ClipRows

_WITHOUT_SHARD = ("skipped", "left out")
_ROWS_A_READ = 64
_SHOWN = 3


def check_against_settings(manifest: Manifest, settings: Settings) -> None:
    """Refuse shards made with other feature parameters or classes than the settings say.

    Raises:
        InputError: Naming every difference and the flags that end it.
    """
    wanted = FeatureParameters.from_settings(settings)
    differences = manifest.parameters.differences(wanted)
    if not settings.clip_seconds:
        # The setting that decides how much of a clip is kept, then.
        differences = [text.replace("clip_seconds", "window_seconds") for text in differences]
    if len(manifest.class_names) != settings.num_classes:
        differences.append(
            f"num_classes {len(manifest.class_names)} instead of {settings.num_classes}"
        )
    if differences:
        flags = " ".join("--" + " ".join(text.split()[:2]) for text in differences)
        raise InputError(
            f"the shards in {settings.shard_folder} were made with other settings: "
            f"{', '.join(differences)}; give {flags}, or run preprocess again"
        )


def file_faults(shard: Shard, folder: Path) -> Iterator[Finding]:
    """Tell whether a shard and its index are there, and are the bytes the manifest says.

    Args:
        shard: The shard.
        folder: Folder of the manifest.

    Yields:
        An error for each of the two files that is missing, unreadable or different.
    """
    for file, sha256 in ((shard.file, shard.sha256), (f"{shard.file}.db", shard.index_sha256)):
        path = folder / file
        if not path.is_file():
            yield _fault(f"{path} is missing, though the manifest names it")
            continue
        try:
            # Of the index, the manifest does not know the size.
            same = file != shard.file or path.stat().st_size == shard.bytes
            same = same and sha256_of(path) == sha256
        except OSError as error:
            problem = f"{path} cannot be read ({error.strerror})"
            yield _fault(problem, "mend that, or run preprocess again")
            continue
        if not same:
            yield _fault(
                f"{path} is not the file the manifest was written for (its SHA-256 differs)",
                "it was damaged or replaced; run preprocess again",
            )


def foreign_files(manifest: Manifest, folder: Path) -> Iterator[Finding]:
    """Find what is named like a shard or its index and is none of the manifest's.

    Args:
        manifest: The manifest.
        folder: Its folder.

    Yields:
        An error for each.
    """
    named = {shard.file for shards in manifest.sets.values() for shard in shards}
    named |= {f"{file}.db" for file in named}
    for path in sorted(folder.glob("[!.]*.mindrecord*")):
        if path.name not in named:
            problem = f"{path} is named like a shard and is none of the manifest's"
            yield _fault(problem, "remove it, or run preprocess again")


def manifest_faults(manifest: Manifest, folder: Path) -> Iterator[Finding]:
    """Find where a manifest contradicts itself.

    Args:
        manifest: The manifest.
        folder: Its folder.

    Yields:
        An error for each contradiction.
    """
    path = folder / MANIFEST_NAME
    for text in (*_wrong_counts(manifest), *_repeated_names(manifest), *_wrong_clips(manifest)):
        yield _fault(f"{path} contradicts itself: {text}")


def row_faults(
    record_set: RecordSet, shard: Shard, on_rows: Callable[[int], None]
) -> Iterator[Finding]:
    """Hold the rows of a shard against the manifest: clips, their order, labels, features' form.

    Needs MindSpore, which may crash on a damaged shard: only one in whose files
    :func:`file_faults` finds nothing may be read.

    Args:
        record_set: The set the shard is of.
        shard: The shard.
        on_rows: Called with the number of rows just read.

    Yields:
        An error for each kind of difference.
    """
    path = record_set.folder / shard.file
    ids: list[str] = []
    labels: list[np.ndarray] = []
    try:
        for some_ids, some_labels in _read_rows(path):
            ids += some_ids
            labels += list(some_labels)
            on_rows(len(some_ids))
        feature = _read_feature(path)
    except RuntimeError as error:
        yield _fault(f"{path} cannot be read by MindSpore ({_reason(error)})")
        return
    clips = record_set.clips_of(shard)
    if others := _other_clips(ids, list(clips.ids)):
        yield _fault(f"{path} does not hold the clips the manifest says ({others})")
    if relabelled := _relabelled(record_set, clips, dict(zip(ids, labels, strict=True))):
        yield _fault(f"{path} does not hold the labels the manifest says ({_some(relabelled)})")
    if not record_set.holds(feature[np.newaxis]):
        parameters = f"{record_set.feature_dtype} of shape {record_set.parameters.shape}"
        yield _fault(f"{path} does not hold features as the manifest says ({parameters})")


def _fault(problem: str, mend: str = "run preprocess again") -> Finding:
    return Finding(Level.ERROR, problem, mend)


def _wrong_counts(manifest: Manifest) -> Iterator[str]:
    rows: Counter[str] = Counter()
    for place, count in manifest.clips.count_places().items():
        rows[place.shard] += count
    for shards in manifest.sets.values():
        for shard in shards:
            if shard.rows != rows[shard.file]:
                yield f"{shard.file} has {shard.rows} rows, and {rows[shard.file]} clips are in it"


def _repeated_names(manifest: Manifest) -> Iterator[str]:
    names: dict[str, Sequence[str]] = {
        "class": manifest.class_names,
        "shard": [shard.file for shards in manifest.sets.values() for shard in shards],
        "clip": manifest.clips.ids,
    }
    for what, all_of_them in names.items():
        # A million hashes take a tenth of the memory that as many texts do.
        hashes = np.fromiter(map(hash, all_of_them), np.int64, len(all_of_them))
        if len(np.unique(hashes)) == len(all_of_them):
            continue
        if repeated := [name for name, count in Counter(all_of_them).items() if count > 1]:
            yield f"it has the same {what} more than once: {_some(repeated)}"


def _wrong_clips(manifest: Manifest) -> Iterator[str]:
    clips, classes = manifest.clips, set(manifest.class_names)
    there = {(name, shard.file) for name, shards in manifest.sets.items() for shard in shards}
    there.add(("", ""))
    lost = clips.where(lambda place: place[:2] not in there)
    unclear = clips.where(
        lambda place: place[:2] in there and (place.status in _WITHOUT_SHARD) != (not place.shard)
    )
    mislabelled = clips.at(clips.rows_labelled(lambda name: name not in classes))
    if lost:
        texts = [f"{clip.id} in {clip.shard or 'none'}" for clip in lost]
        yield f"clips are in shards that their sets do not have: {_some(texts)}"
    if unclear:
        texts = [f"{clip.id} is {clip.status}" for clip in unclear]
        yield f"what became of clips does not fit to the shard they are in: {_some(texts)}"
    if mislabelled:
        texts = [
            f"{clip.id} of {_some([name for name in clip.labels if name not in classes])}"
            for clip in mislabelled
        ]
        yield f"clips are of classes it does not name: {_some(texts)}"
    if unsorted := _not_in_order_of_shards(manifest):
        yield f"clips are not in the order of the shards: {_some(unsorted)}"


def _not_in_order_of_shards(manifest: Manifest) -> list[str]:
    clips = manifest.clips
    behind = []
    for name, shards in manifest.sets.items():
        number = {(name, shard.file): number for number, shard in enumerate(shards)}
        of_row = clips.by_place([number.get(place[:2], -1) for place in clips.places])
        rows = np.flatnonzero(of_row >= 0)
        behind += rows[of_row[rows] < np.maximum.accumulate(of_row[rows])].tolist()
    return [clips.ids[row] for row in sorted(behind)]


def _read_rows(path: Path) -> Iterator[tuple[list[str], np.ndarray]]:
    import mindspore.dataset as ds

    rows = ds.MindDataset([str(path)], columns_list=["id", "label"], shuffle=False)
    batches = rows.batch(_ROWS_A_READ).create_tuple_iterator(num_epochs=1, output_numpy=True)
    for ids, labels in batches:
        yield ids.tolist(), labels


def _read_feature(path: Path) -> np.ndarray:
    import mindspore.dataset as ds

    rows = ds.MindDataset([str(path)], columns_list=["feature"], shuffle=False)
    (feature,) = next(rows.create_tuple_iterator(num_epochs=1, output_numpy=True))
    return feature


def _reason(error: RuntimeError) -> str:
    # MindSpore frames the one line that says something with several that do not.
    lines = str(error).strip().splitlines() or ["no reason given"]
    return next((line for line in lines if line.startswith("[ERROR] ")), lines[0])


def _other_clips(ids: Sequence[str], wanted: Sequence[str]) -> str:
    """Say how the ids in a shard differ from those wanted; "" if they do not."""
    both = set(ids) & set(wanted)
    found_order, wanted_order = (
        [name for name in dict.fromkeys(names) if name in both] for names in (ids, wanted)
    )
    pairs = zip(found_order, wanted_order, strict=True)
    differences = {
        "missing": list(Counter(wanted) - Counter(ids)),
        "extra": list(Counter(ids) - Counter(wanted)),
        "in another order": [found for found, right in pairs if found != right],
    }
    return "; ".join(f"{what}: {_some(names)}" for what, names in differences.items() if names)


def _relabelled(
    record_set: RecordSet, clips: ClipRows, found: Mapping[str, np.ndarray]
) -> list[str]:
    """Give the ids of clips whose labels in the shard are not those of the manifest."""
    # Labels that are no class are a fault of the manifest alone.
    classes = set(record_set.class_names)
    strange = set(clips.rows_labelled(lambda name: name not in classes).tolist())
    ids = list(clips.ids)
    known = [row for row, name in enumerate(ids) if name in found and row not in strange]
    wanted = clips.label_matrix(record_set.class_names, known)
    return [
        ids[row]
        for row, labels in zip(known, wanted, strict=True)
        if not np.array_equal(found[ids[row]], labels)
    ]


def _some(names: Sequence[str]) -> str:
    """Name the first few, in one line."""
    shown = list(map(as_shown, names[:_SHOWN]))
    if len(names) > _SHOWN:
        shown.append(f"… ({len(names)} in all)")
    return ", ".join(shown)
