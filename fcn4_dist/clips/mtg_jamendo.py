"""MTG-Jamendo: whole songs with the tags of those who uploaded them, in five published splits."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.collection import ROLES, About, Clip, Collection, Dataset, PublishedScore
from fcn4_dist.clips.folder import list_audio
from fcn4_dist.clips.published import (
    TableRow,
    find_below,
    find_root,
    held_against_published,
    read_table,
)
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

SPLITS = range(5)
_COLUMNS = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS")
_SET_OF_ROLE = dict(zip(ROLES, ("train", "validation", "test"), strict=True))
_PUBLISHED = {
    "top50tags": (54380, 50),
    "genre": (55094, 87),
    "instrument": (24976, 40),
    "moodtheme": (17982, 56),
    "all": (55525, 183),
}
"""Songs and tags of each list, which are the same in all five splits."""
_SPLITS_FOLDER = "data/splits"
_FOLDERS = frozenset(f"{number:02}" for number in range(100))
_SONG = re.compile(r"(\d\d)/(\d{1,9})(?:\.low)?\.mp3", re.ASCII)
_TAG = re.compile(r"(?:genre|instrument|mood/theme)---\S+")


def read_mtg_jamendo(settings: Settings) -> Collection:
    """Read MTG-Jamendo: the songs of a tag list, in the published split that ``fold`` names.

    A clip's id is the published path of its song, whichever folder and quality it is in.

    Args:
        settings: They name the folders, the tag list and the split.

    Returns:
        The collection: tags as published ("genre---rock"), sorted as in the published lists;
        artists are its groups, and the splits that are there its folds.

    Raises:
        InputError: If the split is not there, or its files are damaged.
    """
    folder = find_root(settings, _SPLITS_FOLDER, MTG_JAMENDO.title) / _SPLITS_FOLDER
    splits = tuple(number for number in SPLITS if os.path.isdir(folder / f"split-{number}"))
    # Of a kfold split, fold is a number of its own; all published ones have the same songs.
    number = splits[0] if splits and settings.split == "kfold" else settings.fold
    if number not in splits:
        there = ", ".join(map(str, splits)) or "none"
        raise InputError(
            f"{folder} holds no split-{number} of {MTG_JAMENDO.title} (there: {there}): "
            "name one with --fold"
        )
    split = folder / f"split-{number}"
    audio_path = Path(settings.audio_path)
    songs, remarks = _find_songs(audio_path)
    name = "autotagging" + ("" if settings.tag_list == "all" else f"_{settings.tag_list}")
    clips: list[Clip] = []
    for role, called in _SET_OF_ROLE.items():
        file = split / f"{name}-{called}.tsv"
        rows = read_table(file, "\t", _COLUMNS, several=True)
        remarks += _check_rows(file, rows)
        clips += [_clip(row, role, songs, audio_path) for row in rows]
    tags = tuple(sorted({tag for clip in clips for tag in clip.labels}))
    named = {clip.id for clip in clips}
    of_songs, of_tags = _PUBLISHED[settings.tag_list]
    remarks += [
        *held_against_published(
            {"songs": len(named), "tags": len(tags)},
            {"songs": of_songs, "tags": of_tags},
            MTG_JAMENDO.title,
            split,
        ),
        *remarks_about(
            f"audio_path {audio_path} holds songs that {name} does not name",
            [song for song in songs if song not in named],
            "they are ignored",
            Level.NOTE,
        ),
    ]
    return Collection(tags, tuple(clips), tuple(remarks), splits)


def is_mtg_jamendo(path: Path) -> bool:
    """Say whether a folder is of MTG-Jamendo, by names: of its splits, or of its songs."""
    if not os.path.isdir(path):
        return False
    return find_below(path, f"{_SPLITS_FOLDER}/split-0") is not None or any(
        _is_song(name, number) for number in sorted(_FOLDERS) for name in _names_in(path / number)
    )


def _is_song(name: str, folder: str) -> bool:
    found = _SONG.fullmatch(f"{folder}/{name}")
    return found is not None and int(found[2]) % len(_FOLDERS) == int(found[1])


def _clip(row: TableRow, role: str, songs: Mapping[str, Path], audio_path: Path) -> Clip:
    path = _published_path(row["PATH"])
    where = songs.get(path) or audio_path / path
    return Clip(path, where, tuple(_tags(row)), role, row["ARTIST_ID"])


def _published_path(path: str) -> str:
    """Give the path of a song of either quality as the splits have it; "" if it is none."""
    song = _SONG.fullmatch(path)
    return f"{song[1]}/{song[2]}.mp3" if song else ""


def _tags(row: TableRow) -> list[str]:
    # Programs for tables fill shorter rows up with empty cells.
    return list(dict.fromkeys(filter(None, map(str.strip, row["TAGS"].split("\t")))))


def _check_rows(file: Path, rows: Iterable[TableRow]) -> list[Finding]:
    faults = []
    for row in rows:
        if not _published_path(row["PATH"]):
            faults.append(f"{row.place} (PATH {row['PATH']!r})")
        elif not row["ARTIST_ID"]:
            faults.append(f"{row.place} (no ARTIST_ID)")
        elif not (tags := _tags(row)) or not all(map(_TAG.fullmatch, tags)):
            faults.append(f"{row.place} (TAGS {row['TAGS']!r})")
    return errors_about(f"{file} has rows that are not as published", faults, "get the file again")


def _find_songs(audio_path: Path) -> tuple[dict[str, Path], list[Finding]]:
    """Find the songs at a path or below it, of two qualities the better one.

    Returns:
        Published path of each song -> its file; and what is unusual.
    """
    found: dict[str, Path] = {}
    counts: Counter[str] = Counter()
    files = [path for folder in _song_folders(audio_path) for path in list_audio(folder)]
    for path in sorted(files, key=lambda each: each.name.endswith(".low.mp3")):
        if name := _published_path(f"{path.parent.name}/{path.name}"):
            counts[name] += 1
            found.setdefault(name, path)
    return found, remarks_about(
        f"audio_path {audio_path} holds songs more than once, as .mp3 and .low.mp3 or in several "
        "folders",
        [f"{found[name]}" for name, number in counts.items() if number > 1],
        "of each, the first of these is taken: .mp3, then by folder",
    )


def _song_folders(path: Path, down: int = 2) -> list[Path]:
    """Find the folders 00 to 99, in a path or in folders so many levels below it."""
    names = _names_in(path)
    if found := [path / name for name in names if name in _FOLDERS]:
        return found
    below = [path / name for name in names if os.path.isdir(path / name)] if down else []
    return [folder for each in below for folder in _song_folders(each, down - 1)]


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


MTG_JAMENDO = Dataset(
    name="mtg_jamendo",
    title="MTG-Jamendo",
    on_disk="its repository with `data/splits/split-0` to `split-4`, and the folders `00` to `99` "
    "of songs (`.mp3` or `.low.mp3`), in it or beside it; either may be below `audio_path`, the "
    "repository also below `info_path`",
    read=read_mtg_jamendo,
    metadata=_SPLITS_FOLDER,
    published_split="split `fold` of 0 to 4, each with training, validation and test, no artist "
    "in two of them",
    published_by_default=True,
    first_fold=0,
    random_costs="gives scores that cannot be compared with published ones",
    group_is="artists",
    tag_lists=tuple(_PUBLISHED),
    about=About(
        licence="songs: Creative Commons, each its own (`audio_licenses.txt`); metadata: "
        "CC BY-NC-SA 4.0",
        where="metadata: [MTG/mtg-jamendo-dataset](https://github.com/MTG/mtg-jamendo-dataset), "
        "whose download script fetches the songs: 508 GB, or 156 GB as `.low.mp3`; "
        "those of moods and themes alone 152 GB or 46 GB",
        clips="55 609 whole songs, half of them longer than 224 s, 195 tags",
        unpacked="mtg-jamendo-dataset",
        folds="0 to 4, five whole splits",
        leave_out="`data/*.tsv`, `scripts`, `results`, `stats`",
        defects="the splits leave out 12 of 195 tags, and so 84 of 55 609 songs; none of the five "
        "has an artist on two sides",
        published=(
            PublishedScore(
                "FCN (FCN-4), top50tags",
                "ROC-AUC 0.83, PR-AUC 0.28",
                "[Won and others, 2020](https://arxiv.org/abs/2006.00751)",
            ),
            PublishedScore(
                "VGG-like baseline, moodtheme, split 0",
                "ROC-AUC 0.726, PR-AUC 0.108",
                "[MediaEval 2019](https://github.com/MTG/mtg-jamendo-dataset/tree/master/results)",
            ),
            PublishedScore(
                "its authors' baseline, five splits: top50tags; genre; instrument; moodtheme; all",
                "ROC-AUC 0.754; 0.780; 0.674; 0.673; 0.718, PR-AUC 0.191; 0.111; 0.128; 0.081; "
                "0.073",
                "means of [results/ml4md2019](https://github.com/MTG/mtg-jamendo-dataset/tree/"
                "master/results/ml4md2019)",
            ),
        ),
    ),
    recognises=is_mtg_jamendo,
)
