"""ESC-50: 2000 clips of 5 s of environmental sounds, in five folds; ESC-10 is a part of it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.clips.checks import errors_about
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
from fcn4_dist.findings import Finding, Level, refuse_errors

ESC50_CLASSES = (
    *("dog", "rooster", "pig", "cow", "frog"),
    *("cat", "hen", "insects", "sheep", "crow"),
    *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds"),
    *("water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm"),
    *("crying_baby", "sneezing", "clapping", "breathing", "coughing"),
    *("footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping"),
    *("door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening"),
    *("washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking"),
    *("helicopter", "chainsaw", "siren", "car_horn", "engine"),
    *("train", "church_bells", "airplane", "fireworks", "hand_saw"),
)
"""Names of the classes, by their numbers, which is the order of the ModelZoo's ESC-50, too."""

_LAYOUTS = {"meta/esc50.csv": "audio", "esc50.csv": "audio"}
_FOLDS = range(1, 6)
_COLUMNS = {
    **{"filename": None, "fold": _FOLDS, "target": range(len(ESC50_CLASSES)), "category": None},
    **{"src_file": NUMBERS, "take": None},
}
_CLIPS = 8  # of a class in a fold
_ESC10 = frozenset({0, 1, 10, 11, 12, 20, 21, 38, 40, 41})
_PICZAK = "Piczak 2015, ACM Multimedia"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def read_esc50(settings: Settings) -> Collection:
    """Read ESC-50, or ESC-10 of it, from its table and the names of its files.

    Args:
        settings: They name its folder, or the one above, and the ``subset``.

    Returns:
        The collection with its published folds, the classes in the order of their numbers; clips
        of one recording are a group.

    Raises:
        InputError: If the table is missing or damaged, or the names of files say something else.
    """
    audio_path = Path(settings.audio_path)
    table, folder = find_table(settings, _LAYOUTS, "ESC-50")
    rows = read_table(table, ",", [*_COLUMNS, *(["esc10"] if settings.subset else [])])
    check_fields(table, rows, _COLUMNS)
    refuse_errors(_contradictions(table, rows))
    files, moved = find_audio(folder, [row["filename"] for row in rows])
    extra = unnamed_audio(folder, audio_path, set(files.values()), str(table))
    if settings.subset:
        rows = _of_esc10(table, rows)
    class_names = numbered_classes(table, rows, "target", "category", ESC50_CLASSES)
    clips = [
        Clip(
            unicode_text((folder / row["filename"]).relative_to(audio_path)),
            files[row["filename"]],
            (row["category"],),
            group=str(row.number("src_file")),
            fold=row.number("fold"),
            line=row.line,
        )
        for row in rows
    ]
    findings = [*_part(table, rows, settings.subset), *moved, *extra]
    folds = sorted({row.number("fold") for row in rows})
    return Collection(class_names, tuple(clips), tuple(findings), tuple(folds))


def _of_esc10(table: Path, rows: Sequence[TableRow]) -> list[TableRow]:
    others = [row for row in rows if row["esc10"].lower() not in _FLAGS]
    members = [row for row in rows if _FLAGS.get(row["esc10"].lower())]
    refuse_errors(
        [
            *errors_about(
                f"{table} has fields in the column esc10 that are neither True nor False",
                [f"{row['esc10']!r} in {row.place}" for row in others],
                "get the file again, or mend its rows",
            ),
            *errors_about(
                f"{table} has no row of ESC-10 (esc10 True)",
                [] if members else [f"{row['filename']} in {row.place}" for row in rows],
                "leave out --subset",
            ),
        ]
    )
    return members


def _contradictions(table: Path, rows: Sequence[TableRow]) -> list[Finding]:
    """Find files whose names do not say what their rows say: fold, recording, take and class."""
    return errors_about(
        f"{table} has rows that say something else than their file names "
        "(fold-src_file-take-target.wav)",
        [
            f"{row['filename']} in {row.place} (fold {row['fold']}, src_file {row['src_file']}, "
            f"take {row['take']}, target {row['target']})"
            for row in rows
            if "/" in row["filename"]
            or row["filename"].rpartition(".")[0]
            != f"{row.number('fold')}-{row.number('src_file')}-{row['take']}-{row.number('target')}"
        ],
        "get the file again, or mend its rows",
    )


def _part(table: Path, rows: Sequence[TableRow], subset: str) -> list[Finding]:
    """Say which part of ESC-50 it is, and what that lacks."""
    targets = {row.number("target") for row in rows}
    title, classes = (
        ("ESC-10", len(_ESC10)) if targets == _ESC10 else ("ESC-50", len(ESC50_CLASSES))
    )
    counts = Counter(f"clips of fold {row.number('fold')}" for row in rows)
    whole = dict.fromkeys((f"clips of fold {fold}" for fold in _FOLDS), classes * _CLIPS)
    here = {"classes": len(targets), **counts}
    of_esc10 = f"ESC-50 has 50 classes, {table} has {len(targets)}: those of ESC-10"
    return [
        *([Finding(Level.NOTE, of_esc10)] if title == "ESC-10" and not subset else []),
        *held_against_published(here, {"classes": classes, **whole}, title, table),
    ]


ESC50 = Dataset(
    name="esc50",
    title="ESC-50, and ESC-10 as a part of it",
    on_disk="its unpacked archive: `meta/esc50.csv` and `audio/*.wav` (or the same names with "
    "another suffix); `--subset esc10` takes the clips of ESC-10",
    read=read_esc50,
    metadata="meta/esc50.csv",
    published_split="five folds",
    published_by_default=True,
    random_costs="cannot be compared with published scores, which are means over its five folds",
    group_is="recordings",
    subsets=("esc10",),
    about=About(
        licence="CC BY-NC 3.0, the clips of ESC-10 CC BY; each clip's author is in its `LICENSE`",
        where="<https://github.com/karolpiczak/ESC-50>, 600 MB",
        clips="2000 clips of 5 s, 50 classes; ESC-10: 400 clips, 10 classes",
        unpacked="ESC-50-master",
        leave_out="`meta/esc50-human.xlsx`, `tests/`",
        folds="1 to 5",
        defects="Many clips are filled up with digital silence, which may be all of a cut: of the "
        "400 clips of ESC-10, `clip_seconds` 5 keeps all, and the middle 3.4 s of 3 are silent, "
        "which are left out and named. Clips of four recordings (131943, 134049, 209698, 234879) "
        "are in two folds, as two classes each; within ESC-10 none is. Some recordings were "
        "band-limited before, which may tell the class, says its README.",
        published=(
            PublishedScore(
                "CNN of two convolutional layers", "accuracy 0.645", "Piczak 2015, MLSP"
            ),
            PublishedScore("random forest of MFCC", "accuracy 0.443", _PICZAK),
            PublishedScore("people who listened", "accuracy 0.813; ESC-10: 0.957", _PICZAK),
            PublishedScore(
                "AST, pre-trained on AudioSet",
                "accuracy 0.956",
                "Gong and others 2021, Interspeech",
            ),
        ),
        modelzoo="AUC 0.96, on a random split that parts recordings: 34 of 100 clips drawn for "
        "validation have others of their recording in the training set (`fcn-4_ecs50`)",
        ours="ESC-10, mean of its five published folds, a quarter of the width: accuracy 0.915, "
        "macro ROC-AUC 0.993 (`fcn4-dist cross-validate --config configs/esc50.yaml --subset esc10 "
        "--width 0.25`; [measurements.md](measurements.md#the-recipe) has each fold, and what each "
        "part of the recipe does). All of ESC-50: not yet",
    ),
    recognises=lambda path: any(holds(table)(path) for table in _LAYOUTS),
)
