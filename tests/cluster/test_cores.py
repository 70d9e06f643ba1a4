"""Which cores a rank keeps to."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.cluster.cores import share_of, sharing_variables


@given(cores=st.sets(st.integers(0, 500), min_size=1), shares=st.integers(1, 40))
def test_every_core_is_used_and_each_share_is_about_as_large(cores: set[int], shares: int) -> None:
    own = [share_of(sorted(cores), number, shares) for number in range(shares)]
    assert set().union(*own) == cores if shares <= len(cores) else all(own)
    sizes = {len(each) for each in own}
    assert max(sizes) - min(sizes) <= 1
    if shares <= len(cores):
        assert sum(map(len, own)) == len(cores)


@pytest.mark.parametrize("role", ["MS_WORKER", "MS_SCHED"])
def test_a_worker_keeps_to_its_share_if_the_launcher_says_so(role: str) -> None:
    cores = sorted(os.sched_getaffinity(0))
    program = (
        "import os; from fcn4_dist.cluster.cores import keep_to_own_cores; keep_to_own_cores(); "
        "print(sorted(os.sched_getaffinity(0)))"
    )
    for shared, expected in ((True, share_of(cores, 1, 2)), (False, cores)):
        variables = {"MS_ROLE": role, "DEVICE_ID": "1"} | sharing_variables(2, shared=shared)
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
    variables = {"MS_ROLE": "MS_WORKER", "DEVICE_ID": "1"} | sharing_variables(2, shared=True)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(cores), str(share_of(cores, 1, 2))]
