"""The annotations file: the labels of every clip."""

from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips import Clip, Collection, read_collection, write_annotations
from fcn4_dist.clips.annotations import read_annotations
from fcn4_dist.clips.names import damage_in_label, look_of
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

# The form MagnaTagATune is published in.
MAGNATAGATUNE = (
    '"clip_id"\t"no voice"\t"duet"\t"mp3_path"\n'
    '"2"\t"1"\t"0"\t"f/american_bach_soloists-j_s__bach_solo_cantatas-01-30-59.mp3"\n'
    '"6"\t"1"\t"1"\t"f/american_bach_soloists-j_s__bach_solo_cantatas-01-146-175.mp3"\n'
    '"10"\t"0"\t"0"\t"f/american_bach_soloists-j_s__bach_solo_cantatas-01-262-291.mp3"\n'
)


def test_a_published_file_is_read_with_several_tags_a_clip_or_none(tmp_path: Path) -> None:
    annotations = read_annotations(_file(tmp_path, MAGNATAGATUNE))
    assert annotations.tags == ("no voice", "duet")
    assert annotations.paths[1].endswith("cantatas-01-146-175.mp3")
    np.testing.assert_array_equal(annotations.flags, [[1, 0], [1, 1], [0, 0]])
    assert annotations.findings == ()


def test_a_collection_is_written_in_the_published_form(tmp_path: Path) -> None:
    write_annotations(_collection("jazz", "rock"), tmp_path / "annotations.csv")
    assert (tmp_path / "annotations.csv").read_text() == (
        '"clip_id"\t"jazz"\t"rock"\t"mp3_path"\n'
        '"1"\t"1"\t"0"\t"jazz/0.wav"\n'
        '"2"\t"0"\t"1"\t"rock/0.wav"\n'
    )


def test_what_was_written_of_a_folder_is_read_back_where_there_is_no_audio(
    tmp_path: Path, real_clips: Path
) -> None:
    listed = read_collection(Settings(audio_path=str(real_clips), num_classes=3))
    write_annotations(listed, tmp_path / "annotations.csv")
    read = _read(tmp_path, 3)
    assert read.class_names == listed.class_names
    assert [(clip.id, clip.labels) for clip in read.clips] == [
        (clip.id, clip.labels) for clip in listed.clips
    ]


LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
NAMES = st.text(LETTERS, min_size=1).filter(lambda name: name not in (".", ".."))
CLASSES = NAMES.filter(lambda name: name.strip() and not damage_in_label(name))
# A line break and two tabs look like a row that a quote has swallowed.
FILES = NAMES.filter(lambda name: not ("\t" in name and set("\r\n") & set(name)))


@given(
    classes=st.lists(CLASSES, min_size=1, max_size=4, unique_by=look_of),
    files=st.lists(FILES, min_size=4, max_size=6, unique_by=lambda name: normalize("NFC", name)),
)
def test_any_names_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, classes: list[str], files: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("annotations")
    clips = []
    for number, file in enumerate(files):
        name = classes[number % len(classes)]
        clips.append(Clip(f"{name}/{file}", Path(file), (name,)))
    write_annotations(Collection(tuple(classes), tuple(clips)), folder / "annotations.csv")
    read = _read(folder, len(classes))
    assert read.class_names == tuple(classes)
    assert {clip.id: clip.labels for clip in read.clips} == {clip.id: clip.labels for clip in clips}


def test_a_spreadsheet_takes_no_name_for_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    write_annotations(_collection("'=1+1", "+rock", "@jazz"), path)
    header, *_, last = path.read_text().splitlines()
    assert header == '"clip_id"\t"\'\'=1+1"\t"\'+rock"\t"\'@jazz"\t"mp3_path"'
    assert last.endswith('"\'@jazz/0.wav"')
    collection = _read(tmp_path, 3)
    assert collection.class_names == ("'=1+1", "+rock", "@jazz")
    assert collection.clips[-1].id == "@jazz/0.wav"


def test_an_edited_file_gives_its_labels_and_clips_sorted_by_id(tmp_path: Path) -> None:
    _file(
        tmp_path,
        '"clip_id"\t"jazz"\t"rock"\t"mp3_path"\n'
        "3\t1\t1\trock/0.wav\n"
        "1\t0\t1\tjazz/0.wav\n"
        "2\t0\t0\tjazz/1.wav\n",
    )
    collection = _read(tmp_path, 2)
    assert [(clip.id, clip.labels) for clip in collection.clips] == [
        ("jazz/0.wav", ("rock",)),
        ("jazz/1.wav", ()),
        ("rock/0.wav", ("jazz", "rock")),
    ]
    assert "without any of the 2 classes: 1, like jazz/1.wav; they stay" in str(
        collection.findings[0]
    )


def test_a_file_that_says_the_same_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    write_annotations(_collection("jazz", "rock", clips_per_class=3), path)
    write_annotations(_collection("jazz", "rock"), path)
    write_annotations(_collection("jazz", "rock", clips_per_class=2), path)
    assert len(_read(tmp_path, 2).clips) == 4


def test_labels_edited_by_hand_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    collection = _collection("jazz", "rock", clips_per_class=2)
    edited = tuple(
        replace(clip, labels=("jazz", "rock")) if clip.id == "rock/1.wav" else clip
        for clip in collection.clips
    )
    write_annotations(replace(collection, clips=edited), path)
    before = path.read_bytes()
    sentence = r"other labels than audio_path does: 1, like rock/1\.wav; give --get_npy 0 .*name"
    with pytest.raises(InputError, match=sentence):
        write_annotations(collection, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("classes", [("jazz", "pop"), ("rock", "jazz"), ("jazz",)])
def test_a_file_of_other_classes_is_left_as_it_is(tmp_path: Path, classes: tuple[str, ...]) -> None:
    path = tmp_path / "annotations.csv"
    write_annotations(_collection("jazz", "rock"), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"annotations\.csv is there already .* --info_name"):
        write_annotations(_collection(*classes), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "notes of mine\nand more\n",
        "",
        "clip_id,rock,mp3_path\n1,1,a.wav\n",
        "clip_id\tjazz\tmp3_path\n1\tyes\ta.wav\n",
    ],
)
def test_a_file_that_is_something_else_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(InputError, match=r"annotations\.csv"):
        write_annotations(_collection("jazz"), path)
    assert path.read_text() == text


def test_a_folder_is_no_annotations_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the annotations file"):
        read_annotations(tmp_path)


@pytest.mark.parametrize(
    "header",
    ["clip_id,duet,mp3_path", "clip_id\tmp3_path", "id\tduet\tmp3_path", "clip_id\tduet\tx"],
)
def test_a_file_with_other_columns_is_no_annotations_file(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match=r"annotations\.csv does not begin with the columns"):
        read_annotations(_file(tmp_path, f"{header}\n1\t1\ta.mp3\n"))


def test_a_tag_with_two_columns_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several columns of one name: 1, like duet;"):
        read_annotations(_file(tmp_path, "clip_id\tduet\tharp\tduet\tmp3_path\n1\t1\t0\t1\ta\n"))


@pytest.mark.parametrize(
    "row", ["1\t1\ta.mp3", "1\t1\t0\t0\ta.mp3", "1\t1\t2\ta.mp3", "1\t10\t\ta.mp3", "1\t1\t0\t"]
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str) -> None:
    annotations = read_annotations(_file(tmp_path, MAGNATAGATUNE + row + "\n"))
    assert len(annotations.paths) == 3
    (problem,) = map(str, annotations.findings)
    assert "annotations.csv has rows that are not clip_id, 2 tags of 0 or 1, and mp3" in problem
    assert "1, like line 5 (" in problem


def test_malformed_rows_of_an_edited_file_are_refused(tmp_path: Path) -> None:
    _file(tmp_path, MAGNATAGATUNE + "11\t1\ta.mp3\n")
    with pytest.raises(
        InputError, match=r"and mp3_path: 1, like line 5 \(3 fields\): mend or remove"
    ):
        _read(tmp_path, 2)


def _collection(*classes: str, clips_per_class: int = 1) -> Collection:
    clips = [
        Clip(f"{name}/{number}.wav", Path(name) / f"{number}.wav", (name,))
        for name in classes
        for number in range(clips_per_class)
    ]
    return Collection(classes, tuple(clips))


def _read(folder: Path, num_classes: int) -> Collection:
    settings = Settings(
        audio_path=str(folder / "nowhere"),
        info_path=str(folder),
        info_name="annotations.csv",
        num_classes=num_classes,
    )
    return read_collection(settings, with_audio=False)


def _file(folder: Path, text: str) -> Path:
    path = folder / "annotations.csv"
    path.write_text(text)
    return path
