"""fcn4-dist checkpoints list|show|verify: what is there, and whether it is whole."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from tests.checkpoints.examples import DESCRIPTION, VALUES, flip, write_example

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; gives exit code, output and errors."""

    def run(action: str, place: Path) -> tuple[int, str, str]:
        code = main(["checkpoints", action, str(place)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def write_foreign(path: Path) -> Path:
    import mindspore as ms

    parameters = [ms.Parameter(ms.Tensor(value), name=name) for name, value in VALUES.items()]
    ms.save_checkpoint(parameters, str(path))
    return path


def write_damaged(folder: Path, epoch: int, step: int) -> Path:
    path = write_example(folder, epoch, step)
    flip(path, path.stat().st_size * 8 - 1500)
    return path


# list -----------------------------------------------------------------------------------------


def test_list_has_a_line_for_each_by_its_own_word(tmp_path: Path, run: Run) -> None:
    write_example(tmp_path, 1, 10, metrics={})
    write_example(tmp_path, 2, 3).rename(tmp_path / "MusicTagger-best.ckpt")
    write_foreign(tmp_path / "foreign.ckpt")
    (tmp_path / "empty.ckpt").touch()
    (tmp_path / "folder.ckpt").mkdir()
    (tmp_path / "notes.txt").touch()
    code, output, errors = run("list", tmp_path)
    assert (code, errors) == (0, "")
    heading, _, *rows = [line.split() for line in output.splitlines()]
    assert heading == ["file", "epoch", "step", "global", "step", "ROC-AUC", "run", "MB"]
    assert [row[:-1] for row in rows] == [
        ["MusicTagger-1_10.ckpt", "1", "10/10", "10", DESCRIPTION.run_id[:8]],
        ["MusicTagger-best.ckpt", "2", "3/10", "13", "0.8750", DESCRIPTION.run_id[:8]],
        ["empty.ckpt", "damaged:", "it", "is", "empty"],
        ["foreign.ckpt", "of", "another", "program"],
    ]


def test_list_takes_a_single_file(tmp_path: Path, run: Run) -> None:
    path = write_example(tmp_path, 1, 1)
    write_example(tmp_path, 1, 2)
    code, output, _ = run("list", path)
    assert code == 0
    assert "MusicTagger-1_1.ckpt" in output and "MusicTagger-1_2.ckpt" not in output


# show -----------------------------------------------------------------------------------------


def test_show_prints_all_that_a_checkpoint_says_and_its_arrays(tmp_path: Path, run: Run) -> None:
    code, output, _ = run("show", write_example(tmp_path, 2, 3))
    assert code == 0
    for text in (
        '"epoch": 2',
        '"global_step": 13',
        '"día"',
        '"爵士"',
        '"n_mels": 96',
        '"roc_auc_macro": 0.875',
        '"mindspore": "2.8.0"',
    ):
        assert text in output
    rows = [line.split() for line in output.splitlines()]
    assert ["conv1.weight", "(2,", "1,", "3,", "3)", "float32"] in rows
    assert ["global_step", "()", "int32"] in rows


def test_show_prints_the_arrays_of_another_program(tmp_path: Path, run: Run) -> None:
    code, output, _ = run("show", write_foreign(tmp_path / "foreign.ckpt"))
    assert code == 0
    assert "conv1.weight" in output


def test_show_prints_file_names_that_are_not_utf_8(tmp_path: Path) -> None:
    path = write_example(tmp_path, settings={"audio_path": "caf\udce9/"})
    command = [sys.executable, "-m", "fcn4_dist", "checkpoints", "show", str(path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "caf" in result.stdout


@pytest.mark.parametrize("content", [b"", b"a text", None])
def test_show_refuses_a_file_that_breaks_off(
    tmp_path: Path, run: Run, content: bytes | None
) -> None:
    path = write_example(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    code, _, errors = run("show", path)
    assert code == 2
    assert errors.startswith(f"fcn4-dist: error: {path} is damaged: it ")
    assert errors.count("\n") == 1


# verify ---------------------------------------------------------------------------------------


def test_verify_says_of_each_whether_it_is_whole(tmp_path: Path, run: Run) -> None:
    whole = write_example(tmp_path, 1, 1)
    best = write_example(tmp_path, 1, 2).rename(tmp_path / "MusicTagger-best.ckpt")
    foreign = write_foreign(tmp_path / "foreign.ckpt")
    code, output, errors = run("verify", tmp_path)
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        f"{whole}: whole",
        f"{best}: whole",
        f"{foreign}: 2 arrays of another program, which writes no checksum",
    ]


def test_one_damaged_checkpoint_is_exit_code_2_and_the_others_are_told_all_the_same(
    tmp_path: Path, run: Run
) -> None:
    changed = write_damaged(tmp_path, 1, 1)
    cut = write_example(tmp_path, 1, 2)
    cut.write_bytes(cut.read_bytes()[:-200])
    swapped = write_example(tmp_path, 1, 3).rename(tmp_path / "MusicTagger-1_4.ckpt")
    text = tmp_path / "a.ckpt"
    text.write_text("a text")
    whole = write_example(tmp_path, 2, 1)
    code, output, errors = run("verify", tmp_path)
    assert (code, errors) == (2, "")
    assert output.splitlines() == [
        f"{changed}: damaged: its checksum is wrong: bytes of it have changed",
        f"{cut}: damaged: it breaks off",
        f"{swapped}: damaged: it holds epoch 1, step 3, which is not what its name says: files "
        "were swapped or renamed",
        f"{whole}: whole",
        f"{text}: damaged: it is no checkpoint, or damaged",
    ]


def test_a_checkpoint_of_another_run_among_those_of_a_run_is_exit_code_2(
    tmp_path: Path, run: Run
) -> None:
    whole = [write_example(tmp_path, 1, step) for step in (1, 2)]
    # Runs that have prefixes of their own may share a folder.
    whole.append(write_example(tmp_path, 1, 1, prefix="Other", run_id="its own run"))
    assert run("verify", tmp_path)[0] == 0
    copied = write_example(tmp_path, 9, 9, run_id="9f3b7c2e9a").rename(
        tmp_path / "MusicTagger-best.ckpt"
    )
    code, output, errors = run("verify", tmp_path)
    assert (code, errors) == (2, "")
    assert output.splitlines() == [
        *(f"{path}: whole" for path in sorted([*whole, copied])),
        f"{tmp_path} holds MusicTagger-*.ckpt of 2 runs (1f3b7c2e: 2, like MusicTagger-1_1.ckpt, "
        "MusicTagger-1_2.ckpt; 9f3b7c2e: 1, like MusicTagger-best.ckpt): keep those of each run in "
        "a folder of their own",
    ]
    assert run("verify", copied)[0] == 0


# All ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["list", "show", "verify"])
def test_a_place_without_any_checkpoint_is_refused(tmp_path: Path, run: Run, action: str) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.ckpt").mkdir()
    for place in (tmp_path, tmp_path / "none", tmp_path / "none.ckpt"):
        code, _, errors = run(action, place)
        assert code == 2
        sentence = f"{place} is no checkpoint, and no folder with any (*.ckpt)"
        assert errors == f"fcn4-dist: error: {sentence}\n"


@pytest.mark.parametrize(("action", "code"), [("list", 0), ("show", 0), ("verify", 2)])
def test_the_command_does_without_mindspore(tmp_path: Path, action: str, code: int) -> None:
    write_example(tmp_path, 1, 1)
    write_damaged(tmp_path, 1, 2)
    program = (
        "import sys\n"
        "from fcn4_dist.cli import main\n"
        "code = main(['checkpoints', *sys.argv[1:]])\n"
        "sys.exit(f\"{code} {'mindspore' in sys.modules}\")"
    )
    command = [sys.executable, "-c", program, action, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stderr.strip() == f"{code} False"
