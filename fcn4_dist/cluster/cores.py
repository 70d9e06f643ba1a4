"""Which cores a rank keeps to, so that the ranks of a host are not in each other's way."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from fcn4_dist.host.driver import host_path

CORES_VARIABLE = "FCN4_DIST_CORES"
"""Set by our launcher where ranks keep to cores of their own: "0-3;4-7" for two ranks."""


def plan_cores(cores: Sequence[int], near: Sequence[Collection[int]]) -> list[list[int]]:
    """Give each of several ranks, or cards, cores of its own.

    Args:
        cores: All that may be used.
        near: For each, the cores near it; empty where they are not known.

    Returns:
        An even share for each of those near it, or of all where they are not known of every one.
    """
    pools = [tuple(core for core in sorted(cores) if core in each) for each in near]
    apart = len({core for pool in pools for core in pool}) == sum(map(len, set(pools)))
    if not all(pools) or not apart:
        pools = [tuple(sorted(cores))] * len(near)
    return [
        share_of(list(pool), pools[:number].count(pool), pools.count(pool))
        for number, pool in enumerate(pools)
    ]


def cores_near(bus: str) -> set[int]:
    """Find the cores near a device of this host: those of its NUMA node.

    Args:
        bus: Where it is, like "0000:C1:00.0".

    Returns:
        The cores; none if the system does not tell them.
    """
    path = host_path("/sys/bus/pci/devices") / bus.lower() / "local_cpulist"
    try:
        return _read(path.read_text().strip())
    except (OSError, ValueError):
        return set()


def core_variables(shares: Sequence[Sequence[int]]) -> dict[str, str]:
    """Give the variables of workers that keep to cores of their own.

    Args:
        shares: The cores of each rank of this host; empty if they do not.
    """
    return {CORES_VARIABLE: ";".join(map(_written, shares))} if shares else {}


def keep_to_own_cores(environment: Mapping[str, str] = os.environ) -> None:
    """Keep this process, and the threads it starts from now on, to its rank's cores.

    MindSpore makes as many threads as there are cores to run on, so this has to come before it is
    imported. Where the launcher has not asked for it, nothing is done.

    Args:
        environment: The variables this process was started with.
    """
    if _keeps_to_own(environment):
        own = environment[CORES_VARIABLE].split(";")[int(environment["DEVICE_ID"])]
        os.sched_setaffinity(0, _read(own))


@contextmanager
def on_all_cores(environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Let this thread, and those it starts, run on all cores of the job in this context.

    MindSpore loses its first calls to the scheduler where the thread that waits for the answer runs
    on the core of the caller, and repeats each only after half a second.

    Args:
        environment: The variables this process was started with.
    """
    if not _keeps_to_own(environment):
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


def _keeps_to_own(environment: Mapping[str, str]) -> bool:
    return environment.get("MS_ROLE") == "MS_WORKER" and CORES_VARIABLE in environment


def _written(cores: Sequence[int]) -> str:
    """Write cores as ranges with both ends: "0-3,8"."""
    firsts = [core for core in cores if core - 1 not in cores]
    lasts = [core for core in cores if core + 1 not in cores]
    ranges = zip(firsts, lasts, strict=True)
    return ",".join(f"{first}-{last}" if first < last else f"{first}" for first, last in ranges)


def _read(text: str) -> set[int]:
    ranges = [part.partition("-") for part in text.split(",")]
    return {core for first, _, last in ranges for core in range(int(first), int(last or first) + 1)}
