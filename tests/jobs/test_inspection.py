"""The commands verify and inspect."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

from fcn4_dist.cli import main
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.inspection import verify_shards
from fcn4_dist.jobs.shards import open_shards
from tests.jobs.test_preprocess import preprocess
from tests.sealing import change_sealed


@pytest.fixture
def folder(shards: Path, tmp_path: Path) -> Path:
    """Shards of the real clips that may be changed."""
    return Path(shutil.copytree(shards, tmp_path / "mindrecord"))


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest as one may who knows of its checksum."""
    change_sealed(folder / "manifest.json", change)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def verify(folder: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["verify", str(folder)])
    output = capfd.readouterr()
    return code, output.out, output.err


def test_shards_that_nobody_touched_are_whole(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, output, errors = verify(folder, capfd)
    assert (code, errors) == (0, "")
    assert "train: 16 clips in 2 shards, " in output
    assert "val: 5 clips in 2 shards, " in output


def test_everything_that_is_wrong_is_named_at_once(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flip(folder / "train.mindrecord0", 5000)
    (folder / "val.mindrecord1.db").unlink()
    shutil.copy(folder / "val.mindrecord0", folder / "train.mindrecord7")
    code, _, errors = verify(folder, capfd)
    assert code == 2
    assert f"{folder / 'train.mindrecord0'} is not the file the manifest was written" in errors
    assert f"{folder / 'val.mindrecord1.db'} is missing" in errors
    assert f"{folder / 'train.mindrecord7'} is named like a shard and is none of" in errors
    assert len(errors.splitlines()) == 3


def test_a_lost_row_is_named_though_all_files_are_as_the_manifest_says(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def lose(content: dict[str, Any]) -> None:
        # As if the clip had been in the collection, and its row had not been written.
        row = content["clips"][0]
        content["clips"].insert(1, row | {"id": "rain/lost.ogg"})
        content["shards"][0]["rows"] += 1

    change_manifest(folder, lose)
    code, _, errors = verify(folder, capfd)
    assert code == 2
    assert f"{folder / 'train.mindrecord0'} does not hold the clips the manifest says" in errors
    assert "missing: rain/lost.ogg" in errors


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content["clips"].pop(0), "extra: "),
        (lambda content: content["clips"].insert(0, content["clips"].pop(1)), "in another order: "),
        (lambda content: content["clips"][0].update(labels=["rain"]), "the labels the manifest"),
        (lambda content: content["clips"][0].update(labels=["opera"]), "does not name"),
        (lambda content: content["shards"][0].update(rows=99), "has 99 rows, and "),
        (lambda content: content["clips"].append(content["clips"][0]), "more than once"),
        (lambda content: content["clips"][0].update(shard="x"), "that their sets do not have"),
    ],
)
def test_a_manifest_that_does_not_fit_its_shards_or_itself_is_told(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], None],
    sentence: str,
) -> None:
    change_manifest(folder, change)
    code, _, errors = verify(folder, capfd)
    assert code == 2
    assert sentence in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset", "gtzan"),
        ("feature_dtype", "float16"),
        ("parameters", "sample_rate"),
        ("parameters", "log_mel"),
        ("clips", "set"),
        ("clips", "status"),
        ("clips", "sha256"),
        ("clips", "labels"),
        ("split", "seed"),
    ],
)
def test_a_manifest_in_which_anything_was_changed_is_refused_by_all_that_read_it(
    folder: Path, preprocessed: Settings, field: str, value: str
) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    if isinstance(content[field], str):
        content[field] = value
    else:
        inner = content[field][0] if field == "clips" else content[field]
        others = {
            "sample_rate": 16000,
            "log_mel": "power_to_db",
            "set": "val",
            "status": "padded",
            "sha256": "0" * 64,
            "labels": ["rain"],
            "seed": 2,
        }
        assert inner[value] != others[value]
        inner[value] = others[value]
    path.write_text(json.dumps(content))
    settings = replace(preprocessed, data_dir=str(folder))
    for read in (
        lambda: verify_shards(folder),
        lambda: open_shards("train", settings),
        lambda: open_shards("eval", settings),
    ):
        with pytest.raises(
            InputError, match=r"manifest\.json is not as it was written \(its check"
        ):
            read()


def test_a_manifest_of_an_earlier_version_is_whole_with_a_word_about_what_cannot_be_told(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text()) | {"format": 3}
    del content["sha256"]
    path.write_text(json.dumps(content))
    code, output, errors = verify(folder, capfd)
    assert (code, errors) == (0, "")
    assert f"{path} is of an earlier version, which wrote no checksum: " in output
    content["parameters"]["n_mels"] += 1
    path.write_text(json.dumps(content))
    code, _, errors = verify(folder, capfd)
    assert code == 2
    assert "does not hold features as the manifest says (float32 of shape (1, 33, 188))" in errors


def test_a_folder_without_manifest_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in ("verify", "inspect"):
        assert main([command, str(tmp_path)]) == 2
        assert "manifest.json is missing" in capfd.readouterr().err


def test_what_is_in_the_shards_is_shown_and_drawn(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    assert main(["inspect", str(shards), "--sheet", str(sheet), "--per_class", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{shards}: dataset folder, 21 clips" in lines
    assert "sets: split random, val_ratio 0.2, seed 1" in lines
    assert any(
        line.startswith("features: 1.5 s of a clip at 12000 Hz, n_fft 512 samples, hop_length 96 ")
        for line in lines
    )
    counted = [line.split() for line in lines if line.startswith(("dog_bark", "rain", "rooster"))]
    assert [int(cell) for row in counted for cell in row[1:3]] == [6, 1, 5, 2, 5, 2]
    assert ["all", "clips", "16", "5", "0", "0"] in [line.split() for line in lines]
    durations = "train 1.5 s 1.5 s 1.5 s 0:00:24 16 0 0"
    assert durations.split() in [line.split() for line in lines]
    assert f"mel-spectrograms of 6 clips: {sheet}" in lines
    assert matplotlib.image.imread(sheet).shape[0] > 300


def test_what_was_skipped_and_left_out_is_shown_by_its_reasons(
    real_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = Path(shutil.copytree(real_clips, tmp_path / "clips"))
    for number in range(7):
        (audio / "rain" / f"empty{number}.wav").touch()
    shutil.copy(audio / "rooster/1-27724-A.ogg", audio / "rooster/copy.ogg")
    (audio / "rain" / "a\nb.wav").write_text("not music")
    preprocess(tmp_path, audio, val_pattern="*/1-2*")
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "shards")]) == 0
    output = capsys.readouterr().out
    lines = [line.split() for line in output.splitlines()]
    assert ["class", "train", "val", "left", "out", "skipped"] in lines
    assert ["rain", "4", "3", "0", "8"] in lines
    assert ["rooster", "5", "2", "1", "0"] in lines
    assert ["all", "clips", "16", "5", "1", "8"] in lines
    assert re.search(r"^[78] skipped: \S", output, re.MULTILINE)
    assert (
        "1 left out: the same audio as rooster/1-27724-A.ogg, which is in the validation set"
        in output
    )
    assert "rain/empty3.wav" in output
    assert "more, all in manifest.json" in output
    assert (tmp_path / "shards/sheet.png").exists()


def test_reasons_that_differ_in_a_number_are_of_one_kind(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def skip(content: dict[str, Any]) -> None:
        outside = {"set": "", "shard": "", "status": "skipped"}
        content["clips"] += [
            content["clips"][0]
            | outside
            | {"id": f"rain/{rate}.wav", "reason": f"has a sample rate of {rate} Hz"}
            for rate in (1, 2, 30)
        ]

    change_manifest(folder, skip)
    assert main(["inspect", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("3 skipped: has a sample rate of … Hz")
    assert lines[start + 3] == "  rain/30.wav (has a sample rate of 30 Hz)"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: flip(path, 5000)])
def test_a_damaged_shard_is_named_and_not_drawn(
    folder: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder / "train.mindrecord1")
    assert main(["inspect", str(folder)]) == 2
    output = capsys.readouterr()
    assert "all clips" in output.out
    assert output.err.startswith(f"fcn4-dist: error: {folder / 'train.mindrecord1'} is ")
    assert output.err.count("\n") == 1
    assert not (folder / "sheet.png").exists()


def test_a_sheet_that_cannot_be_written_is_refused(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for sheet, sentence in (
        (tmp_path, f"--sheet {tmp_path} is a folder: name a file"),
        (tmp_path / "file/sheet.png", f"({tmp_path / 'file'} is a file): name another folder"),
    ):
        assert main(["inspect", str(shards), "--sheet", str(sheet)]) == 2
        assert sentence in capsys.readouterr().err


def test_without_matplotlib_everything_but_the_sheet_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["inspect", str(folder)]) == 0
    output = capsys.readouterr().out
    assert "all clips" in output
    assert "no sheet of spectrograms: matplotlib is not installed in this Python" in output
    assert not (folder / "sheet.png").exists()


def test_without_mindspore_everything_but_the_sheet_is_shown(shards: Path) -> None:
    program = (
        "import sys\n"
        "from importlib import metadata\n"
        "sys.modules['mindspore'] = None\n"
        "find = metadata.version\n"
        "def version(name):\n"
        "    if name == 'mindspore':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return find(name)\n"
        "metadata.version = version\n"
        "from fcn4_dist.cli import main\n"
        "sys.exit(main())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "inspect", str(shards)],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert result.returncode == 0, result.stderr
    assert "all clips" in result.stdout
    assert "no sheet of spectrograms: MindSpore is not installed" in result.stdout
