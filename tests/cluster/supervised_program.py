"""What each worker of the supervision tests runs: it takes steps, and fails as it is told.

Its only argument is a JSON object: ``rank`` misbehaves in the way ``how`` names at step ``step``.
Before that, a rank that is in ``plogs`` gets that file as the log which CANN writes of it, and in
``errors`` that one as what it printed; it then ends with exit code 1 if it is in ``ending``.
No MindSpore: what is tested is the launcher, the processes and their signals.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import psutil

from fcn4_dist.cluster.heartbeat import Heartbeat, watched_heartbeat

STEPS = 1000


_HOW_TO_END = ("end", "end before the scheduler", "exit last", "die as it leaves")


def main(
    rank: int,
    how: str,
    step: int,
    plogs: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    ending: list[int] | None = None,
) -> None:
    heartbeat = watched_heartbeat()
    if os.environ["MS_ROLE"] == "MS_SCHED":
        print("scheduler speaks", flush=True)
        time.sleep(0 if how == "end" else 600)
        return
    own_rank = int(os.environ["RANK_ID"])
    print(f"rank {own_rank} speaks", flush=True)
    for number in range(1, STEPS):
        heartbeat.at(f"reading the batch of step {number}")
        if number == step:
            speak_as_cann((plogs or {}).get(str(own_rank)), (errors or {}).get(str(own_rank)))
            if own_rank in (ending or []):
                os._exit(1)
        if own_rank == rank and number == step:
            misbehave(how, heartbeat)
        heartbeat.at(f"in step {number}")
        if number == step and how == "work on":
            time.sleep(0 if own_rank == rank else 1)
            return
        if number >= step and how not in _HOW_TO_END:
            # The others wait in the collective.
            time.sleep(600)
    if how == "die as it leaves":
        heartbeat.end()
        # Until the others have done all, too.
        time.sleep(2)
        if own_rank == rank:
            os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(600)
    if own_rank == rank and how == "exit last":
        time.sleep(1)
        os._exit(7)


def speak_as_cann(plog: str | None, error: str | None) -> None:
    if plog:
        folder = Path(os.environ["ASCEND_PROCESS_LOG_PATH"], "debug/plog")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"plog-{os.getpid()}_20261126023000123.log"
        path.write_bytes(Path(plog).read_bytes())
    if error:
        print(Path(error).read_text(), flush=True)


def misbehave(how: str, heartbeat: Heartbeat) -> None:
    if how == "sleep":
        sleep_in_the_data()
    elif how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif how == "work on":
        # At first the others wait for it, then they have left.
        for turn in range(6):
            heartbeat.goes_on(f"computing, turn {turn}")
            time.sleep(0.5)
    elif how in ("MemoryError", "bad_alloc"):
        get_no_memory(how)
    elif how == "exception":
        print("the last thing it did", flush=True)
        sys.exit("fcn4-dist: error: the shard is gone")
    elif how == "exit code":
        os._exit(7)
    else:
        os.kill(os.getpid(), signal.Signals[how])


def get_no_memory(how: str) -> None:
    """Ask for more than a limit of the system allows, as a shell's "ulimit -v" sets it."""
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, used + 2**24))
    if how == "MemoryError":
        bytearray(2**30)
    # operator new of the C++ library, with nobody to catch what it throws.
    library = ctypes.CDLL("libstdc++.so.6")
    library._Znwm.argtypes = (ctypes.c_size_t,)
    library._Znwm(2**40)


def sleep_in_the_data() -> None:
    time.sleep(600)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
