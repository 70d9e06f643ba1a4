"""run.json: what is written when a job begins is what is read."""

import json
from dataclasses import replace
from pathlib import Path

from fcn4_dist.config import Settings
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
    assert {"fcn4_dist", "mindspore", "numpy"} <= description.versions.keys()


def test_what_a_command_does_not_know_is_left_out(tmp_path: Path) -> None:
    settings = Settings(run_dir=str(tmp_path))
    write_run_record("eval", settings, MANIFEST, 1, checkpoint="/weight/a.ckpt")
    assert list(json.loads((tmp_path / "run.json").read_text())) == [
        *("format", "command", "started", "world_size", "checkpoint"),
        *("settings", "data", "versions", "machine"),
    ]
