"""Names and texts of files that steer a terminal, break lines or look like commands."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.topology import local_topology
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.text import Lines, cleaned
from tests.checkpoints.examples import write_example
from tests.test_documents import MANIFEST

EVIL = "=x\x1b[2J\x1b]0;owned\x07\u202e\n2026-11-26 12:00:00 ERROR rank 0: lost \udce9'$(id)`id`"
"""Text of a stranger; what each of its parts would do is another thing."""


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A folder of such a name, with whatever may be looked at in it."""
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    write_example(
        folder, 1, 2, class_names=("a", EVIL.replace("\udce9", "")), run_id="\x1b[31mrun\n"
    )
    clips = tuple(replace(clip, reason=EVIL, status="skipped", set="") for clip in MANIFEST.clips)
    replace(MANIFEST, clips=clips, dataset=EVIL, versions={EVIL: EVIL}).write(folder)
    (folder / "predictions.csv").write_text(f'id,path,labels,"{EVIL[:20]}"\na,b,,0.5\n', "utf-8")
    (folder / "settings.yaml").write_text(f'"{EVIL[1:5]}": 1\n', "utf-8")
    (folder / "metrics.json").write_text("{")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["checkpoints", "list"], ["checkpoints", "show"], ["checkpoints", "verify"], ["verify"],
        ["inspect"], ["folds"], ["report"], ["rank-table", "check"], ["rank-table", "show"],
        ["tag", "nothing.wav", "--checkpoint"], ["tag"], ["preprocess", "--audio_path"],
        ["preprocess", "--config"], ["train", "--data_dir"], ["eval", "--data_dir"], ["what"],
        ["export", "--output", "x", "--checkpoint"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_command_prints_what_steers_a_terminal(
    command: Sequence[str], evil: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for place in (evil, *evil.iterdir(), tmp_path / "nothing\x1b[2J\n"):
        main([*command, str(place)])
        for shown in capsysbinary.readouterr():
            text = Lines(shown.decode())
            assert text == cleaned(text)
            # No line of ours begins within a name.
            assert not [line for line in text.split("\n") if line.startswith(("2026", "\\n"))]


def test_a_plan_and_its_settings_have_the_lines_they_should(tmp_path: Path) -> None:
    folder = tmp_path / "it's\ntouch owned; \x1b[2J"
    launch = plan_launch(["x.py", "a\nb"], local_topology(2), folder, {"MS_\nNODE": "1"})
    for line in launch.describe().split("\n"):
        assert line.startswith(("# ", "env ")) and line == cleaned(line)
    origins = {"lr": "evil\ntouch: owned.yaml, line 1"}
    for line in LoadedSettings(Settings(), origins).to_yaml().split("\n"):
        assert line == cleaned(line) and not line.startswith("touch")
