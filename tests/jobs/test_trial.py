"""The doctor's trial on two real CPU workers: what it says where all is right, and where not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fcn4_dist

pytestmark = pytest.mark.slow

# In each section one thing is broken, as a bad device, a bad network or a bad disk would.
FAULTS = (
    ("trial/cases.py", "_Function(ops.ReLU())", "_Function(ops.Abs())"),
    ("training/step.py", "mean=True", "mean=False"),
    ("cluster/ranks.py", "total / np.float32(self.size)", "total / np.float32(self.size + 1)"),
    (
        "training/loop.py",
        "self.resumed.load(self.step.state())",
        "self.resumed.load([p for p in self.step.state() if 'moment' not in p.name])",
    ),
    ("training/stepping.py", "batch = next(batches)", "batch = (time.sleep(1), next(batches))[1]"),
)


def run_trial(folder: Path, package: Path) -> tuple[int, list[list[str]], str]:
    """Give the exit code, the rows of the table, and all output."""
    command = [sys.executable, "-m", "fcn4_dist", "doctor", "--run", "--seconds", "2"]
    flags = ["--device_target", "CPU", "--device_num", "2", "--width", "0.05"]
    done = subprocess.run(
        [*command, *flags],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    lines = done.stdout.splitlines()
    assert done.stderr == "", done.stderr
    begins = next(n for n, line in enumerate(lines) if line.startswith("section "))
    rows = []
    for line in lines[begins + 2 :]:
        if not re.match(r"[a-z ]+  +(ok|note|warning|error) ", line):
            break
        rows.append(re.split(" {2,}", line, maxsplit=2))
    return done.returncode, rows, done.stdout


def test_one_thing_broken_in_each_section_is_named_with_its_likely_cause(tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(Path(fcn4_dist.__file__).parent, package / "fcn4_dist")
    for file, right, wrong in FAULTS:
        path = package / "fcn4_dist" / file
        text = path.read_text()
        assert text.count(right) == 1, file
        path.write_text(text.replace(right, wrong))
    code, rows, output = run_trial(tmp_path, package)
    assert code == 1, output

    def said(section: str, level: str) -> str:
        """Give the first sentence of a section at a level."""
        return next((each[2] for each in rows if each[:2] == [section, level]), "")

    operators = said("operators", "error")
    assert re.match(r"Relu(Grad)? in float\d+ is off by .* of its largest value", operators, re.I)
    assert "CANN's operator is at fault" in operators
    step = said("training step", "error")
    assert re.match(
        "the norm of gradients or statistics of a step in float32 .* conv1.weight", step
    )
    assert "--jit_level" in step
    assert said("collectives", "error").startswith("AllReduce among 2 ranks gives wrong values: ")
    restart = said("restart", "error")
    assert re.match("step 2 after the restart has another loss than without it, by", restart)
    training = said("training", "warning")
    assert re.search("waiting for data [3-9][0-9]% of the time.*--reader_threads", training)
