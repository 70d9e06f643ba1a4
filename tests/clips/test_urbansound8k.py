"""UrbanSound8K: the published table, names and folders of its files, and its folds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.clips import Collection, find_dataset, read_collection, recognise_dataset
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

HEADER = "slice_file_name,fsID,start,end,salience,fold,classID,class"
ROWS = (
    "100032-3-0-0.wav,100032,0,0.317551,1,5,3,dog_bark",
    "100263-2-0-117.wav,100263,58.5,62.5,1,5,2,children_playing",
    "77751-4-0-0.wav,77751,0.39967,4.39967,1,2,4,drilling",
    "77751-7-0-0.wav,77751,0.449437,4.449437,1,7,7,jackhammer",
)
"""Rows of metadata/UrbanSound8K.csv as they were published."""

AS_PUBLISHED = ("metadata/UrbanSound8K.csv", "audio")
AS_KAGGLE_HAS_IT = ("UrbanSound8K.csv", ".")


@pytest.mark.parametrize("layout", [AS_PUBLISHED, AS_KAGGLE_HAS_IT])
def test_both_layouts_are_recognised_and_read_also_from_the_folder_above(
    layout: tuple[str, str], tmp_path: Path
) -> None:
    root = _unpacked(tmp_path, layout=layout)
    assert recognise_dataset(tmp_path) is recognise_dataset(root) is find_dataset("urbansound8k")
    folder = (Path("UrbanSound8K") / layout[1]).as_posix()
    ids = [clip.id for clip in _read(tmp_path).clips]
    assert ids[:2] == [f"{folder}/fold2/77751-4-0-0.wav", f"{folder}/fold5/100032-3-0-0.wav"]


def test_folders_of_folds_are_not_taken_for_those_of_classes(tmp_path: Path) -> None:
    for fold in range(1, 11):
        (tmp_path / f"fold{fold}").mkdir()
    assert recognise_dataset(tmp_path) is find_dataset("urbansound8k")
    with pytest.raises(InputError, match=r"holds no metadata/UrbanSound8K\.csv of UrbanSound8K"):
        _read(tmp_path)


def test_classes_folds_and_recordings_are_those_of_the_table(tmp_path: Path) -> None:
    collection = _read(_unpacked(tmp_path))
    assert collection.class_names == ("children_playing", "dog_bark", "drilling", "jackhammer")
    assert collection.folds == (2, 5, 7)
    drilling, *_, jackhammer = collection.clips
    assert (drilling.labels, drilling.fold) == (("drilling",), 2)
    assert (jackhammer.labels, jackhammer.fold) == (("jackhammer",), 7)
    assert drilling.group == jackhammer.group == "77751"


def test_what_is_not_whole_is_counted_a_fold(tmp_path: Path) -> None:
    said = str(_read(_unpacked(tmp_path)).findings[0])
    for count in ("4 of 10 classes", "0 of 873 slices of fold 1", "0 of 837 slices of fold 10"):
        assert count in said


def test_folds_without_a_folder_and_files_without_a_row_are_said(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    (root / "audio" / "fold5" / ".DS_Store").touch()
    (root / "audio" / "fold5" / "100263-2-0-117.wav").rename(root / "audio" / "fold5" / "a.wav")
    said = "\n".join(map(str, _read(root).findings))
    assert "lacks the folders of folds: 7, like fold1, fold3, fold4, fold6," in said
    assert "does not name: 1, like audio/fold5/a.wav; they are ignored" in said
    assert "are missing: 1, like audio/fold5/100263-2-0-117.wav in line 3" in said
    assert ".DS_Store" not in said


def test_a_slice_in_the_folder_of_another_fold_is_refused(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    (root / "audio" / "fold5" / "100032-3-0-0.wav").rename(
        root / "audio" / "fold7" / "100032-3-0-0.wav"
    )
    with pytest.raises(InputError, match=r"100032-3-0-0\.wav in fold7 \(fold 5 in line 2\)"):
        _read(root)


def test_audio_without_folders_of_folds_is_read(tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    for path in (root / "audio").glob("*/*.wav"):
        path.rename(root / "audio" / f"{path.stem}.flac")
    collection = _read(root)
    assert collection.clips[0].path == root / "audio" / "77751-4-0-0.flac"
    assert "format or folder than published: 4" in "\n".join(map(str, collection.findings))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("100032-3-0-0.wav,100033,0,1,1,5,3,dog_bark", r"else than their file names .*fsID 100033"),
        ("100032-3-0-0.wav,100032,0,1,1,5,4,drilling", r"else than their file names .*classID 4\)"),
        ("fold5/100032-3-0-0.wav,100032,0,1,1,5,3,dog_bark", r"else .*, like fold5/100032-3-0-0"),
        ("100032-3-0-0.wav,100032,0,1,1,11,3,dog_bark", r"column fold .* hold: 1, like '11' in li"),
        ("100032-10-0-0.wav,100032,0,1,1,5,10,x", r"column classID .*: 1, like '10' in line 2"),
        ("100032-3-0-0.wav,100032,0,1,1,5,3,dog", r"classID says: 1, like 'dog' in line 2 \(it is"),
        ("100032-3-0-0.wav,100032,0,1,1,5,3,", r"column class that are empty: 1, like '' in line"),
        (ROWS[1], r"clips more than once: 1, like audio/fold5/100263-2-0-117\.wav in lines 2 and"),
    ],
)
def test_a_damaged_row_is_refused_in_a_sentence(row: str, said: str, tmp_path: Path) -> None:
    root = _unpacked(tmp_path)
    _write_table(root / AS_PUBLISHED[0], [row, *ROWS[1:]])
    with pytest.raises(InputError, match=said):
        _read(root)


def _unpacked(
    tmp_path: Path, rows: Sequence[str] = ROWS, layout: tuple[str, str] = AS_PUBLISHED
) -> Path:
    """Make a folder as the archive unpacks, of empty files."""
    root = tmp_path / "UrbanSound8K"
    table, audio = layout
    for row in rows:
        name, fold = row.split(",")[0], row.split(",")[5]
        (root / audio / f"fold{fold}").mkdir(parents=True, exist_ok=True)
        (root / audio / f"fold{fold}" / name).touch()
    _write_table(root / table, rows)
    return root


def _write_table(path: Path, rows: Sequence[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([HEADER, *rows, ""]))


def _read(audio_path: Path, **settings: Any) -> Collection:
    given = {"info_path": "nowhere"} | settings
    return read_collection(
        Settings(dataset="urbansound8k", audio_path=str(audio_path), **given), counted=True
    )
