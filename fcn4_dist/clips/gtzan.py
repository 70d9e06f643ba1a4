"""GTZAN: a folder of 100 clips of 30 s for each of ten genres, and its fault-filtered split."""

import os
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.checks import classes_without_clips, errors_about, remarks_about
from fcn4_dist.clips.collection import About, Clip, Collection, Dataset, PublishedScore
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

# Numbers of the clips of a genre that are of one artist and title, by the index of B. L. Sturm, "An
# Analysis of the GTZAN Music Genre Dataset", ACM MIRUM 2012. Fifty of them are the same excerpt.
_SAME_SONG = {
    "blues": "24 28",
    "classical": "0 1 2, 42 53, 44 48, 51 80",
    "country": "8 51",
    "disco": "38 78, 50 51 70, 55 60 89, 66 69, 71 74, 98 99",
    "hiphop": "1 42, 2 32, 20 36, 39 45, 46 65, 47 67, 48 68, 49 69, 50 72, 76 78",
    "jazz": "33 51, 34 53, 35 55, 36 58, 37 60, 38 62, 39 65, 40 67, 42 68, 43 69, 44 70, 45 71, "
    "46 72",
    "metal": "4 13, 34 94, 40 61, 41 62, 42 63, 43 64, 44 65, 45 66",
    "pop": "15 21 22 37, 16 17, 30 31, 45 46, 47 48 51 80, 52 54 57 60, 56 59, 67 71, 68 73, "
    "75 82, 87 90, 88 89, 93 94",
    "reggae": "3 54, 5 56, 7 59, 8 57, 10 60, 13 58, 33 44, 41 69, 73 74, 75 91 92, 80 81 82",
}
_SAME_SONG_OF_TWO_GENRES = (("metal", "00058"), ("rock", "00016"))


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
    """Give GTZAN's clips the roles of the fault-filtered split, and songs of several clips.

    Both go by the genre and the number in the id of a clip.

    Raises:
        InputError: If a list of the split is not as it was published.
    """
    roles, songs = _filtered_roles(), _songs()
    clips = []
    for clip in collection.clips:
        place = _place(clip.id)
        clips.append(replace(clip, role=roles.get(place, ""), group=songs.get(place, "")))
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


def _songs() -> dict[tuple[str, str] | None, str]:
    """Give the clips that share a song with others the name of the first of them."""
    shared = [
        [(genre, f"{int(number):05}") for number in numbers.split()]
        for genre, songs in _SAME_SONG.items()
        for numbers in songs.split(",")
    ]
    return {
        place: ".".join(places[0])
        for places in (*shared, _SAME_SONG_OF_TWO_GENRES)
        for place in places
    }


GTZAN = Dataset(
    name="gtzan",
    title="GTZAN, as Kaggle or Marsyas gives it",
    on_disk="its genre folders, or a folder that holds them as `genres_original` or `genres`: "
    "`blues/blues.00000.wav` …, `.wav` or `.au`, `hiphop` or `hip-hop`",
    read=read_gtzan,
    how_to_get="name the folder that holds GTZAN's genre folders",
    class_names=GTZAN_GENRES,
    published_split="the fault-filtered one (Kereliuk, Sturm, Larsen): 443, 197 and 290 clips",
    random_costs="flatters: artists are on both sides (35 of the 100 clips of reggae are Bob "
    "Marley's), and the 70 clips are in it that the published one leaves out as repeated or faulty",
    group_is="songs",
    about=About(
        licence="none is stated: excerpts of commercial recordings, for research",
        where="<https://www.kaggle.com/datasets/andradaolteanu/"
        "gtzan-dataset-music-genre-classification> (1.3 GB); the page of Marsyas, where it was "
        "published, no longer offers it",
        clips="1000 clips of 30 s, 10 genres",
        unpacked="genres_original",
        flags="--split published",
        leave_out="`images_original/`, `features_3_sec.csv`, `features_30_sec.csv`",
        defects="50 clips repeat another one, 22 more are of a recording that is there already, 43 "
        "are mislabelled and 63 arguably so (Sturm, [An Analysis of the GTZAN Music Genre "
        "Dataset](https://doi.org/10.1145/2390848.2390851), 2012); `reggae.00086` is noise but for "
        "5 s. The published split leaves out 70 clips. In one that is drawn, the 147 clips that "
        "share their song with others are on its side. `jazz.00054` of Kaggle's copy is broken and "
        "is skipped",
        published=(
            PublishedScore(
                "SVM on MFCC",
                "accuracy 0.534",
                "[arXiv 1805.00237](https://arxiv.org/abs/1805.00237)",
            ),
            PublishedScore(
                "SVM on features of a pre-trained VGGish",
                "accuracy 0.776",
                "[sklearn-audio-transfer-learning]"
                "(https://github.com/jordipons/sklearn-audio-transfer-learning)",
            ),
            PublishedScore(
                "SVM on features of a pre-trained SampleCNN",
                "accuracy 0.821",
                "[Applied Sciences 8(1), 150](https://www.mdpi.com/2076-3417/8/1/150)",
            ),
        ),
        modelzoo="AUC 0.943 on a random split without a seed, of its `fcn-4_GTZAN`",
    ),
    with_roles=with_filtered_split,
    recognises=is_gtzan,
)
