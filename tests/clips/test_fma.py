"""FMA: its tables in their published form, subsets, tag lists, split and known defects."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from fcn4_dist.clips import Collection, read_collection, recognise_dataset
from fcn4_dist.clips.fma import FMA
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

REAL_TABLES = Path(__file__).parents[1] / "data" / "fma"
BIO = "<p>She plays\nbass,\r\n" + ", ".join(f"song {number}" for number in range(60)) + "</p>"
Row = Mapping[str, str]


def row(number: int, subset: str = "small", top: str = "Rock", **others: str) -> Row:
    cells = {
        "track_id": str(number),
        "set/split": "training",
        "set/subset": subset,
        "artist/id": "7",
        "artist/bio": BIO,
        "track/genre_top": top,
        "track/genres_all": "[12]",
    }
    return cells | {name.replace("_", "/", 1): value for name, value in others.items()}


ROWS = [
    row(2, track_genres_all="[12, 25]"),
    row(3, set_split="validation", artist_id="8", top="Hip-Hop", track_genres_all="[21]"),
    row(1010, set_split="test", artist_id="9"),
    row(5, "medium", "Folk", track_genres_all="[17]"),
    row(20, "large", "", track_genres_all="[17, 10, 76, 103]"),
    row(26, "large", "", track_genres_all="[]"),
]


def test_real_rows_are_read_with_their_genre_split_and_artist(tmp_path: Path) -> None:
    _write_audio(tmp_path / "fma_full", [2, 20, 148, 564, 601, 707])
    (tmp_path / "fma_metadata").symlink_to(REAL_TABLES)
    collection = _read(tmp_path)
    clips = {clip.id: clip for clip in collection.clips}
    assert collection.class_names == ("Experimental", "Folk", "Hip-Hop", "International", "Rock")
    assert len(clips) == 11
    clip = clips["fma_full/000/000601.mp3"]
    assert (clip.labels, clip.role, clip.group) == (("Folk",), "val", "122")
    assert clips["fma_full/000/000002.mp3"].role == "train"
    assert clips["fma_full/000/000707.mp3"].role == "test"
    assert "6 of 84353 training, 4 of 10958 validation, 4 of 11263 test" in _told(collection)
    assert "without a genre of the tag list: 3, like" in _told(collection)


def test_all_genres_are_several_labels_in_the_order_of_genres_csv(tmp_path: Path) -> None:
    _write_audio(tmp_path / "fma_full", [20])
    (tmp_path / "fma_metadata").symlink_to(REAL_TABLES)
    collection = _read(tmp_path, tag_list="genres_all")
    labels = {clip.id[-10:-4]: clip.labels for clip in collection.clips}
    assert labels["000020"] == ("Folk", "Pop", "Experimental Pop", "Singer-Songwriter")
    assert collection.class_names[:3] == ("Avant-Garde", "International", "Pop")
    assert "Bollywood" not in collection.class_names
    assert "without a genre of the tag list: 1, like fma_full/000/000613" in _told(collection)


@pytest.mark.parametrize(
    ("subset", "numbers"),
    [("small", [2, 3, 1010]), ("medium", [2, 3, 5, 1010]), ("large", [2, 3, 5, 1010])],
)
def test_each_subset_lies_within_the_next(
    tmp_path: Path, subset: str, numbers: Sequence[int]
) -> None:
    _write(tmp_path, ROWS, f"fma_{subset}")
    assert _numbers(_read(tmp_path)) == numbers
    assert _numbers(_read(tmp_path, subset=subset)) == numbers


def test_a_smaller_subset_is_taken_from_the_folder_of_a_larger_one(tmp_path: Path) -> None:
    _write(tmp_path, ROWS, "fma_large")
    collection = _read(tmp_path, subset="small")
    assert _numbers(collection) == [2, 3, 1010]
    assert f"FMA's subset small are taken from {tmp_path / 'fma_large'}" in _told(collection)
    assert "does not name" not in _told(collection)


def test_of_several_subsets_the_largest_is_read_with_a_word(tmp_path: Path) -> None:
    _write(tmp_path, ROWS, "fma_small")
    _write(tmp_path, ROWS, "fma_medium")
    collection = _read(tmp_path)
    assert "several subsets of FMA: small, medium; medium is read" in _told(collection)
    assert {clip.id.split("/")[0] for clip in collection.clips} == {"fma_medium"}


def test_a_subset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, ROWS, "fma_small")
    with pytest.raises(InputError, match=r"no folder of FMA's audio \(fma_medium\): unpack"):
        _read(tmp_path, subset="medium")


def test_it_is_found_from_each_folder_somebody_may_name(tmp_path: Path) -> None:
    _write(tmp_path / "data", ROWS, "fma_small")
    above, itself = _read(tmp_path), _read(tmp_path / "data" / "fma_small")
    assert [clip.id for clip in itself.clips] == [
        "000/000002.mp3",
        "000/000003.mp3",
        "001/001010.mp3",
    ]
    assert [clip.id for clip in above.clips] == [
        f"data/fma_small/{each.id}" for each in itself.clips
    ]
    for path in (tmp_path, tmp_path / "data", tmp_path / "data" / "fma_small"):
        assert recognise_dataset(path) is FMA


def test_the_tables_may_be_below_info_path(tmp_path: Path) -> None:
    _write(tmp_path / "audio", ROWS, "fma_small")
    tables = tmp_path / "info" / "fma_metadata"
    tables.parent.mkdir()
    (tmp_path / "audio" / "fma_metadata").rename(tables)
    for info_path in (tables, tables.parent):
        assert len(_read(tmp_path / "audio", info_path=str(info_path)).clips) == 3


def test_the_folder_in_a_folder_of_kaggle_s_copies_is_found(tmp_path: Path) -> None:
    _write(tmp_path / "fma_small", ROWS, "fma_small")
    (tmp_path / "fma_metadata").mkdir()
    (tmp_path / "fma_small" / "fma_metadata").rename(tmp_path / "fma_metadata" / "fma_metadata")
    clips = _read(tmp_path).clips
    assert clips[0].id == "fma_small/fma_small/000/000002.mp3"


def test_a_folder_of_another_name_needs_its_subset(tmp_path: Path) -> None:
    _write(tmp_path, ROWS, "fma_small")
    (tmp_path / "fma_small").rename(tmp_path / "songs")
    with pytest.raises(InputError, match=r"not called like a subset .* --subset \(small, medium"):
        _read(tmp_path / "songs")
    assert len(_read(tmp_path / "songs", subset="small").clips) == 3


def test_clips_that_are_known_to_be_cut_are_told_and_left_out_if_hardly_there(
    tmp_path: Path,
) -> None:
    rows = [*ROWS, *(row(number) for number in (133297, 98565, 98566))]
    _write(tmp_path, rows, "fma_small")
    collection = _read(tmp_path)
    assert _numbers(collection) == [2, 3, 1010, 98566]
    assert "cut to less than 2 s: 2, like 133/133297.mp3, 098/098565.mp3" in _told(collection)
    assert "known to be cut: 1, like 098/098566.mp3 (6.2 s)" in _told(collection)
    assert "does not name" not in _told(collection)


def test_whole_songs_are_not_cut(tmp_path: Path) -> None:
    _write(tmp_path, [*ROWS, row(133297)], "fma_full")
    assert 133297 in _numbers(_read(tmp_path))
    assert 133297 in _numbers(_read(tmp_path, subset="small"))


def test_clips_in_another_format_keep_their_ids(tmp_path: Path) -> None:
    _write(tmp_path, ROWS, "fma_small")
    before = _read(tmp_path)
    for path in (tmp_path / "fma_small").rglob("*.mp3"):
        path.rename(path.with_suffix(".wav"))
    collection = _read(tmp_path)
    assert [clip.id for clip in collection.clips] == [clip.id for clip in before.clips]
    assert collection.clips[0].path.name == "000002.wav"
    assert "in another format or folder than published: 6, like" in _told(collection)


def test_without_the_audio_the_clips_are_the_same_if_the_subset_is_said(tmp_path: Path) -> None:
    _write(tmp_path / "fma", ROWS, "fma_small")
    before = _read(tmp_path)
    shutil.rmtree(tmp_path / "fma" / "fma_small")
    settings = Settings(
        dataset="fma", audio_path=str(tmp_path), subset="small", tag_list="genre_top"
    )
    assert read_collection(settings, with_audio=False, counted=True).clips == before.clips
    with pytest.raises(InputError, match="none of the audio files that"):
        _read(tmp_path, subset="small")
    with pytest.raises(InputError, match="say with --subset what there are features of"):
        _read(tmp_path)


def test_what_is_missing_and_what_is_extra_is_counted(tmp_path: Path) -> None:
    _write(tmp_path, ROWS, "fma_small")
    folder = tmp_path / "fma_small"
    (folder / "000" / "000002.mp3").unlink()
    _write_audio(folder, [9])
    for name in ("checksums", "README.txt"):
        (folder / name).touch()
    told = _told(_read(tmp_path))
    assert "names audio files that are missing: 1, like fma_small/000/000002.mp3 in line" in told
    assert "does not name: 1, like fma_small/000/000009.mp3; they are ignored" in told
    assert "1 of 6400 training, 1 of 800 validation, 1 of 800 test" in told


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"track_id": "AWOL"}, "'AWOL' for track_id"),
        ({"set/split": ""}, "'' for set/split"),
        ({"set/subset": "tiny"}, "'tiny' for set/subset"),
        ({"track/genres_all": "12"}, "'12' for track/genres_all"),
        ({"track/genres_all": "['Rock']"}, "for track/genres_all"),
    ],
)
def test_values_of_another_form_are_refused_with_their_line(
    tmp_path: Path, cells: Mapping[str, str], problem: str
) -> None:
    damaged = {**row(3), **cells}
    _write(tmp_path, [row(2), damaged], "fma_small", audio=[2])
    with pytest.raises(InputError, match=f"like .*{problem} in line 7"):
        _read(tmp_path)


def test_ids_that_a_program_for_tables_has_made_decimal_are_read(tmp_path: Path) -> None:
    _write(tmp_path, [{**row(2), "track_id": "2.0"}], "fma_small", audio=[2])
    assert _numbers(_read(tmp_path, counted=False)) == [2]


def test_a_track_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, [*ROWS, ROWS[0]], "fma_small")
    with pytest.raises(InputError, match=r"names clips more than once: 1, like .*000002"):
        _read(tmp_path)


def test_a_row_that_was_cut_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, ROWS, "fma_small")
    file.write_text(file.read_text("utf-8") + "30,0,2008\n", "utf-8")
    with pytest.raises(InputError, match=r"with its 53 columns: 1, like 3 fields in line "):
        _read(tmp_path)


def test_a_quote_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, ROWS, "fma_small")
    text = file.read_text("utf-8")
    file.write_text(text[: text.rindex('"')], "utf-8")
    with pytest.raises(InputError, match="without its partner"):
        _read(tmp_path)


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_table_without_its_header_of_three_lines_or_rows_is_refused(
    tmp_path: Path, kept: int
) -> None:
    file = _write(tmp_path, ROWS, "fma_small")
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:kept]), "utf-8")
    with pytest.raises(InputError, match=r"lacks columns .* get the file again|no row below"):
        _read(tmp_path)


def test_a_table_of_one_header_line_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, ROWS, "fma_small")
    file.write_text("track_id,split,subset\n2,training,small\n3,training,small\n", "utf-8")
    with pytest.raises(InputError, match=r"lacks columns .* 3 lines: 6, like track_id, set/split"):
        _read(tmp_path)


def test_genres_that_have_no_title_are_named(tmp_path: Path) -> None:
    _write(tmp_path, [row(2, track_genres_all="[12, 9999]")], "fma_small")
    with pytest.raises(InputError, match=r"names genres that genres\.csv does not: 1, like 9999"):
        _read(tmp_path, tag_list="genres_all")


@pytest.mark.parametrize(
    "line", ["x,1,0,Polka,2", "117,1,0,,2", "117,1,0,Rock,2", "12,1,0,Polka,2"]
)
def test_genres_need_an_id_and_a_title_of_their_own(tmp_path: Path, line: str) -> None:
    file = _write(tmp_path, ROWS, "fma_small").with_name("genres.csv")
    file.write_text(f"{file.read_text('utf-8')}{line}\n", "utf-8")
    with pytest.raises(InputError, match="an id and a title of their own"):
        _read(tmp_path, tag_list="genres_all")


@pytest.mark.parametrize("without", ["tracks.csv", "genres.csv"])
def test_a_missing_table_is_named(tmp_path: Path, without: str) -> None:
    _write(tmp_path, ROWS, "fma_small").with_name(without).unlink()
    with pytest.raises(InputError, match=without):
        _read(tmp_path, tag_list="genres_all")


def _read(path: Path, *, counted: bool = True, **others: str) -> Collection:
    settings = {"tag_list": "genre_top", "info_path": "none"} | others
    return read_collection(
        Settings(dataset="fma", audio_path=str(path), num_classes=1, **settings), counted=counted
    )


def _told(collection: Collection) -> str:
    return "\n".join(map(str, collection.findings))


def _numbers(collection: Collection) -> list[int]:
    return sorted(int(clip.path.stem) for clip in collection.clips)


def _write(
    folder: Path, rows: Sequence[Row], subset: str, audio: Sequence[int] | None = None
) -> Path:
    """Write tables with all columns of the published form, and files of all tracks."""
    with (REAL_TABLES / "tracks.csv").open(encoding="utf-8", newline="") as real:
        header = [fields for fields, _ in zip(csv.reader(real), range(3), strict=False)]
    names = ["/".join(filter(None, cells)) for cells in zip(*header, strict=True)]
    tables = folder / "fma_metadata"
    tables.mkdir(parents=True, exist_ok=True)
    with (tables / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(header)
        writer.writerows([[each.get(name, "") for name in names] for each in rows])
    (tables / "genres.csv").write_bytes((REAL_TABLES / "genres.csv").read_bytes())
    numbers = [int(each["track_id"]) for each in rows] if audio is None else audio
    _write_audio(folder / subset, numbers)
    return tables / "tracks.csv"


def _write_audio(folder: Path, numbers: Sequence[int]) -> None:
    for number in numbers:
        path = folder / f"{number // 1000:03}" / f"{number:06}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
