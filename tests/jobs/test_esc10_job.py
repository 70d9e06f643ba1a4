"""The job of configs/esc10.yaml on all of its real recordings, narrow and short."""

import json
from pathlib import Path

import pytest

from fcn4_dist.cli import main

CONFIG = str(Path(__file__).parents[2] / "configs/esc10.yaml")

pytestmark = pytest.mark.slow


def test_real_recordings_are_learned_and_scored_alike_on_one_two_and_three_workers(
    test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = ["--config", CONFIG]
    assert main(["preprocess", *config, "--audio_path", str(test_data / "esc10")]) == 0
    narrow = ["--width", "0.125", "--epoch_size", "3", "--run_dir", "train"]
    assert main(["launch", "--device_num", "2", "train", *config, *narrow]) == 0
    for ranks in ("1", "2", "3"):
        # 80 clips in batches of 7: neither the workers nor the batches divide them.
        scoring = ["eval", *config, "--batch_size", "7", "--run_dir", f"eval{ranks}"]
        assert main(["launch", "--device_num", ranks, *scoring]) == 0
    one, two, three = (Path(f"eval{ranks}/predictions.csv").read_bytes() for ranks in "123")
    assert one == two == three
    metrics = json.loads(Path("eval2/metrics.json").read_text())
    assert metrics["clips"] == 80
    assert metrics["roc_auc_macro"] > 0.9
