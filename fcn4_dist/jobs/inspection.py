"""The commands verify and inspect: shards held against their manifest, and what is in them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from fcn4_dist.cluster.device import check_mindspore, prepare_environment
from fcn4_dist.errors import InputError
from fcn4_dist.files import PICTURE_BEGINNING, check_replaceable, check_writable
from fcn4_dist.findings import as_shown, counted, refuse_errors
from fcn4_dist.pipeline import read_batches
from fcn4_dist.records import (
    ClipRow,
    ClipRows,
    Manifest,
    check_shards,
    file_faults,
    foreign_files,
    manifest_faults,
    read_manifest,
    row_faults,
)
from fcn4_dist.records.class_counts import classes_without_clips_in, counts_by_class
from fcn4_dist.records.manifest import MANIFEST_NAME
from fcn4_dist.terminal import Progress, clock, detail, say, say_result, still_running, table
from fcn4_dist.text import count
from fcn4_dist.versions import check_extra

SHEET_NAME = "sheet.png"
_EXAMPLES = 5
_MOST_DRAWN = 50
_NUMBER = re.compile(r"\d\S*\d|\d")


def verify_shards(folder: Path) -> None:
    """Hold the shards of a folder against their manifest, and say what they are.

    Args:
        folder: Folder of the shards.

    Raises:
        InputError: Naming everything that is wrong, a line each.
    """
    manifest = read_manifest(folder)
    check_mindspore()
    prepare_environment("CPU")
    findings = [*manifest_faults(manifest, folder), *foreign_files(manifest, folder)]
    record_sets = [manifest.record_set(name, folder) for name in manifest.sets]
    clips = sum(shard.rows for each in record_sets for shard in each.shards)
    with Progress("verifying", clips, "clips") as progress:
        for record_set, shard in ((each, shard) for each in record_sets for shard in each.shards):
            of_files = list(file_faults(shard, folder))
            detail(f"{folder / shard.file}: {shard.rows} clips, {'wrong' if of_files else 'read'}")
            findings += of_files
            # MindSpore may crash on a damaged file.
            if not of_files:
                findings += row_faults(record_set, shard, progress.advance)
    refuse_errors(findings)
    for name, of_set in manifest.sets.items():
        megabytes = sum(shard.bytes for shard in of_set) / 1e6
        rows = sum(shard.rows for shard in of_set)
        say_result(
            f"{name}: {count(rows, 'clip')} in {count(len(of_set), 'shard')}, "
            f"{megabytes:.0f} MB: whole"
        )
    if not manifest.sealed:
        say_result(
            f"{folder / MANIFEST_NAME} is of an earlier version, which wrote no checksum: clips, "
            "labels and the form of features were held against the shards; whether anything else "
            "in it was changed cannot be told; preprocess, run again, gives it a checksum and "
            "keeps the shards"
        )


def inspect_shards(folder: Path, sheet: Path | None, per_class: int) -> None:
    """Print what is in a folder of shards, and draw some clips of each class.

    Args:
        folder: Folder of the shards.
        sheet: PNG file to draw to; None for ``sheet.png`` in the folder.
        per_class: Clips to draw of each class.

    Raises:
        InputError: If there is no manifest, or if clips that are to be drawn are in a shard that is
            missing or damaged, or the sheet cannot be written.
    """
    manifest = read_manifest(folder)
    if sheet:
        check_writable(sheet.parent, "sheet")
    for line in _origin(manifest, folder):
        say_result(line)
    say_result("")
    say_result(table(counts_by_class(manifest)))
    for line in _lacking(manifest):
        say_result(line)
    say_result("")
    say_result(table(_durations(manifest)))
    say_result("")
    for line in _levels(manifest):
        say_result(line)
    for line in _outside(manifest):
        say_result(line)
    say_result("")
    _draw(manifest, folder, sheet or folder / SHEET_NAME, per_class)


def _origin(manifest: Manifest, folder: Path) -> list[str]:
    parameters = manifest.parameters
    rule = ", ".join(f"{name} {value}" for name, value in manifest.split.items())
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return [
        f"{folder}: dataset {manifest.dataset}, {count(len(manifest.clips), 'clip')}",
        f"sets: {rule}",
        f"features: {parameters.clip_seconds:g} s of a clip at {parameters.sample_rate} Hz, "
        f"n_fft {parameters.n_fft} samples, hop_length {parameters.hop_length} samples, "
        f"{parameters.n_mels} mel bands, {parameters.log_mel} (dB); {manifest.feature_dtype} "
        f"of shape {parameters.shape}",
        f"made with {versions}",
    ]


def _lacking(manifest: Manifest) -> Iterator[str]:
    """Say which classes sets have no clip of."""
    for name in manifest.sets:
        if lacking := classes_without_clips_in(manifest, name):
            yield f"{name} has no clip of classes: {counted(lacking)}"


def _durations(manifest: Manifest) -> list[list[str]]:
    rows = [["set", "shortest", "median", "longest", "in all", "kept", "padded", "cropped"]]
    for name in manifest.sets:
        clips = _clips_of(manifest, name)
        known = clips.seconds[clips.seconds != 0].tolist() or [0.0]
        statuses: Counter[str] = Counter()
        for place, number in clips.count_places().items():
            statuses[place.status] += number
        rows.append(
            [
                name,
                *(f"{length:.1f} s" for length in (min(known), median(known), max(known))),
                clock(sum(known)),
                *(str(statuses[status]) for status in ("kept", "padded", "cropped")),
            ]
        )
    return rows


def _levels(manifest: Manifest) -> Iterator[str]:
    """Say how loud the clips of each set are, and which are the quietest."""
    rows = [["set", "quietest", "median", "loudest", "not measured"]]
    measured: list[tuple[float, str]] = []
    for name in manifest.sets:
        clips = _clips_of(manifest, name)
        levels = np.sort(clips.levels[~np.isnan(clips.levels)]).tolist()
        # By the id, too, of those that are as quiet as the last that is told.
        last = levels[:_EXAMPLES][-1:] or [-np.inf]
        quiet = np.flatnonzero(clips.levels <= last[0])
        measured += [(float(clips.levels[row]), clips.ids[row]) for row in quiet]
        cells = ["-"] * 3
        if levels:
            cells = [f"{each:.1f} dBFS" for each in (levels[0], median(levels), levels[-1])]
        rows.append([name, *cells, str(len(clips) - len(levels))])
    yield table(rows)
    if quietest := [
        f"{as_shown(clip_id)} ({level:.1f} dBFS)" for level, clip_id in sorted(measured)
    ]:
        yield f"the quietest: {', '.join(quietest[:_EXAMPLES])}"


def _outside(manifest: Manifest) -> Iterator[str]:
    """Say which clips are in no set, by their reasons."""
    reasons: dict[tuple[str, str], list[ClipRow]] = defaultdict(list)
    for clip in _clips_of(manifest, ""):
        # What comes behind the kind of reason is about the one clip.
        kind = clip.reason.split(":")[0].split(" as ")[0]
        reasons[clip.status, _NUMBER.sub("…", kind)].append(clip)
    for (status, kind), clips in sorted(reasons.items(), key=lambda item: -len(item[1])):
        if len({clip.reason for clip in clips}) == 1:
            kind = clips[0].reason
        yield ""
        yield f"{len(clips)} {status}: {kind}"
        for clip in clips[:_EXAMPLES]:
            yield f"  {as_shown(clip.id)}" + (f" ({clip.reason})" if clip.reason != kind else "")
        if len(clips) > _EXAMPLES:
            yield f"  … and {len(clips) - _EXAMPLES} more, all in manifest.json"


def _clips_of(manifest: Manifest, name: str) -> ClipRows:
    return manifest.clips.where(lambda place: place.set == name)


def _draw(manifest: Manifest, folder: Path, sheet: Path, per_class: int) -> None:
    try:
        check_mindspore()
        check_extra("report")
    except InputError as error:
        say(f"no sheet of spectrograms: {error}")
        return
    check_writable(sheet.parent, "sheet")
    check_replaceable(sheet, "--sheet", PICTURE_BEGINNING)
    prepare_environment("CPU")
    from fcn4_dist.reports.spectrogram_sheet import Picture, write_sheet

    drawn = _classes_to_draw(manifest)
    chosen = [_examples(manifest, name, per_class) for name in drawn]
    features = _read(manifest, folder, [clip for of_class in chosen for clip in of_class])
    groups = []
    for name, clips in zip(drawn, chosen, strict=True):
        pictures = [Picture(name, clip.id, features[clip.id][0]) for clip in clips]
        empty = Picture(name, "no more clips" if clips else "no clips")
        groups.append([*pictures, *[empty] * (per_class - len(clips))])
    write_sheet(
        sheet,
        f"{folder.absolute().name}: the first clips of each class",
        groups,
        seconds=manifest.parameters.clip_seconds,
        decibels=f"dB ({manifest.parameters.log_mel})",
    )
    some = ""
    if len(drawn) < len(manifest.class_names):
        some = f" of the {len(drawn)} classes of {len(manifest.class_names)} that have most clips"
    say_result(f"mel-spectrograms of {count(len(features), 'clip')}{some}: {sheet}")


def _classes_to_draw(manifest: Manifest) -> list[str]:
    clips = manifest.clips.where(lambda place: place.set != "").count_labels()
    most = sorted(manifest.class_names, key=lambda name: -clips.get(name, 0))[:_MOST_DRAWN]
    return [name for name in manifest.class_names if name in most]


def _examples(manifest: Manifest, class_name: str, count: int) -> list[ClipRow]:
    """Choose clips of a class: of the first set that has any, the first by id."""
    for name in manifest.sets:
        clips = _clips_of(manifest, name)
        rows = clips.rows_labelled(lambda label: label == class_name)[:count]
        if len(rows):
            return [clips[int(row)] for row in rows]
    return []


def _read(manifest: Manifest, folder: Path, clips: Sequence[ClipRow]) -> dict[str, np.ndarray]:
    features: dict[str, np.ndarray] = {}
    for name in manifest.sets:
        record_set = manifest.record_set(name, folder)
        wanted = {clip.id for clip in clips if clip.set == name}
        rows = [row for row, clip_id in enumerate(record_set.clips.ids) if clip_id in wanted]
        if rows:
            # MindSpore may crash on a damaged file.
            with still_running(f"checking the shards of {name}"):
                check_shards(record_set)
        for batch in read_batches(record_set, [np.array([row]) for row in rows]):
            features[batch.ids[0]] = batch.features[0]
    return features
