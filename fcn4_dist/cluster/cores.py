"""Which cores a rank keeps to, so that the ranks of a host are not in each other's way."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SHARES_VARIABLE = "FCN4_DIST_CORE_SHARES"
"""Set by our launcher for ranks that keep to a share of the cores: how many shares there are."""


def sharing_variables(ranks: int, *, shared: bool) -> dict[str, str]:
    """Give the variables of workers that share their host's cores.

    Args:
        ranks: Ranks of this host.
        shared: Whether each keeps to a share of its own.
    """
    return {SHARES_VARIABLE: str(ranks)} if shared else {}


def keep_to_own_cores(environment: Mapping[str, str] = os.environ) -> None:
    """Keep this process, and the threads it starts from now on, to its rank's share of the cores.

    MindSpore makes as many threads as there are cores to run on, so this has to come before it is
    imported. Where the launcher has not asked for it, nothing is done.

    Args:
        environment: The variables this process was started with.
    """
    if not _shares(environment):
        return
    own = share_of(
        sorted(os.sched_getaffinity(0)),
        int(environment["DEVICE_ID"]),
        int(environment[SHARES_VARIABLE]),
    )
    os.sched_setaffinity(0, own)


@contextmanager
def on_all_cores(environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Let this thread, and those it starts, run on all cores of the job in this context.

    MindSpore loses its first calls to the scheduler where the thread that waits for the answer runs
    on the core of the caller, and repeats each only after half a second.

    Args:
        environment: The variables this process was started with.
    """
    if not _shares(environment):
        yield
        return
    own = os.sched_getaffinity(0)
    # The launcher has not been kept to any share.
    os.sched_setaffinity(0, os.sched_getaffinity(os.getppid()))
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def share_of(cores: list[int], number: int, shares: int) -> list[int]:
    """Cut cores into even shares of neighbours, and give one.

    Args:
        cores: At least one.
        number: Of the share, from 0.
        shares: How many there are; where they are more than the cores, several share one.
    """
    first = number * len(cores) // shares
    last = (number + 1) * len(cores) // shares
    return cores[first : max(last, first + 1)]


def _shares(environment: Mapping[str, str]) -> bool:
    return environment.get("MS_ROLE") == "MS_WORKER" and SHARES_VARIABLE in environment
