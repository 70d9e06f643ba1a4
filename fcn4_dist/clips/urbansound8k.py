"""UrbanSound8K: 8732 slices of up to 4 s of recordings from streets, in ten folds."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.collection import About, Clip, Collection, Dataset, PublishedScore
from fcn4_dist.clips.folder import unicode_text
from fcn4_dist.clips.published import (
    NUMBERS,
    TableRow,
    check_fields,
    find_audio,
    find_table,
    held_against_published,
    holds,
    numbered_classes,
    read_table,
    unnamed_audio,
)
from fcn4_dist.config import Settings
from fcn4_dist.findings import Finding, refuse_errors

URBANSOUND8K_CLASSES = (
    *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
    *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
)
"""Names of the classes, by their numbers."""

# As it was published, and as Kaggle has it.
_LAYOUTS = {"metadata/UrbanSound8K.csv": "audio", "UrbanSound8K.csv": ""}
_SLICES = dict(enumerate((873, 888, 925, 990, 936, 823, 838, 806, 816, 837), 1))
_COLUMNS = {
    **{"slice_file_name": None, "fsID": NUMBERS, "fold": _SLICES},
    **{"classID": range(len(URBANSOUND8K_CLASSES)), "class": None},
}
_SALAMON = "Salamon and Bello 2017, IEEE Signal Processing Letters"
_OF_A_FOLD = re.compile(r"fold([0-9]+)")


def read_urbansound8k(settings: Settings) -> Collection:
    """Read UrbanSound8K from its table and the names of its files.

    Args:
        settings: They name its folder, or the one above.

    Returns:
        The collection with its published folds, the classes in the order of their numbers; slices
        of one recording are a group.

    Raises:
        InputError: If the table is missing or damaged, or names and folders of files say something
            else.
    """
    audio_path = Path(settings.audio_path)
    table, folder = find_table(settings, _LAYOUTS, "UrbanSound8K")
    rows = read_table(table, ",", list(_COLUMNS))
    check_fields(table, rows, _COLUMNS)
    refuse_errors(_contradictions(table, rows))
    files, moved = find_audio(folder, map(_published_name, rows))
    class_names = numbered_classes(table, rows, "classID", "class", URBANSOUND8K_CLASSES)
    clips = [
        Clip(
            unicode_text((folder / _published_name(row)).relative_to(audio_path)),
            files[_published_name(row)],
            (row["class"],),
            group=str(row.number("fsID")),
            fold=row.number("fold"),
            line=row.line,
        )
        for row in rows
    ]
    counts = Counter(row.number("fold") for row in rows)
    findings = [
        *_in_other_folds(folder, clips),
        *held_against_published(
            {"classes": len(class_names), **{_slices(fold): counts[fold] for fold in _SLICES}},
            {
                "classes": len(URBANSOUND8K_CLASSES),
                **{_slices(fold): number for fold, number in _SLICES.items()},
            },
            "UrbanSound8K",
            table,
        ),
        *_folds_without_audio(folder, files),
        *moved,
        *unnamed_audio(folder, audio_path, set(files.values()), str(table)),
    ]
    return Collection(class_names, tuple(clips), tuple(findings), tuple(sorted(counts)))


def is_urbansound8k(path: Path) -> bool:
    """Say whether a folder holds UrbanSound8K, by names: its table, or folders for all folds."""
    # The folders alone would be taken for those of classes.
    folds = [f"fold{fold}" for fold in _SLICES]
    return any(holds(table)(path) for table in _LAYOUTS) or holds(*folds)(path)


def _published_name(row: TableRow) -> str:
    return f"fold{row.number('fold')}/{row['slice_file_name']}"


def _slices(fold: int) -> str:
    return f"slices of fold {fold}"


def _contradictions(table: Path, rows: Sequence[TableRow]) -> list[Finding]:
    """Find files whose names do not say what their rows say: recording and class."""
    return errors_about(
        f"{table} has rows that say something else than their file names "
        "(fsID-classID-occurrence-slice.wav)",
        [
            f"{row['slice_file_name']} in {row.place} (fsID {row['fsID']}, classID "
            f"{row['classID']})"
            for row in rows
            if not re.fullmatch(
                rf"{row.number('fsID')}-{row.number('classID')}-[0-9]+-[0-9]+\.\w+",
                row["slice_file_name"],
            )
        ],
        "get the file again, or mend its rows",
    )


def _in_other_folds(folder: Path, clips: Sequence[Clip]) -> list[Finding]:
    """Find slices that lie in the folder of another fold than their rows say."""
    folds = [_OF_A_FOLD.fullmatch(clip.path.parent.name) for clip in clips]
    return errors_about(
        f"{folder} has slices in the folder of another fold than the table says",
        [
            f"{clip.path.name} in {fold[0]} (fold {clip.fold} in line {clip.line})"
            for clip, fold in zip(clips, folds, strict=True)
            if fold and int(fold[1]) != clip.fold
        ],
        "move them, or unpack the archive again",
    )


def _folds_without_audio(folder: Path, files: Mapping[str, Path]) -> list[Finding]:
    there = {name.split("/")[0] for name, path in files.items() if path != folder / name}
    there |= {name for name in os.listdir(folder)} if os.path.isdir(folder) else set()
    folds = [f"fold{fold}" for fold in _SLICES]
    missing = [fold for fold in folds if fold not in there]
    return remarks_about(
        f"{folder} lacks the folders of folds",
        missing if len(missing) < len(folds) else [],
        "scores are not those of the whole collection without them",
        shown=len(folds),
    )


URBANSOUND8K = Dataset(
    name="urbansound8k",
    title="UrbanSound8K",
    on_disk="its unpacked archive: `metadata/UrbanSound8K.csv` and `audio/fold1` … `fold10`; or as "
    "Kaggle has it, the folders beside `UrbanSound8K.csv`",
    read=read_urbansound8k,
    metadata="metadata/UrbanSound8K.csv",
    published_split="ten folds",
    published_by_default=True,
    random_costs="cannot be compared with published scores, which are means over its ten folds; "
    "where it parts the slices of a recording, which it does not here, it flatters: 1010 of the "
    "1297 recordings have several",
    group_is="recordings",
    about=About(
        licence="CC BY-NC 3.0; the authors are in its `FREESOUNDCREDITS.txt`",
        where="<https://urbansounddataset.weebly.com/urbansound8k.html> and "
        "<https://zenodo.org/record/1203745>, 6 GB",
        clips="8732 slices of up to 4 s, as they were recorded, 10 classes",
        unpacked="UrbanSound8K",
        leave_out="`FREESOUNDCREDITS.txt`",
        folds="1 to 10",
        defects="1653 slices are shorter than 4 s, 166 of them than 0.5 s. The folds keep the "
        "slices of a recording and a class together; those of five recordings with two classes "
        "(77751, 106905, 132016, 176638, 180937; 152 slices) are in two folds. Classes are not "
        "balanced: 374 gun shots, 429 car horns, 929 sirens, 1000 of each other class.",
        published=(
            PublishedScore("CNN of three convolutional layers", "accuracy 0.73", _SALAMON),
            PublishedScore("the same with augmentation", "accuracy 0.79", _SALAMON),
        ),
        modelzoo="AUC 0.985, on a random split that parts recordings: 96 of 100 slices drawn for "
        "validation have others of their recording in the training set (`fcn-4_UrbanSound8K`)",
    ),
    recognises=is_urbansound8k,
)
