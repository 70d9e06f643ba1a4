"""FSDKaggle2018: sounds of Freesound in 41 classes, with a training and a test set."""

from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.clips.checks import classes_without_clips, errors_about
from fcn4_dist.clips.collection import About, Clip, Collection, Dataset, PublishedScore
from fcn4_dist.clips.folder import unicode_text
from fcn4_dist.clips.published import (
    TableRow,
    check_fields,
    find_audio,
    find_table,
    held_against_published,
    holds,
    read_table,
    unnamed_audio,
)
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, refuse_errors

FSDKAGGLE2018_CLASSES = (
    *("Acoustic_guitar", "Applause", "Bark", "Bass_drum", "Burping_or_eructation", "Bus", "Cello"),
    *("Chime", "Clarinet", "Computer_keyboard", "Cough", "Cowbell", "Double_bass"),
    *("Drawer_open_or_close", "Electric_piano", "Fart", "Finger_snapping", "Fireworks", "Flute"),
    *("Glockenspiel", "Gong", "Gunshot_or_gunfire", "Harmonica", "Hi-hat", "Keys_jangling"),
    *("Knock", "Laughter", "Meow", "Microwave_oven", "Oboe", "Saxophone", "Scissors", "Shatter"),
    *("Snare_drum", "Squeak", "Tambourine", "Tearing", "Telephone", "Trumpet"),
    *("Violin_or_fiddle", "Writing"),
)
"""Names of the classes, sorted, which is the order of the ModelZoo's FCN-4 for them, too."""

# As Zenodo has it, and as Kaggle had it during and after the competition.
_LAYOUTS = {
    "FSDKaggle2018.meta/train_post_competition.csv": "FSDKaggle2018.audio_train",
    "train_post_competition.csv": "audio_train",
    "train.csv": "audio_train",
}
_TEST_TABLES = ("test_post_competition_scoring_clips.csv", "test_post_competition.csv")
_PUBLISHED = {"training clips": 9473, "test clips": 1600}
_OF_TEST_SET = frozenset({"public", "private"})


def read_fsdkaggle2018(settings: Settings) -> Collection:
    """Read FSDKaggle2018 from its tables, as Zenodo or Kaggle has them.

    Args:
        settings: They name its folder, or the one above.

    Returns:
        The collection with the published training and test set; clips that Kaggle's competition
        ignored are left out. Without a table of the test set, no clip has a role.

    Raises:
        InputError: If the table of the training set is missing, or one is damaged.
    """
    audio_path = Path(settings.audio_path)
    table, folder = find_table(settings, _LAYOUTS, "FSDKaggle2018")
    tests = [path for name in _TEST_TABLES if (path := table.with_name(name)).is_file()]
    training = read_table(table, ",", ["fname", "label", "manually_verified"])
    check_fields(table, training, {"fname": None, "label": None, "manually_verified": range(2)})
    clips, findings = _clips(table, training, audio_path, folder, "train" if tests else "")
    counts = {"training clips": len(clips)}
    for test in tests[:1]:
        scored, others = _clips_of_test_set(test, audio_path, folder)
        clips, findings = clips + scored, findings + others
        counts["test clips"] = len(scored)
    findings += [
        *held_against_published(counts, _PUBLISHED, "FSDKaggle2018", table),
        *errors_about(
            f"{table} has no clip of classes of FSDKaggle2018",
            classes_without_clips(FSDKAGGLE2018_CLASSES, clips),
            "get the file again",
            shown=len(FSDKAGGLE2018_CLASSES),
        ),
        *_what_labels_are_worth(table, training),
    ]
    if not tests:
        sentence = f"{table.parent} holds no table of the test set ({' or '.join(_TEST_TABLES)})"
        findings.append(Finding(Level.WARNING, f"{sentence}: the sets are drawn from the others"))
    return Collection(FSDKAGGLE2018_CLASSES, tuple(clips), tuple(findings))


def _clips_of_test_set(
    table: Path, audio_path: Path, folder: Path
) -> tuple[list[Clip], list[Finding]]:
    rows = read_table(table, ",", ["fname", "label", "usage"])
    check_fields(table, rows, {"fname": None, "label": None, "usage": None})
    if folder.name.endswith("audio_train"):
        folder = folder.with_name(folder.name.replace("train", "test"))
    if not folder.is_relative_to(audio_path):
        raise InputError(
            f"audio_path {audio_path} holds the training clips of FSDKaggle2018 alone: name the "
            f"folder that also holds {folder.name} with --audio_path"
        )
    return _clips(table, rows, audio_path, folder, "test")


def _clips(
    table: Path, rows: Sequence[TableRow], audio_path: Path, folder: Path, role: str
) -> tuple[list[Clip], list[Finding]]:
    """Make the clips of a table, and say what is wrong with it and its audio."""
    counted = [row for row in rows if role != "test" or row["usage"].lower() in _OF_TEST_SET]
    refuse_errors(
        [
            *errors_about(
                f"{table} has files that are not named alone, without a folder",
                [f"{row['fname']} in {row.place}" for row in rows if not _is_bare(row["fname"])],
                "get the file again, or mend its rows",
            ),
            *errors_about(
                f"{table} has labels that are none of the {len(FSDKAGGLE2018_CLASSES)} classes",
                [
                    f"{row['label']!r} in {row.place}"
                    for row in counted
                    if row["label"] not in FSDKAGGLE2018_CLASSES
                ],
                "get the file again, or read it with --dataset csv",
            ),
        ]
    )
    files, moved = find_audio(folder, [row["fname"] for row in rows])
    clips = [
        Clip(
            unicode_text((folder / row["fname"]).relative_to(audio_path)),
            files[row["fname"]],
            (row["label"],),
            role=role,
            line=row.line,
        )
        for row in counted
    ]
    extra = unnamed_audio(folder, audio_path, set(files.values()), str(table))
    return clips, [*moved, *extra]


def _is_bare(name: str) -> bool:
    return name == Path(name).name and "\\" not in name


def _what_labels_are_worth(table: Path, rows: Sequence[TableRow]) -> list[Finding]:
    verified = sum(row.number("manually_verified") for row in rows)
    sentence = f"{verified} of the {len(rows)} labels in {table} were verified by people"
    return [Finding(Level.NOTE, f"{sentence}; the others may be wrong")]


FSDKAGGLE2018 = Dataset(
    name="fsdkaggle2018",
    title="FSDKaggle2018, sounds of Freesound",
    on_disk="its unpacked archives: `FSDKaggle2018.audio_train/`, `FSDKaggle2018.audio_test/` and "
    "`FSDKaggle2018.meta/`; or as Kaggle has it, `audio_train/`, `audio_test/`, `train.csv` and "
    "`test_post_competition.csv`",
    read=read_fsdkaggle2018,
    metadata="FSDKaggle2018.meta/train_post_competition.csv",
    published_split="9 473 training and 1 600 test clips",
    published_by_default=True,
    random_costs="mixes test clips, whose labels were all verified, into the training set: scores "
    "cannot be compared with published ones",
    recognises=lambda path: any(holds(*names)(path) for names in _LAYOUTS.items()),
    about=About(
        licence="CC BY; each clip has the licence of its row (of 11 073 clips 6 148 CC BY, 4 922 "
        "CC0, 3 CC BY-NC)",
        where="[Zenodo](https://zenodo.org/records/2552860)",
        clips="9473 clips of 0.3 to 30 s to train, 1600 to test, 41 classes",
        unpacked="FSDKaggle2018",
        defects="3 710 of the 9 473 training labels were verified by people, others are wrong in "
        "places; classes have 94 to 300 training clips. Kaggle's `audio_test` holds 7 800 files "
        "that were never scored, three of them empty (`0b0427e2.wav`, `6ea0099f.wav`, "
        "`b39975f5.wav`): they are not read",
        published=(
            PublishedScore(
                "CNN of three convolutions, the challenge's baseline",
                "mAP@3 0.694 on the private part of the test set",
                "[DCASE 2018](https://dcase.community/challenge2018/"
                "task-general-purpose-audio-tagging-results)",
            ),
            PublishedScore(
                "ensemble of CNNs (Jeong, Lim), first of the challenge",
                "mAP@3 0.954 on the private part of the test set",
                "[DCASE 2018](https://dcase.community/challenge2018/"
                "task-general-purpose-audio-tagging-results)",
            ),
        ),
        modelzoo="AUC 0.979 on the test set, which is also its validation set (10 epochs)",
    ),
)
