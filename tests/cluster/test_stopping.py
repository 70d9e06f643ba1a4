"""SIGTERM asks what runs now to stop, and interrupts nothing."""

import subprocess
import sys

PROGRAM = """
import os, signal, subprocess, sys, time
from fcn4_dist.cluster.stopping import StopRequest, hold_sigterm
hold_sigterm()
earlier, now = StopRequest(), StopRequest()
subprocess.run(["kill", "-TERM", str(os.getpid())], check=True)
while not now.asked:
    time.sleep(0.01)
print(earlier.asked, now.asked)
"""


def test_of_several_trainings_in_a_process_the_one_that_runs_is_asked() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout == "False True\n"
