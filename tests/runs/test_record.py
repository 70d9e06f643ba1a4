"""run.json: what is written when a job begins is what is read."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.config import Settings
from fcn4_dist.runs import record
from fcn4_dist.runs.reading import read_run
from fcn4_dist.runs.record import ClipSet, SkippedClip, write_run_record
from tests.test_documents import CLIPS, MANIFEST

SKIPPED = replace(CLIPS[0], id="c.wav", set="", shard="", status="skipped", reason="empty")


def test_a_training_says_what_it_runs_on_what_and_where(tmp_path: Path) -> None:
    settings = Settings(run_dir=str(tmp_path), device_target="CPU")
    manifest = replace(MANIFEST, clips=(*CLIPS, SKIPPED))
    details = {"run_id": "3f2a", "global_batch": 64, "steps_per_epoch": 20}
    write_run_record("train", settings, manifest, 2, **details)
    description = read_run(tmp_path).description
    assert description
    assert (description.command, description.world_size) == ("train", 2)
    assert (description.run_id, description.global_batch) == ("3f2a", 64)
    assert (description.steps_per_epoch, description.checkpoint) == (20, None)
    assert description.settings == settings.as_dict()
    assert description.data.sets == {"train": ClipSet(2, 0.0167, {"jazz": 0, "rock": 2})}
    assert description.data.skipped == (SkippedClip("c.wav", "/data/a.wav", "empty"),)
    assert description.machine.device == "CPU"
    assert (description.precision, description.repeatable) == ("float32", True)
    assert {"fcn4_dist", "mindspore", "numpy"} <= description.versions.keys()


def test_what_a_command_does_not_know_is_left_out(tmp_path: Path) -> None:
    settings = Settings(device_target="Ascend", run_dir=str(tmp_path))
    write_run_record("eval", settings, MANIFEST, 1, checkpoint="/weight/a.ckpt")
    assert list(json.loads((tmp_path / "run.json").read_text())) == [
        *("format", "command", "started", "world_size", "checkpoint"),
        *("settings", "data", "versions", "machine", "precision", "repeatable"),
    ]


@pytest.mark.parametrize(
    ("generation", "wishes", "device", "precision"),
    [
        ("910", {}, "Ascend 910", "float32, convolutions in float16"),
        ("A2", {}, "Ascend A2", "float32, convolutions in HF32"),
        ("A3", {"exact_float32": True}, "Ascend A3", "float32"),
        ("", {}, "Ascend", "float32, convolutions as the card takes them"),
        (
            "A2",
            {"mixed_precision": True, "amp_dtype": "bfloat16"},
            "Ascend A2",
            "bfloat16 (O2)",
        ),
    ],
)
def test_what_ascend_computes_in_depends_on_its_generation(
    generation: str,
    wishes: dict[str, Any],
    device: str,
    precision: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "find_generation", lambda: generation)
    settings = Settings(device_target="Ascend", run_dir=str(tmp_path), **wishes)
    written = write_run_record("train", settings, MANIFEST, 1)
    assert (written.machine.device, written.precision) == (device, precision)
    assert not written.repeatable
    settings = replace(settings, deterministic=True)
    assert write_run_record("train", settings, MANIFEST, 1).repeatable
