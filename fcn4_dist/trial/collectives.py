"""All-reduce, all-gather and broadcast among all ranks: whether they are right, and how fast."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from fcn4_dist.cluster.ranks import Ranks

GRADIENT_BYTES = 69_000_000
"""Of FCN-4 at full width, in float32: what a step reduces."""

SIZES = (64_000, 1_000_000, 16_000_000, GRADIENT_BYTES)
_SECONDS_A_SIZE = 1.0
_MOST_CALLS = 50


@dataclass(frozen=True)
class Bandwidth:
    """How long an all-reduce takes.

    Attributes:
        bytes: What each rank gives.
        seconds: For one, of the slowest rank.
    """

    bytes: int
    seconds: float

    @property
    def gigabytes_per_second(self) -> float:
        """Bytes that each rank gives, over the time."""
        return self.bytes / self.seconds / 1e9


def find_wrong_collectives(ranks: Ranks) -> list[str]:
    """Give every collective values that tell the ranks apart, and name those that are not right.

    Args:
        ranks: This rank; every one has to call this.
    """
    own = np.arange(1000, dtype=np.float32) % 7 + ranks.rank
    every = [np.arange(1000, dtype=np.float32) % 7 + rank for rank in range(ranks.size)]
    reduced = ranks.all_reduce_mean({"value": own})["value"] * np.float32(ranks.size)
    wrong = {
        # Whole numbers this small are exact in whatever order they are added.
        "AllReduce": not np.allclose(reduced, sum(every), rtol=1e-6),
        "AllGather": not np.array_equal(ranks.all_gather(own), np.stack(every)),
        "Broadcast": not np.array_equal(ranks.broadcast(own), every[0]),
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def measure_all_reduce(ranks: Ranks) -> Iterator[Bandwidth]:
    """Time all-reduces of values that are on the device already.

    Args:
        ranks: This rank; every one has to call this.

    Yields:
        The time of each of :data:`SIZES`.
    """
    for size in SIZES:
        reduce = _Reduce(size // 4)
        # Compiled, and all ranks begin together.
        seconds = _seconds_of(reduce, 1)
        slowest = float(ranks.all_gather(np.array([seconds], np.float32)).max())
        calls = int(np.clip(_SECONDS_A_SIZE / slowest, 1, _MOST_CALLS))
        seconds = _seconds_of(reduce, calls) / calls
        slowest = float(ranks.all_gather(np.array([seconds], np.float32)).max())
        yield Bandwidth(size, slowest)


def _seconds_of(reduce: nn.Cell, calls: int) -> float:
    share = Tensor(np.array(0.0, np.float32))
    reduce(share).asnumpy()
    begun = time.monotonic()
    for _ in range(calls):
        last = reduce(share)
    last.asnumpy()
    return time.monotonic() - begun


class _Reduce(nn.Cell):
    """All-reduces a value that stays on the device, and gives one number of what comes out."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.value = Parameter(np.zeros(values, np.float32), name="value", requires_grad=False)
        self.all_reduce = ops.AllReduce(ops.ReduceOp.SUM)

    def construct(self, share: Tensor) -> Tensor:
        # Each call gives something new to reduce: nothing can be left out.
        return self.all_reduce(self.value + share)[0]
