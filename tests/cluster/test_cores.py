"""Which cores a rank keeps to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.cluster.cores import (
    core_variables,
    cores_near,
    keep_to_own_cores,
    plan_cores,
    share_of,
)
from fcn4_dist.host.driver import ROOT_VARIABLE


@given(cores=st.sets(st.integers(0, 500), min_size=1), shares=st.integers(1, 40))
def test_every_core_is_used_and_each_share_is_about_as_large(cores: set[int], shares: int) -> None:
    own = [share_of(sorted(cores), number, shares) for number in range(shares)]
    assert set().union(*own) == cores if shares <= len(cores) else all(own)
    sizes = {len(each) for each in own}
    assert max(sizes) - min(sizes) <= 1
    if shares <= len(cores):
        assert sum(map(len, own)) == len(cores)


CORES = st.sets(st.integers(0, 500), min_size=1)


@given(cores=CORES, written=st.lists(CORES, min_size=1, max_size=4))
def test_what_the_launcher_writes_is_what_a_worker_reads(
    cores: set[int], written: list[set[int]]
) -> None:
    shares = [sorted(each) for each in (cores, *written)]
    (text,) = core_variables(shares).values()
    for number, own in enumerate(shares):
        kept: list[set[int]] = []
        environment = {"MS_ROLE": "MS_WORKER", "DEVICE_ID": str(number), "FCN4_DIST_CORES": text}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "sched_setaffinity", lambda _, to, kept=kept: kept.append(to))
            keep_to_own_cores(environment)
        assert kept == [set(own)]


def test_those_that_share_a_numa_node_share_its_cores_and_no_others() -> None:
    # As npu-smi and sysfs tell of a server with two cards on each of four nodes, in no order.
    nodes = [range(144, 192), range(144, 192), range(96, 144), range(96, 144)]
    nodes += [range(0, 48), range(0, 48), range(48, 96), range(48, 96)]
    shares = plan_cores(range(192), nodes)
    assert shares[0] == list(range(144, 168)) and shares[1] == list(range(168, 192))
    assert shares[4] == list(range(0, 24)) and shares[7] == list(range(72, 96))
    assert sorted(core for share in shares for core in share) == list(range(192))


@pytest.mark.parametrize(
    ("told", "near"),
    [("144-147,8\n", {8, 144, 145, 146, 147}), ("\n", set()), ("what?\n", set()), (None, set())],
    ids=["some", "none", "not understood", "nothing"],
)
def test_what_is_near_a_card_is_what_the_system_tells_of_its_bus(
    told: str | None, near: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    # npu-smi writes letters large, and the system writes them small.
    folder = tmp_path / "sys/bus/pci/devices/0000:c1:00.0"
    folder.mkdir(parents=True)
    if told is not None:
        (folder / "local_cpulist").write_text(told)
    assert cores_near("0000:C1:00.0") == near
    assert cores_near("NA") == set()


@pytest.mark.parametrize(
    "near",
    [
        [range(0, 4), ()],
        # None of those that may be used.
        [range(0, 4), range(8, 12)],
        [range(0, 4), range(2, 8)],
    ],
    ids=["one is not known", "one is elsewhere", "some are near two"],
)
def test_where_it_is_not_known_what_is_near_all_share_evenly(near: list[range]) -> None:
    assert plan_cores(range(8), near) == [[0, 1, 2, 3], [4, 5, 6, 7]]


@given(cores=CORES, near=st.lists(st.sets(st.integers(0, 20)), min_size=1, max_size=9))
def test_each_has_cores_and_only_such_as_may_be_used(cores: set[int], near: list[set[int]]) -> None:
    shares = plan_cores(sorted(cores), near)
    assert len(shares) == len(near)
    assert all(share and set(share) <= cores for share in shares)


@pytest.mark.parametrize("role", ["MS_WORKER", "MS_SCHED"])
def test_a_worker_keeps_to_its_share_if_the_launcher_says_so(role: str) -> None:
    cores = sorted(os.sched_getaffinity(0))
    program = (
        "import os; from fcn4_dist.cluster.cores import keep_to_own_cores; keep_to_own_cores(); "
        "print(sorted(os.sched_getaffinity(0)))"
    )
    shares = plan_cores(cores, [(), ()])
    for given_shares, expected in ((shares, shares[1]), ([], cores)):
        variables = {"MS_ROLE": role, "DEVICE_ID": "1"} | core_variables(given_shares)
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{expected if role == 'MS_WORKER' else cores}\n"


def test_a_worker_joins_the_others_on_all_cores_and_then_keeps_to_its_own_again() -> None:
    cores = sorted(os.sched_getaffinity(0))
    program = (
        "import os\n"
        "from fcn4_dist.cluster.cores import keep_to_own_cores, on_all_cores\n"
        "keep_to_own_cores()\n"
        "with on_all_cores(): print(sorted(os.sched_getaffinity(0)))\n"
        "print(sorted(os.sched_getaffinity(0)))"
    )
    shares = plan_cores(cores, [(), ()])
    variables = {"MS_ROLE": "MS_WORKER", "DEVICE_ID": "1"} | core_variables(shares)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(cores), str(shares[1])]
