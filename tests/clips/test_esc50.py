"""ESC-50: the published table and file names, its folds, and ESC-10 as a part of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.clips import Collection, find_dataset, read_collection, recognise_dataset
from fcn4_dist.clips.esc50 import ESC50_CLASSES
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Level

HEADER = "filename,fold,target,category,esc10,src_file,take"
ROWS = (
    "1-30226-A-0.wav,1,0,dog,True,30226,A",
    "1-17367-A-10.wav,1,10,rain,True,17367,A",
    "1-26806-A-1.wav,1,1,rooster,True,26806,A",
    "4-234879-A-6.wav,4,6,hen,False,234879,A",
    "5-234879-A-1.wav,5,1,rooster,True,234879,A",
    "5-234879-B-1.wav,5,1,rooster,True,234879,B",
    "1-119125-A-45.wav,1,45,train,False,119125,A",
)
"""Rows of meta/esc50.csv as they were published."""


def test_classes_are_in_the_order_of_their_numbers_and_folds_are_as_published(
    tmp_path: Path,
) -> None:
    collection = _read(_unpacked(tmp_path))
    assert collection.class_names == ("dog", "rooster", "hen", "rain", "train")
    assert collection.folds == (1, 4, 5)
    clips = {clip.id: clip for clip in collection.clips}
    rooster = clips["audio/5-234879-B-1.wav"]
    assert (rooster.labels, rooster.fold, rooster.line) == (("rooster",), 5, 7)


def test_clips_of_a_recording_are_a_group_in_whatever_folds_they_are(tmp_path: Path) -> None:
    groups = [clip.group for clip in _read(_unpacked(tmp_path)).clips]
    assert groups.count("234879") == 3


def test_esc10_is_the_clips_that_the_table_says(tmp_path: Path) -> None:
    collection = _read(_unpacked(tmp_path), subset="esc10")
    assert collection.class_names == ("dog", "rooster", "rain")
    assert len(collection.clips) == 5
    assert not any("does not name" in str(finding) for finding in collection.findings)


def test_what_is_not_whole_is_counted_a_fold(tmp_path: Path) -> None:
    (finding,) = _read(_unpacked(tmp_path)).findings
    assert "ESC-50 is not whole in" in str(finding)
    for count in ("5 of 50 classes", "4 of 400 clips of fold 1", "0 of 400 clips of fold 2"):
        assert count in str(finding)


def test_the_rows_of_esc10_alone_are_known_as_such(tmp_path: Path) -> None:
    targets = (0, 1, 10, 11, 12, 20, 21, 38, 40, 41)
    rows = [
        f"{fold}-{take}-A-{target}.wav,{fold},{target},{ESC50_CLASSES[target]},True,{take},A"
        for fold in range(1, 6)
        for target in targets
        for take in range(8)
    ]
    finding, numbers = _read(_unpacked(tmp_path, rows)).findings
    assert finding.level is numbers.level is Level.NOTE
    assert "has 10: those of ESC-10" in str(finding)
    assert str(numbers).startswith("ESC-10 has what was published: 10 classes, ")


@pytest.mark.parametrize("table", ["meta/esc50.csv", "esc50.csv"])
def test_it_is_found_in_the_folder_above_and_recognised(table: str, tmp_path: Path) -> None:
    root = _unpacked(tmp_path, table=table)
    assert recognise_dataset(tmp_path) is recognise_dataset(root) is find_dataset("esc50")
    assert _read(tmp_path).clips[0].id == "ESC-50-master/audio/1-119125-A-45.wav"


def test_the_table_may_be_beside_the_annotations_and_the_audio_alone(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    collection = _read(root / "audio", info_path=str(root))
    assert collection.clips[0].id == "1-119125-A-45.wav"


def test_a_copy_in_another_format_or_folder_is_read_and_said(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    (root / "audio" / "1-30226-A-0.wav").rename(root / "audio" / "1-30226-A-0.ogg")
    (root / "audio" / "44100").mkdir()
    shutil.move(root / "audio" / "1-17367-A-10.wav", root / "audio" / "44100")
    collection = _read(root)
    paths = {clip.id: clip.path for clip in collection.clips}
    assert paths["audio/1-30226-A-0.wav"] == root / "audio" / "1-30226-A-0.ogg"
    assert paths["audio/1-17367-A-10.wav"] == root / "audio" / "44100" / "1-17367-A-10.wav"
    assert "format or folder than published: 2, like 1-30226-A-0.ogg" in str(collection.findings[1])


def test_what_is_missing_or_extra_is_said(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    (root / "audio" / "1-30226-A-0.wav").rename(root / "audio" / "9-30226-A-0.wav")
    said = "\n".join(map(str, _read(root).findings))
    assert "does not name: 1, like audio/9-30226-A-0.wav; they are ignored" in said
    assert "names audio files that are missing: 1, like audio/1-30226-A-0.wav in line 2" in said


def test_without_the_audio_it_is_read_where_none_is_needed(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    whole = _read(root)
    shutil.rmtree(root / "audio")
    settings = Settings(dataset="esc50", audio_path=str(root))
    assert read_collection(settings, with_audio=False, counted=True) == whole
    with pytest.raises(InputError, match=r"none of the audio files that .* names is in audio_path"):
        _read(root)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1-30226-A-0.wav,2,0,dog,True,30226,A", r"something else than their file names .*fold 2,"),
        ("1-30226-A-0.wav,1,1,rooster,True,30226,A", r"else than their file names .*, target 1\)"),
        ("audio/1-30226-A-0.wav,1,0,dog,True,30226,A", r"like audio/1-30226-A-0\.wav in line 2"),
        ("/x/1-30226-A-0.wav,1,0,dog,True,30226,A", r"like /x/1-30226-A-0\.wav in line 2"),
        ("1-30226-A-0.wav,6,0,dog,True,30226,A", r"column fold .* can hold: 1, like '6' in line 2"),
        ("1-30226-A-0.wav,,0,dog,True,30226,A", r"column fold .* can hold: 1, like '' in line 2"),
        ("1-30226-A-0.wav,1,0,,True,30226,A", r"column category that are empty: 1, like"),
        (
            "1-30226-A-0.wav,1,0,hen,True,30226,A",
            r"target says: 1, like 'hen' in line 2 \(it is 'dog'\)",
        ),
        ("1-30226-A-0.wav,1,0,dog,maybe,30226,A", r"esc10 that are neither True nor False: 1, li"),
        ("1-30226-A-0.wav,1,0,dog,True,30226", r"do not have the 7 fields of its header: 1"),
        (ROWS[1], r"names clips more than once: 1, like audio/1-17367-A-10\.wav in lines 2 and 3"),
    ],
)
def test_a_damaged_row_is_refused_in_a_sentence(row: str, said: str, tmp_path: Path) -> None:
    root = _unpacked(tmp_path, ROWS)
    _write_table(root / "meta" / "esc50.csv", [row, *ROWS[1:]])
    with pytest.raises(InputError, match=said):
        _read(root, subset="esc10" if "maybe" in row else "")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    rows = [f"{row},{number}" for number, row in enumerate(ROWS)]
    (root / "meta" / "esc50.csv").write_text("\n".join([f"{HEADER},fold", *rows, ""]))
    with pytest.raises(InputError, match="has several columns of one name: 1, like fold: leave"):
        _read(root)


def test_numbers_that_pandas_has_made_decimals_are_read(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    _write_table(root / "meta" / "esc50.csv", ["1-30226-A-0.wav,1.0,0.0,dog,True,30226.0,A"])
    (clip,) = _read(root).clips
    assert (clip.fold, clip.group) == (1, "30226")


def test_a_folder_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no meta/esc50\.csv of ESC-50: name the folder"):
        _read(tmp_path)


def _unpacked(tmp_path: Path, rows: Sequence[str] = ROWS, table: str = "meta/esc50.csv") -> Path:
    """Make a folder as the archive unpacks, of empty files."""
    root = tmp_path / "ESC-50-master"
    (root / "audio").mkdir(parents=True)
    _write_table(root / table, rows)
    for row in rows:
        (root / "audio" / row.split(",")[0]).touch()
    return root


def _write_table(path: Path, rows: Sequence[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([HEADER, *rows, ""]))


def _read(audio_path: Path, **settings: Any) -> Collection:
    given = {"info_path": "nowhere"} | settings
    return read_collection(
        Settings(dataset="esc50", audio_path=str(audio_path), **given), counted=True
    )
