"""Whatever the command: what scikit-learn needs is loaded before MindSpore is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fcn4_dist.config import Settings

# Python runs it in every process, whoever starts it.
CUSTOMIZATION = """
import os, sys

class Watch:
    was_loaded = None
    def find_spec(self, name, path=None, target=None):
        if name == "mindspore":
            with open("/proc/self/maps") as maps:
                Watch.was_loaded = "scikit_learn.libs/libgomp" in maps.read()
        if name == "sklearn.utils" and Watch.was_loaded is not None:
            with open(os.environ["NOTES"], "a") as notes:
                print("in order" if Watch.was_loaded else "too late", file=notes)

sys.meta_path.insert(0, Watch())
"""
# In how many processes both are imported, MindSpore first.
COMMANDS = {
    "train": 1,
    "launch --device_num 2 train": 1,
    "eval --model_name last": 1,
    "preprocess --mr_path again --npy_path again": 0,
    "verify SHARDS": 0,
    "inspect SHARDS": 0,
    "tag SONG --checkpoint CHECKPOINT": 0,
    "export --file_format MINDIR --checkpoint CHECKPOINT": 0,
}


@pytest.mark.parametrize(
    "command",
    [pytest.param(each, marks=() if each == "train" else pytest.mark.slow) for each in COMMANDS],
)
def test_a_process_that_imports_both_has_loaded_what_needs_room_first(
    command: str,
    preprocessed: Settings,
    small_flags: dict[str, str],
    real_clip: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CUSTOMIZATION)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    variables = {**os.environ, "PYTHONPATH": path, "NOTES": str(tmp_path / "notes")}
    settings = small_flags | {"audio_path": preprocessed.audio_path, "info_path": str(tmp_path)}
    settings |= {"data_dir": preprocessed.mr_path, "device_target": "CPU", "width": "0.05"}
    settings |= {"batch_size": "2", "epoch_size": "1"}
    config = tmp_path / "job.yaml"
    config.write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))

    def run(words: list[str]) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "fcn4_dist", *words],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        notes = Path(variables["NOTES"])
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return lines

    of_files = {"SHARDS": preprocessed.mr_path, "SONG": str(real_clip)}
    if command.startswith(("eval", "tag", "export")):
        run(["train", "--config", str(config)])
        of_files["CHECKPOINT"] = str(next((tmp_path / "weight").glob("*-best.ckpt")))
    words = [of_files.get(word, word) for word in command.split()]
    if "train" in words or words[0] in ("eval", "preprocess"):
        words += ["--config", str(config)]
    assert run(words) == ["in order"] * COMMANDS[command]
