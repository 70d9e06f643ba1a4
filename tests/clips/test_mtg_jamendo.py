"""MTG-Jamendo: its splits, tag lists and songs, as published."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from fcn4_dist.clips import Collection, read_collection, recognise_dataset
from fcn4_dist.clips.mtg_jamendo import MTG_JAMENDO
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
ROWS = {
    "train": [
        "track_0000241\tartist_000005\talbum_000033\t41/241.mp3\t340.1\tgenre---rock",
        "track_1009600\tartist_000005\talbum_000034\t00/1009600.mp3\t248.5\tgenre---rock"
        "\tinstrument---drums\tmood/theme---happy",
    ],
    "validation": [
        "track_0000773\tartist_000104\talbum_000126\t73/773.mp3\t275.3\tgenre---electronic"
    ],
    "test": [
        "track_0000215\tartist_000014\talbum_000031\t15/215.mp3\t151.4\tmood/theme---happy"
        "\tinstrument---drums"
    ],
}
SONGS = ("41/241.mp3", "00/1009600.mp3", "73/773.mp3", "15/215.mp3")
TAGS = ("genre---electronic", "genre---rock", "instrument---drums", "mood/theme---happy")


def publish(
    folder: Path, number: int = 0, tag_list: str = "_top50tags", **rows: Sequence[str]
) -> Path:
    """Write a split as it is published, with other rows of a set where they are given."""
    split = folder / "data" / "splits" / f"split-{number}"
    split.mkdir(parents=True, exist_ok=True)
    for name, usual in ROWS.items():
        text = "\n".join([HEADER, *rows.get(name, usual)]) + "\n"
        (split / f"autotagging{tag_list}-{name}.tsv").write_text(text)
    return folder


def put_songs(folder: Path, names: Sequence[str] = SONGS) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def read(
    audio_path: Path, *, with_audio: bool = False, info_path: str = "", **settings: int | str
) -> Collection:
    usual = {"dataset": "mtg_jamendo", "tag_list": "top50tags", "fold": 0}
    paths = {"audio_path": str(audio_path), "info_path": info_path or str(audio_path)}
    return read_collection(Settings(**usual | paths | settings), with_audio, counted=True)


def told(collection: Collection) -> str:
    return "\n".join(map(str, collection.findings))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return publish(tmp_path)


def test_a_song_has_the_tags_artist_and_set_of_its_row(published: Path) -> None:
    collection = read(published)
    assert collection.class_names == TAGS
    clips = {clip.id: clip for clip in collection.clips}
    assert sorted(clips) == sorted(SONGS)
    drummed = clips["00/1009600.mp3"]
    assert drummed.labels == TAGS[1:]
    assert (drummed.role, drummed.group, drummed.fold) == ("train", "artist_000005", None)
    assert clips["15/215.mp3"].labels == TAGS[:1:-1]
    roles = [clips[name].role for name in SONGS]
    assert roles == ["train", "train", "val", "test"]


def test_fold_names_the_split_and_those_that_are_there_are_known(published: Path) -> None:
    publish(published, 3, train=ROWS["test"], test=ROWS["train"])
    collection = read(published, fold=3)
    assert collection.folds == (0, 3)
    assert next(clip.role for clip in collection.clips if clip.id == "15/215.mp3") == "train"
    assert read(published, fold=7, split="kfold", folds=9) == read(published, fold=0)
    with pytest.raises(InputError, match=r"no split-1 of MTG-Jamendo \(there: 0, 3\): .*--fold"):
        read(published, fold=1)


def test_a_split_that_is_drawn_has_folds_of_its_own(published: Path) -> None:
    assert len(read(published, split="kfold", folds=7, fold=6).clips) == 4


def test_rows_that_were_edited_for_the_other_quality_are_of_the_same_songs(published: Path) -> None:
    whole = read(published)
    for file in (published / "data/splits/split-0").iterdir():
        file.write_text(file.read_text().replace(".mp3", ".low.mp3"))
    assert read(published).clips == whole.clips


def test_all_tags_are_a_list_of_their_own(published: Path) -> None:
    publish(published, tag_list="", validation=[f"{ROWS['validation'][0]}\tgenre---techno"])
    assert "genre---techno" in read(published, tag_list="all").class_names
    with pytest.raises(InputError, match=r"autotagging_genre-train\.tsv is missing"):
        read(published, tag_list="genre")


def test_what_is_less_or_more_than_was_published_is_said(published: Path) -> None:
    assert "4 of 54380 songs, 4 of 50 tags" in told(read(published))


@pytest.mark.parametrize("below", ["", "audio", "raw_30s/audio", "songs/audio-low"])
def test_songs_are_found_at_the_path_and_below(published: Path, below: str) -> None:
    low = [name.replace(".mp3", ".low.mp3") for name in SONGS]
    names = low if below.endswith("low") else SONGS
    put_songs(published / below, names)
    clips = read(published, with_audio=True).clips
    assert {clip.id: clip.path for clip in clips} == {
        song: published / below / name for song, name in zip(SONGS, names, strict=True)
    }


def test_folders_of_songs_may_be_links_to_other_disks(published: Path, tmp_path: Path) -> None:
    put_songs(published / "melspecs", ["41/241.npy"])
    put_songs(tmp_path / "disk" / "of" / "songs")
    (published / "raw_30s" / "audio").mkdir(parents=True)
    for folder in (tmp_path / "disk" / "of" / "songs").iterdir():
        (published / "raw_30s" / "audio" / folder.name).symlink_to(folder)
    assert not [
        each for each in read(published, with_audio=True).findings if "missing" in str(each)
    ]


def test_songs_may_be_far_from_their_repository(tmp_path: Path) -> None:
    repository = publish(tmp_path / "home" / "mtg-jamendo-dataset")
    songs = put_songs(tmp_path / "disk")
    assert len(read(songs, with_audio=True, info_path=str(repository.parent)).clips) == 4
    with pytest.raises(InputError, match=r"disk holds no data/splits of MTG-Jamendo: .*info_path"):
        read(songs)


def test_of_two_qualities_the_better_is_read_and_said(published: Path) -> None:
    put_songs(published / "audio-low", ["41/241.low.mp3", "00/1009600.low.mp3"])
    put_songs(published / "audio", [name for name in SONGS if name != "00/1009600.mp3"])
    # Of another form of the collection, which is no audio.
    put_songs(published / "melspecs", ["41/241.npy"])
    collection = read(published, with_audio=True)
    paths = {clip.id: clip.path for clip in collection.clips}
    assert paths["41/241.mp3"] == published / "audio/41/241.mp3"
    assert paths["00/1009600.mp3"] == published / "audio-low/00/1009600.low.mp3"
    assert "more than once, as .mp3 and .low.mp3 or in several folders: 1, like" in told(collection)
    assert f"{paths['41/241.mp3']}; of each, the first of these is taken" in told(collection)


def test_songs_that_are_not_there_are_counted_for_each_set(published: Path) -> None:
    put_songs(published, ["41/241.mp3", "15/215.mp3", "07/7.mp3"])
    sentences = told(read(published, with_audio=True))
    assert "missing: 2, like 00/1009600.mp3, 73/773.mp3" in sentences
    assert "skipped, which leaves 1 of 2 train, 0 of 1 val, 1 of 1 test" in sentences
    assert "songs that autotagging_top50tags does not name: 1, like 07/7.mp3" in sentences


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("t\ta\tb\t41/241\t1\tgenre---rock", "line 2 (PATH '41/241')"),
        ("t\ta\tb\t41/241.mp3\t1\t", "line 2 (TAGS '')"),
        ("t\ta\tb\t41/241.mp3\t1\trock", "line 2 (TAGS 'rock')"),
        ("t\t\tb\t41/241.mp3\t1\tgenre---rock", "line 2 (no ARTIST_ID)"),
    ],
)
def test_rows_that_are_not_as_published_are_refused(published: Path, row: str, told: str) -> None:
    publish(published, test=[row])
    with pytest.raises(InputError) as info:
        read(published)
    assert f"test.tsv has rows that are not as published: 1, like {told}" in str(info.value)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            "t\ta\tb\t41/241.mp3",
            r"rows that do not have the 6 fields of its header: 1, like line 2",
        ),
        (ROWS["train"][0], "names clips more than once: 1, like 41/241.mp3"),
    ],
)
def test_short_rows_and_songs_in_two_sets_are_refused(published: Path, row: str, told: str) -> None:
    publish(published, test=[row])
    with pytest.raises(InputError, match=told):
        read(published)


def test_what_a_program_for_tables_makes_of_a_file_is_read(published: Path) -> None:
    whole = read(published)
    for file in (published / "data/splits/split-0").iterdir():
        rows = [
            f"{line:\t<1}\t\t".replace("\t\t\t", "\t\t") for line in file.read_text().splitlines()
        ]
        file.write_bytes("\r\n".join(["\ufeff" + rows[0], *rows[1:], ""]).encode())
    assert read(published).clips == whole.clips


def test_a_file_with_other_separators_is_told(published: Path) -> None:
    for file in (published / "data/splits/split-0").glob("*train*"):
        file.write_text(file.read_text().replace("\t", ","))
    with pytest.raises(InputError, match="lacks columns, as it is separated by commas"):
        read(published)


def test_it_is_known_by_its_splits_or_by_its_songs(tmp_path: Path) -> None:
    assert recognise_dataset(publish(tmp_path / "clone")) is MTG_JAMENDO
    assert recognise_dataset(tmp_path) is MTG_JAMENDO
    assert recognise_dataset(put_songs(tmp_path / "low", ["00/9600.low.mp3"])) is MTG_JAMENDO
    others = put_songs(tmp_path / "mine", ["00/1.mp3", "01/take2.mp3", "000/000002.mp3"])
    assert recognise_dataset(others) is not MTG_JAMENDO


@pytest.mark.parametrize(("tag_list", "tags"), [("top50tags", 50), ("moodtheme", 56)])
def test_real_rows_are_read(test_data: Path, tmp_path: Path, tag_list: str, tags: int) -> None:
    real = test_data / "collections" / "mtg_jamendo"
    split = tmp_path / "data" / "splits" / "split-0"
    shutil.copytree(real, split)
    collection = read(tmp_path, tag_list=tag_list)
    assert len(collection.clips) == 180
    name = "top50" if tag_list == "top50tags" else "moodtheme_split"
    known = (real / f"{name}.txt").read_text().split()
    assert len(known) == tags
    assert [tag for tag in known if tag in collection.class_names] == list(collection.class_names)
    artists = {(clip.group, clip.role) for clip in collection.clips}
    assert len(artists) == len({artist for artist, _ in artists})
