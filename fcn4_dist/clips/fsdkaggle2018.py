"""FSDKaggle2018: sounds of Freesound in 41 classes, with a training and a test set."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
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
_NAMES = {"train": "training clips", "test": "test clips"}
_PUBLISHED = {"training clips": 9473, "test clips": 1600}


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
    sets = _find_sets(settings)
    refuse_errors([error for one in sets for error in one.errors()])
    table, has_test_set = sets[0].table, len(sets) > 1
    clips: list[Clip] = []
    findings: list[Finding] = []
    known: set[Path] = set()
    for one in sets:
        role = one.role if has_test_set else ""
        files, moved = find_audio(one.folder, [row["fname"] for row in one.rows])
        clips += [one.clip(row, files[row["fname"]], audio_path, role) for row in one.counted]
        findings += moved
        known |= set(files.values())
    for folder in dict.fromkeys(one.folder for one in sets):
        findings += unnamed_audio(folder, audio_path, known, str(table.parent))
    counts = {_NAMES[one.role]: len(one.counted) for one in sets}
    findings += [
        *held_against_published(counts, _PUBLISHED, "FSDKaggle2018", table),
        *errors_about(
            f"{table} has no clip of classes of FSDKaggle2018",
            classes_without_clips(FSDKAGGLE2018_CLASSES, clips),
            "get the file again",
            shown=len(FSDKAGGLE2018_CLASSES),
        ),
        *_what_labels_are_worth(table, sets[0].rows),
    ]
    if not has_test_set:
        sentence = f"{table.parent} holds no table of the test set ({' or '.join(_TEST_TABLES)})"
        findings.append(Finding(Level.WARNING, f"{sentence}: the sets are drawn from the others"))
    return Collection(FSDKAGGLE2018_CLASSES, tuple(clips), tuple(findings))


@dataclass(frozen=True)
class _Set:
    """The training or the test set: its table, the folder of its audio, and its rows."""

    table: Path
    folder: Path
    rows: Sequence[TableRow]
    role: str

    @property
    def counted(self) -> list[TableRow]:
        """Its rows but for those that the competition ignored."""
        return [
            row for row in self.rows if row.fields.get("usage", "").strip().lower() != "ignored"
        ]

    def clip(self, row: TableRow, file: Path, audio_path: Path, role: str) -> Clip:
        clip_id = unicode_text((self.folder / row["fname"]).relative_to(audio_path))
        return Clip(clip_id, file, (row["label"],), role=role, line=row.line)

    def errors(self) -> list[Finding]:
        return [
            *errors_about(
                f"{self.table} has files that are not named alone, without a folder",
                [f"{row['fname']} in {row.place}" for row in self.rows if not _is_bare(row)],
                "get the file again, or mend its rows",
            ),
            *errors_about(
                f"{self.table} has labels that are no class of FSDKaggle2018",
                [
                    f"{row['label']!r} in {row.place}"
                    for row in self.counted
                    if row["label"] not in FSDKAGGLE2018_CLASSES
                ],
                "get the file again, or read it with --dataset csv",
            ),
        ]


def _find_sets(settings: Settings) -> list[_Set]:
    """Find the training set and, if it is there, the test set; one folder may be of both."""
    table, folder = find_table(settings, _LAYOUTS, "FSDKaggle2018")
    sets = [_Set(table, folder, _rows(table, {"manually_verified": range(2)}), "train")]
    audio_path, other = Path(settings.audio_path), folder.name.replace("train", "test")
    if folder != audio_path:
        folder = folder.with_name(other)
    elif folder.name.endswith("audio_train"):
        raise InputError(
            f"audio_path {audio_path} holds the training clips of FSDKaggle2018 alone: name the "
            f"folder that also holds {other} with --audio_path"
        )
    tests = [path for name in _TEST_TABLES if (path := table.with_name(name)).is_file()]
    return sets + [_Set(test, folder, _rows(test, {"usage": None}), "test") for test in tests[:1]]


def _rows(table: Path, columns: Mapping[str, Container[int] | None]) -> list[TableRow]:
    columns = {"fname": None, "label": None, **columns}
    rows = read_table(table, ",", list(columns))
    check_fields(table, rows, columns)
    return rows


def _is_bare(row: TableRow) -> bool:
    name = row["fname"]
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
    published_split="9473 training and 1600 test clips",
    published_by_default=True,
    random_costs="mixes test clips, whose labels were all verified, into the training set, so that "
    "scores cannot be compared with published ones",
    recognises=lambda path: any(holds(*names)(path) for names in _LAYOUTS.items()),
    about=About(
        licence="CC BY; each clip has the licence of its row (of 11 073 clips 6148 CC BY, 4922 "
        "CC0, 3 CC BY-NC)",
        where="[Zenodo](https://zenodo.org/records/2552860)",
        clips="9473 clips of 0.3 to 30 s to train, 1600 to test, 41 classes",
        unpacked="FSDKaggle2018",
        defects="3710 of the 9473 training labels were verified by people, others are wrong in "
        "places; classes have 94 to 300 training clips. Kaggle's `audio_test` holds 7800 files "
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
