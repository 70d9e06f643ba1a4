"""A CSV file of paths and labels."""

from pathlib import Path

import pytest

from fcn4_dist.clips import Collection, read_collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

FILE = """\
labels,path,group,split
rooster,rooster/1-26806-A.ogg,g1,train
rain|dog_bark,rain/1-17367-A.ogg,,test
dog_bark,dog_bark/1-30226-A.ogg,g1,val
"""


def test_columns_come_in_any_order_and_clips_are_sorted(tmp_path: Path, real_clips: Path) -> None:
    _write(tmp_path, FILE)
    collection = read_collection(_settings(tmp_path, real_clips))
    assert collection.class_names == ("dog_bark", "rain", "rooster")
    assert [(clip.id, clip.labels, clip.role, clip.group) for clip in collection.clips] == [
        ("dog_bark/1-30226-A.ogg", ("dog_bark",), "val", "g1"),
        ("rain/1-17367-A.ogg", ("dog_bark", "rain"), "test", ""),
        ("rooster/1-26806-A.ogg", ("rooster",), "train", "g1"),
    ]
    assert all(clip.path.is_file() for clip in collection.clips)
    assert collection.findings == ()


def test_path_and_labels_are_enough(tmp_path: Path) -> None:
    collection = _read(tmp_path, "path,labels\na.wav,x\nb.wav,y\n", 2)
    assert [clip.group for clip in collection.clips] == ["", ""]
    assert [clip.role for clip in collection.clips] == ["", ""]


@pytest.mark.parametrize(
    ("word", "role"),
    [("Train", "train"), ("VALID", "val"), ("validation", "val"), ("val ", "val"), ("", "")],
)
def test_splits_are_written_in_several_ways(tmp_path: Path, word: str, role: str) -> None:
    collection = _read(tmp_path, f"path,labels,split\na.wav,x,{word}\n", 1)
    assert collection.clips[0].role == role


def test_an_absolute_path_is_its_own_id(tmp_path: Path, real_clip: Path) -> None:
    _write(tmp_path, f"path,labels\n{real_clip},dog\n")
    (clip,) = read_collection(_settings(tmp_path, tmp_path / "nowhere", 1)).clips
    assert clip.id == str(real_clip)
    assert clip.path == real_clip


def test_excel_s_byte_order_mark_and_line_ends_and_blank_lines_are_accepted(tmp_path: Path) -> None:
    _write(tmp_path, "\ufeff" + FILE.replace("\n", "\r\n") + "\r\n")
    assert len(read_collection(_settings(tmp_path), with_audio=False).clips) == 3


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_bytes(b"path,labels\na.wav,x\ncaf\xe9.wav,x\n")
    with pytest.raises(InputError, match=r"clips\.csv, line 3, is not UTF-8 text: save it as UTF"):
        read_collection(_settings(tmp_path), with_audio=False)


def test_a_missing_file_is_refused_with_the_flags_that_name_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clips\.csv is missing: .* --info_path and --info_name"):
        read_collection(_settings(tmp_path), with_audio=False)


@pytest.mark.parametrize("text", ["", "path,labels\n", "\n\n"])
def test_a_file_without_clips_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="holds no row below a header: name the file"):
        _read(tmp_path, text)


def test_unknown_and_missing_columns_are_named_in_a_line_for_each_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError) as info:
        _read(tmp_path, "path,label,artist\na.wav,x,y\n")
    unknown, missing = str(info.value).splitlines()
    assert "unknown columns: 2, like 'label', did you mean 'labels'?, 'artist': name its" in unknown
    assert "lacks columns: 1, like labels: " in missing


def test_a_file_separated_by_something_else_is_told_so(tmp_path: Path) -> None:
    for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", r"\|")):
        sentence = rf"is separated by {called}: name its columns .*, separated by commas"
        with pytest.raises(InputError, match=sentence):
            _read(tmp_path, f"path{separator}labels\na.wav{separator}x\n")


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names columns twice in its header: 1, like path"):
        _read(tmp_path, "path,labels,path\na.wav,x,b.wav\n")


def test_all_that_is_wrong_with_the_rows_is_told_at_once(tmp_path: Path) -> None:
    text = FILE + (
        "rain,rain/2.ogg\n"
        "rain, ,g1,train\n"
        ",rain/3.ogg,g1,train\n"
        "rain|,rain/4.ogg,g1,train\n"
        "rain,rain/5.ogg,g1,dev\n"
    )
    with pytest.raises(InputError) as info:
        _read(tmp_path, text)
    file = f"{tmp_path / 'clips.csv'} "
    lines = [line.removeprefix(file) for line in str(info.value).splitlines()]
    fields, path, split, label = lines
    assert fields.startswith(
        "has rows that do not have the 4 fields of its header: 1, like line 5 (2 fields): "
    )
    assert path.startswith("has rows without a path: 1, like line 6: ")
    assert "label: 2, like line 7 (rain/3.ogg), line 8 (rain/4.ogg): " in label
    assert split.startswith("has rows with an unknown split: 1, like 'dev' in line 9: ")


def test_of_many_rows_three_are_examples(tmp_path: Path) -> None:
    rows = "".join(f"{number}.wav,\n" for number in range(9))
    with pytest.raises(InputError) as info:
        _read(tmp_path, "path,labels\n" + rows)
    # That there are no classes then is no news.
    (line,) = str(info.value).splitlines()
    assert "label: 9, like line 2 (0.wav), line 3 (1.wav), line 4 (2.wav): give" in line


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('a.wav,"x\nb.wav,y\n', r"line 2, holds a quote \(\"\) without its partner"),
        ('a.wav,"x\nb.wav,y"\nc.wav,y\n', r"line 2, holds a quote"),
        ('a.wav,x"\nb.wav,y\n', r"line 2, holds a quote"),
        ('a.wav, "x"\nb.wav,y\n', "a quote behind a blank.*: 1, like line 2: remove the blank"),
        ("a.wav,x\npath,labels\nb.wav,y\n", "its header again among its rows: 1, like line 3:"),
        ("a.wav,x\nb.wav,y\nc.wav,x;y\n", r"several of its labels in one: 1, like 'x;y' in line 4"),
        ("a.wav,x\nb.wav,x\u200b\n", r"look damaged: 1, like 'x\\u200b' in line 3 \(the character"),
        (
            "a.wav,\xe9\nb.wav,e\u0301\n",
            r"the same.*like 'e\\u0301' in line 3 and '\\xe9' in line 2",
        ),
        ("a.wav,x\nb.wav,b.wav;y\n", "'b.wav;y' in line 3 .the name of an audio file.: mend"),
        ("a.wav,x\nb.wav,nan\n", "'nan' in line 3 .an empty cell, as pandas writes it.: mend"),
        ("a.wav,x\nb.wav;y\n", r"2 fields of its header: 1, like line 3 \(1 field\): mend"),
        ("a.wav,x\0\nb.wav,y\n", "line 2, holds zero bytes"),
    ],
)
def test_what_is_damaged_is_refused_with_its_line(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as info:
        _read(tmp_path, f"path,labels\n{rows}", 2)
    assert all(line.isprintable() for line in str(info.value).splitlines())


def test_a_number_of_classes_is_advised_only_where_the_names_are_sound(tmp_path: Path) -> None:
    for labels, mend in (
        ("rock,jazz,pop", ": give --num_classes 3, or name another collection"),
        ("rock,jazz,rokc", ": if 'rock' and 'rokc' are classes of their own, give --num_classes 3"),
        ("rock,jazz,none", ": if 'none' is a class, and no empty cell, give --num_classes 3"),
        ("rock,jazz,Rock", ": mend what else is found first"),
    ):
        rows = "".join(f"{number}.wav,{label}\n" for number, label in enumerate(labels.split(",")))
        with pytest.raises(InputError, match=mend):
            _read(tmp_path, f"path,labels\n{rows}", 2)


def test_blanks_around_fields_do_not_count_and_are_said_of_labels(tmp_path: Path) -> None:
    text = "path , labels, group\n a.wav ,x | y, g\xa0\nb.wav,y,g\n"
    collection = _read(tmp_path, text, 2)
    assert [(clip.id, clip.labels, clip.group) for clip in collection.clips] == [
        ("a.wav", ("x", "y"), "g"),
        ("b.wav", ("y",), "g"),
    ]
    (remark,) = map(str, collection.findings)
    assert "blanks around them: 2, like 'x ' in line 2, ' y' in line 2; the blanks do not" in remark


def test_a_file_in_another_unicode_form_is_found_and_its_very_name_goes_before(
    tmp_path: Path,
) -> None:
    for name in ("e\u0301.wav", "b.wav", " b.wav"):
        (tmp_path / name).touch()
    _write(tmp_path, "path,labels\n\xe9.wav,x\n b.wav,y\n")
    collection = read_collection(_settings(tmp_path, num_classes=2))
    found = {clip.id: clip.path.name for clip in collection.clips}
    assert found == {"\xe9.wav": "e\u0301.wav", "b.wav": " b.wav"}


@pytest.mark.parametrize("name", ["a\u200b.wav", "a\\b.wav", "a.wav;x", "file:///a.wav", 'a.wav"'])
def test_a_path_that_looks_damaged_and_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "b.wav").touch()
    quoted = name.replace('"', '""')
    _write(tmp_path, f'path,labels\n"{quoted}",x\nb.wav,y\n')
    with pytest.raises(
        InputError, match=r"missing, by paths that look damaged: 1, like .* in line 2"
    ):
        read_collection(_settings(tmp_path, num_classes=2))
    # A file of that name is what is meant.
    if "/" not in name:
        (tmp_path / name).touch()
        assert len(read_collection(_settings(tmp_path, num_classes=2)).clips) == 2


def test_groups_that_look_the_same_would_be_on_both_sides_of_a_split(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"groups whose names look the same.*'\\xe9' in line 2 and"
    ):
        _read(tmp_path, "path,labels,group\na.wav,x,\xe9\nb.wav,y,e\u0301\n", 2)


def test_folds_come_as_they_are_numbered_and_a_test_stays_apart(tmp_path: Path) -> None:
    text = "path,labels,split,fold\na.wav,x,,0\nb.wav,y,train,2\nc.wav,x,TEST,2\nd.wav,y,,\n"
    collection = _read(tmp_path, text, 2)
    assert collection.folds == (0, 2)
    assert [(clip.fold, clip.role) for clip in collection.clips] == [
        *((0, ""), (2, ""), (None, "test"), (None, "")),
    ]
    assert collection.findings == ()


def test_folds_of_pandas_with_a_decimal_point_are_read_with_a_word(tmp_path: Path) -> None:
    collection = _read(tmp_path, "path,labels,fold\na.wav,x, 1.0\nb.wav,y,2\n", 2)
    assert collection.folds == (1, 2)
    (remark,) = map(str, collection.findings)
    assert "a decimal point: 1, like '1.0' in line 2; they are read as whole" in remark


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a.wav,x,,1\nb.wav,y,,1.5\n", "whole number from 0 to 1000: 1, like '1.5' in line 3: wr"),
        ("a.wav,x,,1\nb.wav,y,,-1\n", "like '-1' in line 3"),
        ("a.wav,x,,1\nb.wav,y,,\uff12\n", "like '.' in line 3"),
        ("a.wav,x,,1\nb.wav,y,,99999\n", "like '99999' in line 3"),
        ("a.wav,x,,1\nb.wav,y,,fold2\n", "like 'fold2' in line 3"),
        ("a.wav,x,,1\nb.wav,y,,1\n", "no fold but 1, without which nothing is left to learn: numb"),
        ("a.wav,x,,1\nb.wav,y,val,2\n", "split says otherwise: 1, like 'val' in line 3: write te"),
        ("a.wav,x,train,\nb.wav,y,,2\nc.wav,y,,3\n", "otherwise: 1, like 'train' in line 2"),
    ],
)
def test_folds_that_can_mean_several_things_are_refused(
    tmp_path: Path, rows: str, told: str
) -> None:
    with pytest.raises(InputError, match=told) as info:
        _read(tmp_path, f"path,labels,split,fold\n{rows}", 2)
    assert len(str(info.value).splitlines()) == 1


def test_a_path_may_go_up_and_down_below_audio_path(tmp_path: Path) -> None:
    (clip,) = _read(tmp_path, "path,labels\nx/../a.wav,x\n", 1).clips
    assert clip.id == "a.wav"


def _read(folder: Path, text: str, num_classes: int = 3) -> Collection:
    _write(folder, text)
    return read_collection(_settings(folder, num_classes=num_classes), with_audio=False)


def _settings(folder: Path, audio: Path | None = None, num_classes: int = 3) -> Settings:
    return Settings(
        dataset="csv",
        audio_path=str(audio or folder),
        info_path=str(folder),
        info_name="clips.csv",
        num_classes=num_classes,
    )


def _write(folder: Path, text: str) -> None:
    (folder / "clips.csv").write_text(text, "utf-8", newline="")
