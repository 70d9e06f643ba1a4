"""The annotations file: the labels of every clip."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips import (
    FolderCollection,
    list_folder,
    read_annotations,
    write_annotations_of_folder,
)
from fcn4_dist.errors import InputError

# The form MagnaTagATune is published in.
MAGNATAGATUNE = (
    '"clip_id"\t"no voice"\t"duet"\t"mp3_path"\n'
    '"2"\t"1"\t"0"\t"f/american_bach_soloists-j_s__bach_solo_cantatas-01-30-59.mp3"\n'
    '"6"\t"1"\t"1"\t"f/american_bach_soloists-j_s__bach_solo_cantatas-01-146-175.mp3"\n'
    '"10"\t"0"\t"0"\t"f/american_bach_soloists-j_s__bach_solo_cantatas-01-262-291.mp3"\n'
)


def test_a_published_file_is_read_with_several_labels_a_clip_or_none(tmp_path: Path) -> None:
    annotations = read_annotations(_write(tmp_path, MAGNATAGATUNE), 2)
    assert annotations.class_names == ("no voice", "duet")
    assert annotations.ids[1].endswith("cantatas-01-146-175.mp3")
    np.testing.assert_array_equal(annotations.labels, [[1, 0], [1, 1], [0, 0]])
    assert annotations.labels.dtype == np.int32


def test_a_folder_of_classes_is_written_in_the_published_form(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    clips = (("jazz/a.wav", Path("jazz/a.wav"), "jazz"), ("rock/b.wav", Path("rock/b.wav"), "rock"))
    write_annotations_of_folder(FolderCollection(("jazz", "rock"), clips, ()), path)
    assert path.read_text() == (
        '"clip_id"\t"jazz"\t"rock"\t"mp3_path"\n'
        '"1"\t"1"\t"0"\t"jazz/a.wav"\n'
        '"2"\t"0"\t"1"\t"rock/b.wav"\n'
    )


def test_the_annotations_of_the_real_clips_are_read_back(tmp_path: Path, real_clips: Path) -> None:
    collection = list_folder(real_clips, 3)
    write_annotations_of_folder(collection, tmp_path / "annotations.csv")
    annotations = read_annotations(tmp_path / "annotations.csv", 3)
    assert annotations.class_names == collection.class_names
    assert annotations.ids == tuple(clip_id for clip_id, _, _ in collection.clips)
    names = [annotations.class_names[column] for column in annotations.labels.argmax(axis=1)]
    assert names == [class_name for _, _, class_name in collection.clips]
    assert (annotations.labels.sum(axis=1) == 1).all()


# File names that are not UTF-8 reach Python as surrogates, U+DC80 to U+DCFF.
FILE_NAMES = st.text(
    st.one_of(
        st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
        st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]),
    ),
    min_size=1,
)


@given(
    classes=st.lists(FILE_NAMES, min_size=1, max_size=4, unique=True),
    files=st.lists(FILE_NAMES, min_size=1, max_size=5, unique=True),
)
def test_any_file_names_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, classes: list[str], files: list[str]
) -> None:
    path = tmp_path_factory.mktemp("annotations") / "annotations.csv"
    clips = [
        (f"{classes[number % len(classes)]}/{name}", Path(name), classes[number % len(classes)])
        for number, name in enumerate(files)
    ]
    write_annotations_of_folder(FolderCollection(tuple(classes), tuple(clips), ()), path)
    annotations = read_annotations(path, len(classes))
    assert annotations.class_names == tuple(classes)
    assert annotations.ids == tuple(clip_id for clip_id, _, _ in clips)


def test_a_file_of_the_same_classes_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "annotations.csv"
    write_annotations_of_folder(_collection("jazz", "rock"), path)
    longer = _collection("jazz", "rock", clips_per_class=2)
    write_annotations_of_folder(longer, path)
    assert len(read_annotations(path, 2).ids) == 4


@pytest.mark.parametrize("classes", [("jazz", "pop"), ("rock", "jazz"), ("jazz",)])
def test_a_file_of_other_classes_is_left_as_it_is(tmp_path: Path, classes: tuple[str, ...]) -> None:
    path = tmp_path / "annotations.csv"
    write_annotations_of_folder(_collection("jazz", "rock"), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"annotations\.csv is there already .* --info_name"):
        write_annotations_of_folder(_collection(*classes), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["notes of mine\n", "", "clip_id,rock,mp3_path\n1,1,a.wav\n"])
def test_a_file_that_is_something_else_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(InputError, match=r"annotations\.csv"):
        write_annotations_of_folder(_collection("jazz"), path)
    assert path.read_text() == text


def test_a_missing_file_is_refused_with_what_makes_or_names_it(tmp_path: Path) -> None:
    sentence = r"missing\.csv is missing: .* --get_npy 1, .* --info_path and --info_name"
    with pytest.raises(InputError, match=sentence):
        read_annotations(tmp_path / "missing.csv", 2)


def test_a_folder_is_no_annotations_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the annotations file"):
        read_annotations(tmp_path, 2)


def test_another_number_of_tags_is_refused_with_the_flag_that_ends_it(tmp_path: Path) -> None:
    sentence = r"annotations\.csv has 2 tag columns, num_classes is 50: give --num_classes 2"
    with pytest.raises(InputError, match=sentence):
        read_annotations(_write(tmp_path, MAGNATAGATUNE), 50)


@pytest.mark.parametrize(
    "header",
    ["clip_id,duet,mp3_path", "clip_id\tmp3_path", "id\tduet\tmp3_path", "clip_id\tduet\tx"],
)
def test_a_file_with_other_columns_is_no_annotations_file(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match=r"annotations\.csv does not begin with the columns"):
        read_annotations(_write(tmp_path, f"{header}\n"), 1)


@pytest.mark.parametrize(
    "row", ["1\t1\ta.mp3", "1\t1\t0\t0\ta.mp3", "1\t1\t2\ta.mp3", "1\t1\t\ta.mp3"]
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str) -> None:
    path = _write(tmp_path, MAGNATAGATUNE + row + "\n")
    with pytest.raises(InputError, match=r"annotations\.csv, row 5: expected clip_id, 2 tags"):
        read_annotations(path, 2)


def test_a_clip_with_two_rows_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, MAGNATAGATUNE + "11\t0\t1\ta.mp3\n" + "12\t1\t0\ta.mp3\n")
    with pytest.raises(InputError, match=r"annotations\.csv, row 6: .*a\.mp3"):
        read_annotations(path, 2)


def _collection(*classes: str, clips_per_class: int = 1) -> FolderCollection:
    clips = [
        (f"{name}/{number}.wav", Path(name) / f"{number}.wav", name)
        for name in classes
        for number in range(clips_per_class)
    ]
    return FolderCollection(classes, tuple(clips), ())


def _write(folder: Path, text: str) -> Path:
    path = folder / "annotations.csv"
    path.write_text(text)
    return path
