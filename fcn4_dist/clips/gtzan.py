"""GTZAN: a folder of 100 clips of 30 s for each of ten genres, and its fault-filtered split."""

import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.checks import classes_without_clips, errors_about, remarks_about
from fcn4_dist.clips.collection import Clip, Collection, Dataset
from fcn4_dist.clips.folder import clips_of_class, list_class_folders
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import sha256_of
from fcn4_dist.findings import Finding, Level

GTZAN_GENRES = (
    *("blues", "classical", "country", "disco", "hiphop"),
    *("jazz", "metal", "pop", "reggae", "rock"),
)
"""Names of the genres, in the documented order."""

_CLIPS_OF_A_GENRE = 100
_NEARLY_ALL = 950
_ROOT_NAMES = ("genres_original", "genres")
_CLIP = re.compile(r"(?:genres(?:_original)?/)?([^/]+)/([^/.]+)\.([0-9]{5})\.(?i:wav|au)")

_LISTS_FOLDER = Path(__file__).parent / "gtzan_filtered"
_LISTS = {
    "train": (
        "train_filtered.txt",
        "2b04966cef1486f1a7767b74271533fa23e220388db804a1937835e1fc4fa3fa",
    ),
    "val": (
        "valid_filtered.txt",
        "f8fbee7c52397a0e0f3a91dc54fedecb2e27f5bdc9a9daeab8cb10d077e26956",
    ),
    "test": (
        "test_filtered.txt",
        "09cafa6a89ce0a27f30ed250d56ecb4d03c22fffb5a693f96c7ae655ee02ac72",
    ),
}


def read_gtzan(settings: Settings) -> Collection:
    """Read GTZAN as Kaggle or Marsyas gives it.

    Args:
        settings: They name the folder of the genre folders, or the one that holds it as ``genres``
            or ``genres_original``.

    Raises:
        InputError: If a folder cannot be listed.
    """
    audio_path = Path(settings.audio_path)
    root = _root(audio_path)
    audio, remarks = list_class_folders(root)
    files = [
        clip
        for folder, paths in audio.items()
        for clip in clips_of_class(_genre(folder), paths, audio_path)
    ]
    clips = [clip for clip in files if _place(clip.id)]
    findings = [
        *_place_of_root(root, audio_path),
        *remarks,
        *remarks_about(
            f"{root} holds audio files not named like blues/blues.00000.wav",
            [clip.id for clip in files if not _place(clip.id)],
            "they are ignored",
        ),
        *_unusual_numbers(root, clips),
        *_errors(root, list(audio), clips),
    ]
    return Collection(GTZAN_GENRES, tuple(clips), tuple(findings))


def is_gtzan(path: Path) -> bool:
    """Say whether a folder holds GTZAN, or nearly all of it, by the names in it."""
    root = _root(path)
    if not os.path.isdir(root):
        return False
    folders = [name for name in os.listdir(root) if os.path.isdir(root / name)]
    genres = [name for name in folders if _genre(name) in GTZAN_GENRES]
    places = {_place(f"{name}/{file}") for name in genres for file in os.listdir(root / name)}
    return len(genres) == len(GTZAN_GENRES) and len(places - {None}) >= _NEARLY_ALL


def with_filtered_split(collection: Collection) -> Collection:
    """Give GTZAN's clips the roles of the fault-filtered split, by genre and number in their id.

    Raises:
        InputError: If a list of the split is not as it was published.
    """
    roles = _filtered_roles()
    clips = [replace(clip, role=roles.get(_place(clip.id), "")) for clip in collection.clips]
    return replace(collection, clips=tuple(clips))


def _root(audio_path: Path) -> Path:
    if any(os.path.isdir(audio_path / genre) for genre in GTZAN_GENRES):
        return audio_path
    below = [audio_path / name for name in _ROOT_NAMES if os.path.isdir(audio_path / name)]
    return below[0] if below else audio_path


def _place_of_root(root: Path, audio_path: Path) -> list[Finding]:
    sentence = f"read GTZAN from {root}, below audio_path"
    return [] if root == audio_path else [Finding(Level.WARNING, sentence)]


def _unusual_numbers(root: Path, clips: list[Clip]) -> list[Finding]:
    counts = Counter(clip.labels[0] for clip in clips)
    unusual = [
        f"{counts[genre]} of {genre}"
        for genre in GTZAN_GENRES
        if counts[genre] != _CLIPS_OF_A_GENRE
    ]
    if not unusual:
        return []
    sentence = f"GTZAN has {_CLIPS_OF_A_GENRE} clips of each genre, {root} has "
    return [Finding(Level.WARNING, sentence + ", ".join(unusual))]


def _errors(root: Path, folders: list[str], clips: list[Clip]) -> list[Finding]:
    found = [_genre(folder) for folder in folders]
    counts = Counter(_place(clip.id) for clip in clips)
    return [
        *errors_about(
            f"{root} lacks genre folders of GTZAN",
            [genre for genre in GTZAN_GENRES if genre not in found],
            "name the folder that holds all ten with --audio_path",
            shown=len(GTZAN_GENRES),
        ),
        *errors_about(
            f"{root} holds folders that are no genre of GTZAN",
            [folder for folder in folders if _genre(folder) not in GTZAN_GENRES],
            "remove them, or read it with --dataset folder",
            shown=len(GTZAN_GENRES),
        ),
        *errors_about(
            f"{root} holds genre folders without a clip named like blues/blues.00000.wav",
            [genre for genre in classes_without_clips(GTZAN_GENRES, clips) if genre in found],
            "fill them",
        ),
        *errors_about(
            f"{root} holds clips twice",
            [clip.id for clip in clips if counts[_place(clip.id)] > 1],
            "leave one file of each",
        ),
    ]


def _genre(name: str) -> str:
    return "hiphop" if name == "hip-hop" else name


def _place(clip_id: str) -> tuple[str, str] | None:
    """Give the genre and the number of a clip; None if it is not named as GTZAN's are."""
    match = _CLIP.fullmatch(clip_id)
    if not match or _genre(match[1]) != _genre(match[2]) or _genre(match[1]) not in GTZAN_GENRES:
        return None
    return _genre(match[1]), match[3]


def _filtered_roles() -> dict[tuple[str, str] | None, str]:
    roles: dict[tuple[str, str] | None, str] = {}
    for role, (name, sha256) in _LISTS.items():
        path = _LISTS_FOLDER / name
        if not path.is_file() or sha256_of(path) != sha256:
            raise InputError(
                f"the list {path} of GTZAN's filtered split is missing or damaged: install "
                "fcn4_dist again"
            )
        for line in path.read_text("ascii").splitlines():
            roles[_place(line)] = role
    return roles


GTZAN = Dataset(
    name="gtzan",
    title="GTZAN, as Kaggle or Marsyas gives it",
    on_disk="its genre folders, or a folder that holds them as `genres_original` or `genres`: "
    "`blues/blues.00000.wav` …, `.wav` or `.au`, `hiphop` or `hip-hop`",
    read=read_gtzan,
    how_to_get="name the folder that holds GTZAN's genre folders",
    class_names=GTZAN_GENRES,
    published_split="the fault-filtered one (Kereliuk, Sturm, Larsen): 443, 197 and 290 clips",
    with_roles=with_filtered_split,
    recognises=is_gtzan,
)
