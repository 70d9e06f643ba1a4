"""Parts of a preprocess job: each by itself, at any time, and together what one process writes."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from fcn4_dist.cli import main
from fcn4_dist.runs.occupancy import in_turn
from tests.jobs.test_preprocess import flags_of, results_in

OF_PARTS = {".parts_of_features.json", ".parts_of_shards.json"}


def joined_in(folder: Path) -> dict[str, bytes]:
    """What the parts of a job leave together, but for what they know each other by."""
    results = results_in(folder)
    return {
        name: content
        for name, content in results.items()
        if not name.startswith("npy/parts/") and Path(name).name not in OF_PARTS
    }


@pytest.fixture(scope="module")
def clips(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real clips, a copy of one of them, and one that cannot be decoded."""
    folder = Path(shutil.copytree(real_clips, tmp_path_factory.mktemp("collection") / "clips"))
    shutil.copy(min((folder / "rain").iterdir()), folder / "rain" / "copy.ogg")
    (folder / "dog_bark" / "0.wav").write_text("not music")
    return folder


@pytest.fixture(scope="module")
def undivided(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished job of one process."""
    folder = tmp_path_factory.mktemp("undivided")
    assert main(["preprocess", *flags_of(folder, clips)]) == 0
    return folder


@pytest.fixture(scope="module")
def divided(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished job of two parts at once, of which one was killed and run again."""
    folder = tmp_path_factory.mktemp("divided")
    flags = flags_of(folder, clips)
    command = [sys.executable, "-m", "fcn4_dist", "preprocess", *flags]
    killed, other = (subprocess.Popen([*command, "--part", part]) for part in ("1/2", "2/2"))
    while not list(folder.rglob("*.npy")):
        time.sleep(0.05)
    workers = psutil.Process(killed.pid).children(recursive=True)
    killed.send_signal(signal.SIGKILL)
    psutil.wait_procs(workers, timeout=5)
    assert killed.wait() == -signal.SIGKILL
    assert other.wait(120) == 0
    again = subprocess.Popen([*command, "--part", "1/2"])
    assert main(["preprocess", *flags, "--part", "2/2"]) == 0
    assert again.wait(120) == 0
    # Its shards, unless it has found the features of the other there already.
    assert main(["preprocess", *flags, "--part", "2/2"]) == 0
    return folder


@pytest.mark.slow
def test_parts_leave_the_bytes_of_one_process_though_one_was_killed(
    undivided: Path, divided: Path
) -> None:
    assert joined_in(divided) == results_in(undivided)


@pytest.mark.slow
def test_to_join_again_or_to_run_a_part_again_changes_nothing(
    divided: Path, clips: Path, undivided: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in divided.rglob("*.mindrecord?")}
    assert main(["preprocess", *flags_of(divided, clips), "--part", "2/2"]) == 0
    (divided / "shards/manifest.json").unlink()
    (divided / "npy/features.json").unlink()
    # By its settings alone, as where the audio is not.
    assert main(["preprocess", *flags_of(divided, clips), "--join"]) == 0
    assert joined_in(divided) == results_in(undivided)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_each_part_says_what_is_to_be_run_next(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = flags_of(tmp_path, clips)
    assert main(["preprocess", *flags, "--join"]) == 2
    assert main(["preprocess", *flags, "--part", "2/2"]) == 0
    told = capsys.readouterr().out
    assert "those of part 1 of 2 are not there yet: run the same command with --part 1/2" in told
    assert "and then --part 2/2 again for its shards" in told
    for stage, command in (("1", ["--join"]), ("0", ["--part", "2/2"])):
        assert main(["preprocess", *flags, *command, "--get_npy", stage]) == 2
        assert "the features of part 1 of 2 are not in" in capsys.readouterr().err
    assert main(["preprocess", *flags, "--part", "1/2", "--get_mindrecord", "0"]) == 0
    assert "the features of all 2 parts are in" in capsys.readouterr().out
    assert main(["preprocess", *flags, "--join"]) == 2
    assert "no part has begun to write shards in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "part", "told"),
    [
        ({"n_mels": "40"}, "2/2", "n_mels is 40 here and 32 there"),
        ({}, "2/4", "it is one of 4, they are of 2"),
        ({"audio_path": "fewer"}, "2/2", "its collection has other clips, labels or sets"),
    ],
)
def test_a_part_of_another_job_is_refused_before_its_work(
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    part: str,
    told: str,
) -> None:
    if "audio_path" in change:
        change = {"audio_path": str(shutil.copytree(clips, tmp_path / "fewer"))}
        (tmp_path / "fewer/rain/copy.ogg").unlink()
    only = {"get_mindrecord": "0"}
    assert main(["preprocess", *flags_of(tmp_path, clips, **only), "--part", "1/2"]) == 0
    before = results_in(tmp_path / "npy")
    others = flags_of(tmp_path, clips, **only, **change, info_name="other.csv")
    assert main(["preprocess", *others, "--part", part]) == 2
    assert told in capsys.readouterr().err
    assert results_in(tmp_path / "npy") == before


@pytest.mark.slow
def test_shards_of_other_settings_are_not_mixed_and_another_job_may_follow_one_that_is_done(
    divided: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Path(shutil.copytree(divided, tmp_path / "job"))
    flags = [*flags_of(job, clips, seed="2"), "--get_npy", "0"]
    assert main(["preprocess", *flags, "--join"]) == 2
    assert "seed is 2 here and 1 there" in capsys.readouterr().err
    assert main(["preprocess", *flags, "--part", "1/2"]) == 0
    assert "the last one writes the manifest" in capsys.readouterr().out
    assert main(["preprocess", *flags, "--join"]) == 2
    assert "the shards of part 2 of 2 are not in" in capsys.readouterr().err
    assert not (job / "shards/manifest.json").exists()
    first = [*flags_of(job, clips), "--get_npy", "0"]
    assert main(["preprocess", *first, "--part", "2/3"]) == 2
    assert "it is one of 3, they are of 2" in capsys.readouterr().err
    assert main(["preprocess", *flags, "--part", "2/2"]) == 0
    alone = flags_of(job, clips, seed="2", mr_path=str(tmp_path / "alone"), get_npy="0")
    assert main(["preprocess", *alone]) == 0
    of_parts = {n: c for n, c in results_in(job / "shards").items() if n not in OF_PARTS}
    assert of_parts == results_in(tmp_path / "alone")


@pytest.mark.slow
def test_more_parts_than_clips_and_a_part_of_clips_that_are_all_skipped(
    real_clips: Path, tmp_path: Path
) -> None:
    names = sorted(path.relative_to(real_clips).as_posix() for path in real_clips.glob("*/*.ogg"))
    lines = [f"{name},{name.split('/')[0]}" for name in names[:2] + names[-2:]]
    # The first by name: the first part has no other clip.
    lines += ["0.ogg,rooster"]
    (tmp_path / "clips.csv").write_text("\n".join(["path,labels", *lines]))
    csv = {"dataset": "csv", "info_name": "clips.csv", "num_classes": "2", "num_consumer": "1"}
    for folder in ("one", "parts"):
        shutil.copytree(tmp_path, tmp_path / folder, ignore=lambda *_: ["one", "parts"])
    assert main(["preprocess", *flags_of(tmp_path / "one", real_clips, **csv)]) == 0
    for _ in range(2):
        for number in range(1, 8):
            flags = flags_of(tmp_path / "parts", real_clips, **csv)
            assert main(["preprocess", *flags, "--part", f"{number}/7"]) == 0
    assert joined_in(tmp_path / "parts") == results_in(tmp_path / "one")


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/2/3", "-1/3", "a/b", "1/0", ""])
def test_what_is_no_part_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preprocess", f"--part={text}"]) == 2
    assert "must be i/n with i from 1 to n, like 3/8" in capsys.readouterr().err


def test_two_runs_of_one_part_take_turns(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "npy").mkdir()
    flags = flags_of(tmp_path, clips, get_mindrecord="0")
    command = [sys.executable, "-m", "fcn4_dist", "preprocess", *flags, "--part", "1/2"]
    with in_turn(tmp_path / "npy", ".part-1-of-2.lock"):
        second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert main(["preprocess", *flags, "--part", "2/2"]) == 0
        assert second.stdout is not None
        assert any("waiting for another job" in line for line in second.stdout)
        assert second.poll() is None
    assert second.wait(60) == 0
    assert (tmp_path / "npy/features.json").exists()
