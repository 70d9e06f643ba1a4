"""A single card is looked at as the cards of a launch are, before MindSpore is imported."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from tests.hosts.recording import put_up

FOLDER = Path(__file__).parent


@pytest.fixture
def run(
    shards: Path,
    small_flags: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Train or evaluate on a recorded host; give the exit code and the errors."""

    def on(name: str, command: str, *more: str) -> tuple[int, str]:
        put_up((FOLDER / name / "session.txt").read_text("utf-8"), tmp_path / "root", monkeypatch)
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
        flags = {**small_flags, "data_dir": str(shards), "batch_size": "1"}
        code = main([command, *(f"--{key}={value}" for key, value in flags.items()), *more])
        return code, capsys.readouterr().err

    return on


BEYOND = "device_id is 5, and the cards this host has to use (3, 4, 5, 6, 7) are numbered from 0"


@pytest.mark.parametrize(
    ("name", "more", "sentence"),
    [
        ("driver-without-cann", [], "CANN is not in /usr/local/Ascend"),
        ("driver-not-permitted", [], "this user may not open /dev/davinci_manager"),
        ("cann-not-readable", [], "this user may not read CANN in"),
        (
            "docker-without-manager",
            [],
            "/dev/davinci_manager, /dev/devmm_svm, /dev/hisi_hdc missing",
        ),
        ("docker-cards-by-wrong-numbers", [], "CANN reads ASCEND_RT_VISIBLE_DEVICES=3,4,5,6,7 as"),
        ("docker-cards-3-to-7", ["--device_id=5"], BEYOND),
        (
            "910-bare-metal",
            ["--mixed_precision=True", "--amp_dtype=bfloat16"],
            "the first Ascend 910 has no bfloat16",
        ),
        ("openeuler-python-3.13", [], "there is no MindSpore for Python 3.13 on aarch64"),
    ],
)
def test_what_would_fail_on_the_card_is_refused_before_work(
    name: str, more: list[str], sentence: str, run: Callable[..., tuple[int, str]]
) -> None:
    code, errors = run(name, "train", *more)
    assert code == 2
    assert sentence in errors
    assert not list(Path().iterdir())


def test_an_evaluation_is_held_against_the_same_host(
    run: Callable[..., tuple[int, str]],
) -> None:
    code, errors = run("driver-without-cann", "eval")
    assert code == 2
    assert "CANN is not in /usr/local/Ascend" in errors


def test_a_host_whose_cards_are_all_kept_from_us_asks_for_no_other_number(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = put_up

    def without(recording: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        real(recording, folder, patch)
        patch.setenv("ASCEND_RT_VISIBLE_DEVICES", "")

    monkeypatch.setattr("tests.hosts.test_single_card.put_up", without)
    code, errors = run("910b3-bare-metal", "train")
    assert code == 2
    assert "CANN reads ASCEND_RT_VISIBLE_DEVICES= as no card at all" in errors
    assert "leaves none of this host's cards to use" in errors
    assert "device_id" not in errors
