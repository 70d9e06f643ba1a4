"""Collections in their published form, made of the real clips that the tests hold.

Names, codes, headers and folders are as published, numbers of clips are not; each clip has other
bytes than any other, as copies would be kept on one side of a split.
"""

import csv
from collections.abc import Sequence
from itertools import count, cycle, islice
from pathlib import Path

import numpy as np
import soundfile

from fcn4_dist.clips.esc50 import ESC50_CLASSES
from fcn4_dist.clips.fsdkaggle2018 import FSDKAGGLE2018_CLASSES
from tests.small_clips import REAL_CLIPS

_SAMPLE_RATE, _LENGTH = 22_050, 31_000


def write_clips(paths: Sequence[Path]) -> None:
    """Write a part of a real clip to each path, in the format of its suffix."""
    clips = [soundfile.read(clip, dtype="float32")[0] for clip in sorted(REAL_CLIPS.rglob("*.ogg"))]
    for number, (path, samples) in enumerate(zip(paths, cycle(clips), strict=False)):
        begin, step = divmod(number, 97)
        part = np.roll(samples, step * 601)[: 2 * _LENGTH : 2] * (1 - begin / 1000)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, part, _SAMPLE_RATE)


def write_csv(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> None:
    """Write rows, the header first, with the line ends and quotes of the csv module."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def make_esc50(root: Path) -> None:
    """Two clips of each class of ESC-10 and one of five others in each of the five folds."""
    esc10 = (0, 1, 10, 11, 12, 20, 21, 38, 40, 41)
    rows: list[tuple[object, ...]] = []
    for fold in range(1, 6):
        for target in sorted((*esc10, 2, 13, 25, 36, 49)):
            source, is_esc10 = fold * 10_000 + target, target in esc10
            for take in "AB" if is_esc10 else "A":
                name = f"{fold}-{source}-{take}-{target}.wav"
                rows.append((name, fold, target, ESC50_CLASSES[target], is_esc10, source, take))
    header = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
    write_csv(root / "meta" / "esc50.csv", [header, *rows])
    write_clips([root / "audio" / str(row[0]) for row in rows])


def make_urbansound8k(root: Path) -> None:
    """A slice of each class in each of the ten folds, and of one class two of its recording."""
    classes = (
        *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
        *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
    )
    rows: list[tuple[object, ...]] = []
    for fold in range(1, 11):
        for number, name in enumerate(classes):
            source = fold * 1000 + number
            for part in range(2 if number == 3 else 1):
                file, begin = f"{source}-{number}-0-{part}.wav", 2.0 * part
                rows.append((file, source, begin, begin + 4, 1, fold, number, name))
    header = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
    write_csv(root / "metadata" / "UrbanSound8K.csv", [header, *rows])
    write_clips([root / "audio" / f"fold{row[5]}" / str(row[0]) for row in rows])


def make_fsdkaggle2018(root: Path) -> None:
    """Five training clips of each of the 41 classes, and a test clip."""
    numbers = count(0x1A2B3C, 0x10F)
    train = [
        (f"{next(numbers):08x}.wav", label, take % 2, 100_000 + next(numbers), "Attribution")
        for label in FSDKAGGLE2018_CLASSES
        for take in range(5)
    ]
    test = [
        (f"{next(numbers):08x}.wav", label, usage, 200_000 + next(numbers), "Creative Commons 0")
        for label, usage in zip(FSDKAGGLE2018_CLASSES, cycle(("Private", "Public")), strict=False)
    ]
    meta = root / "FSDKaggle2018.meta"
    tail = ("freesound_id", "license")
    write_csv(
        meta / "train_post_competition.csv",
        [("fname", "label", "manually_verified", *tail), *train],
    )
    write_csv(
        meta / "test_post_competition_scoring_clips.csv",
        [("fname", "label", "usage", *tail), *test],
    )
    write_clips(
        [root / "FSDKaggle2018.audio_train" / row[0] for row in train]
        + [root / "FSDKaggle2018.audio_test" / row[0] for row in test]
    )


def make_irmas(root: Path) -> None:
    """Two excerpts of each of three recordings of the eleven instruments, and testing clips."""
    codes = ("cel", "cla", "flu", "gac", "gel", "org", "pia", "sax", "tru", "vio", "voi")
    genres = cycle(("[cla]", "[nod][cou_fol]", "[dru][jaz_blu]", "[lat_sou]", "[pop_roc]"))
    songs = count(1)
    training = [
        root / "IRMAS-TrainingData" / code / f"[{code}]{genre}{song:04}__{part}.wav"
        for code in codes
        for song, genre in islice(zip(songs, genres, strict=False), 3)
        for part in (1, 2)
    ]
    testing = {
        root / f"IRMAS-TestingData-Part{part}" / f"Part{part}" / f"0{part} - A Song-{number}.wav": (
            codes[number], codes[(number * part + 1) % 11]
        )
        for part in (1, 2, 3)
        for number in range(11)
    }  # fmt: skip
    write_clips([*training, *testing])
    for path, instruments in testing.items():
        path.with_suffix(".txt").write_text("".join(f"{code}\t\n" for code in instruments))


def make_fma(root: Path) -> None:
    """Eight tracks of each of the eight genres of the subset small, and tables of all columns."""
    genres = {
        **{15: "Electronic", 38: "Experimental", 17: "Folk", 21: "Hip-Hop"},
        **{1235: "Instrumental", 2: "International", 10: "Pop", 12: "Rock"},
    }
    bio = '<p>She plays "bass",\r\nand others do not</p>'
    columns = [
        *(("album", "information"), ("artist", "bio"), ("artist", "id"), ("artist", "name")),
        *(("set", "split"), ("set", "subset"), ("track", "genre_top"), ("track", "genres")),
        *(("track", "genres_all"), ("track", "title")),
    ]
    rows = []
    for turn, split in enumerate(["training"] * 6 + ["validation", "test"]):
        for place, (genre, name) in enumerate(genres.items()):
            number = 2 + 37 * (8 * turn + place)
            row = [number, "", bio, 2 * turn + place % 2, "Somebody", split, "small", name]
            parents = f"[{genre}, 25]" if name == "Rock" else f"[{genre}]"
            rows.append([*row, f"[{genre}]", parents, f"Song {number}, live"])
    header = [["", *(top for top, _ in columns)], ["", *(name for _, name in columns)]]
    tables = root / "fma_metadata"
    write_csv(tables / "tracks.csv", [*header, ["track_id", *[""] * len(columns)], *rows])
    named = [(genre, 1, 0, name, genre) for genre, name in {**genres, 25: "Punk"}.items()]
    write_csv(
        tables / "genres.csv", [("genre_id", "#tracks", "parent", "title", "top_level"), *named]
    )
    ids = [f"{row[0]:06}" for row in rows]
    write_clips([root / "fma_small" / number[:3] / f"{number}.mp3" for number in ids])


def make_mtg_jamendo(root: Path) -> None:
    """Sixty songs with one to three of ten tags, in five splits by artists."""
    tags = [f"genre---{name}" for name in ("ambient", "chillout", "dance", "pop", "rock")]
    tags += [f"instrument---{name}" for name in ("bass", "drums", "piano")]
    tags += [f"mood/theme---{name}" for name in ("energetic", "happy")]
    header = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS")
    songs = []
    for number in range(60):
        track = 241 + 113 * number
        own = dict.fromkeys(tags[(number + turn * turn * 3) % 10] for turn in range(number % 3 + 1))
        place = (f"track_{track:07}", f"artist_{number // 3:06}", f"album_{number:06}")
        songs.append((*place, f"{track % 100:02}/{track}.mp3", "1.4", *own))
    for split in range(5):
        sets: dict[str, list[tuple[str, ...]]] = {"train": [], "validation": [], "test": []}
        for number, song in enumerate(songs):
            turn = (number // 3 + split * 4) % 20
            sets["test" if turn < 4 else "validation" if turn < 8 else "train"].append(song)
        for name, rows in sets.items():
            file = root / "data" / "splits" / f"split-{split}" / f"autotagging_top50tags-{name}.tsv"
            write_csv(file, [header, *rows], "\t")
    write_clips([root / "audio" / song[3] for song in songs])


def make_gtzan(root: Path) -> None:
    """Six clips of each genre, of the first ones that the fault-filtered split has in each set."""
    lists = Path(__file__).parents[1] / "fcn4_dist" / "clips" / "gtzan_filtered"
    names = []
    for name in ("train", "valid", "test"):
        lines = (lists / f"{name}_filtered.txt").read_text().splitlines()
        for genre in sorted({line.split("/")[0] for line in lines}):
            names += [line for line in lines if line.startswith(f"{genre}/")][:2]
    write_clips([root / "genres_original" / name for name in names])


def make_magnatagatune(root: Path) -> None:
    """Three clips of a song in each of the sixteen folders, with some of sixty tags."""
    names = [
        f"{folder}/somebody-an_album-01-song_{folder}-{part * 29}-{part * 29 + 29}.mp3"
        for folder in "0123456789abcdef"
        for part in range(3)
    ]
    tags = [f"tag {number}" for number in range(60)]
    rows = [
        [f"{number}", *(f"{int((number + place) % 7 == place % 5)}" for place in range(60)), name]
        for number, name in enumerate(names)
    ]
    write_csv(root / "annotations_final.csv", [["clip_id", *tags, "mp3_path"], *rows], "\t")
    write_clips([root / name for name in names])


MAKERS = {
    "gtzan": make_gtzan,
    "magnatagatune": make_magnatagatune,
    "esc50": make_esc50,
    "urbansound8k": make_urbansound8k,
    "fsdkaggle2018": make_fsdkaggle2018,
    "irmas": make_irmas,
    "fma": make_fma,
    "mtg_jamendo": make_mtg_jamendo,
}
"""What makes a collection in a folder, by its name."""
