"""One rank at work: its device, its number, and the collectives.

All collectives must be called by every rank, in the same order. With one rank they do nothing.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import mindspore as ms
import numpy as np
import psutil
from mindspore import Parameter, Tensor, nn, ops
from mindspore.communication import get_group_size, get_rank, init

from fcn4_dist.cluster.cards import find_host_addresses
from fcn4_dist.cluster.cores import on_all_cores
from fcn4_dist.cluster.device import launched
from fcn4_dist.cluster.heartbeat import Heartbeat
from fcn4_dist.cluster.topology import LOOP_BACK
from fcn4_dist.errors import Fcn4DistError, InputError

_SECONDS_FOR_SCHEDULER = 600.0
_SECONDS_OF_A_CALL = 5.0
_SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Worker:
    """This process's place in the job.

    Attributes:
        rank: Its number, from 0.
        world_size: Number of ranks.
        heartbeat: Where it says what it does, for the launcher that watches it.
    """

    rank: int
    world_size: int
    heartbeat: Heartbeat = field(default_factory=Heartbeat)

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which prints, saves and scores."""
        return self.rank == 0

    def gather(self, array: np.ndarray) -> np.ndarray:
        """Collect an array of the same shape from every rank.

        Args:
            array: float32 or int32 of any shape.

        Returns:
            Array of shape (world_size, *array.shape), on every rank.
        """
        if self.world_size == 1:
            return array[np.newaxis]
        return _compiled(_AllGather)(Tensor(array[np.newaxis])).asnumpy()

    def mean(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Average named float32 arrays over the ranks, all in one collective.

        Args:
            arrays: The same names and shapes on every rank.
        """
        if self.world_size == 1:
            return dict(arrays)
        total = _compiled(_AllReduce)(Tensor(_joined(arrays))).asnumpy()
        return _parted(total / np.float32(self.world_size), arrays)

    def broadcast(self, array: np.ndarray) -> np.ndarray:
        """Give every rank the float32 or int32 array of rank 0.

        Args:
            array: On rank 0 what is sent; on the others anything of the same shape and type.
        """
        if self.world_size == 1:
            return array
        return _compiled(_Broadcast)(Tensor(array)).asnumpy()

    def broadcast_text(self, text: str) -> str:
        """Give every rank the text of rank 0."""
        if self.world_size == 1:
            return text
        codes = np.array([ord(letter) for letter in text], dtype=np.int32)
        length = int(self.broadcast(np.array([len(codes)], dtype=np.int32))[0])
        if not self.is_main:
            codes = np.zeros(length, dtype=np.int32)
        return "".join(map(chr, self.broadcast(codes))) if length else ""

    def broadcast_parameters(self, parameters: Iterable[Parameter]) -> None:
        """Overwrite parameters with those of rank 0, in place, in one collective for each type."""
        if self.world_size == 1:
            return
        by_name = {parameter.name: parameter for parameter in parameters}
        values = {name: parameter.asnumpy() for name, parameter in by_name.items()}
        # Sorted, because a set has another order in every process.
        for kind in sorted({value.dtype.name for value in values.values()}):
            of_kind = {name: value for name, value in values.items() if value.dtype.name == kind}
            received = _parted(self.broadcast(_joined(of_kind)), of_kind)
            for name, value in received.items():
                by_name[name].set_data(Tensor(value))

    def on_main(self, work: Callable[[], None]) -> None:
        """Do something on rank 0 alone; if it fails there, every rank raises its error.

        Without this, the other ranks would wait for rank 0 in the next collective.

        Args:
            work: What rank 0 does.

        Raises:
            InputError: The error of rank 0.
        """
        problem = ""
        if self.is_main:
            try:
                work()
            except InputError as error:
                problem = str(error)
        problem = self.broadcast_text(problem)
        if problem:
            raise InputError(problem)

    def check_agreement(self, numbers: Mapping[str, int]) -> None:
        """Make sure that all ranks have the same numbers, before they wait for each other.

        Args:
            numbers: What is compared -> this rank's number.

        Raises:
            Fcn4DistError: On every rank, naming the ranks that differ from rank 0.
        """
        # Halves, because the collectives carry 32 bits and a hash may have more.
        values = np.array([list(numbers.values())], dtype=np.int64).view(np.int32)
        gathered = self.gather(values).view(np.int64)[:, 0]
        for column, name in enumerate(numbers):
            differing = np.flatnonzero(gathered[:, column] != gathered[0, column])
            if len(differing):
                ranks = ", ".join(map(str, differing))
                raise Fcn4DistError(
                    f"rank {ranks} and rank 0 do not agree on the {name} "
                    f"({gathered[differing[0], column]} and {gathered[0, column]}): give every "
                    "host the same settings and the same shards"
                )


def start_worker(device_target: str, device_id: int, heartbeat: Heartbeat | None = None) -> Worker:
    """Set up the device, and join the other ranks if a launcher started this process.

    Args:
        device_target: "Ascend" or "CPU".
        device_id: Card of a single-card run; a launcher decides for its workers.
        heartbeat: Where the worker says what it does; None for nowhere.

    Returns:
        This process's place. The scheduler process of a distributed job does not return from
        here before the job has ended.
    """
    ms.set_context(mode=ms.GRAPH_MODE)
    if not launched():
        _use_device(device_target, device_id if device_target == "Ascend" else 0)
        return Worker(rank=0, world_size=1)
    ms.set_device(device_target)
    _wait_for_scheduler()
    with on_all_cores():
        init()
    worker = Worker(get_rank(), get_group_size(), heartbeat or Heartbeat())
    ms.set_auto_parallel_context(
        parallel_mode=ms.ParallelMode.DATA_PARALLEL,
        gradients_mean=True,
        device_num=worker.world_size,
    )
    return worker


def _use_device(device_target: str, device_id: int) -> None:
    used = (ms.get_context("device_target"), ms.get_context("device_id"))
    try:
        ms.set_device(device_target, device_id)
    except RuntimeError:
        # A program that has computed before it calls this package cannot choose any more, not
        # even what it uses already.
        if used != (device_target, device_id):
            raise


def _wait_for_scheduler() -> None:
    """Wait until the scheduler listens, if this is a worker.

    A worker of MindSpore that calls too early goes on calling in a way that the scheduler may not
    understand for a minute and more.
    """
    if os.environ.get("MS_ROLE") != "MS_WORKER":
        return
    place = (os.environ["MS_SCHED_HOST"], int(os.environ["MS_SCHED_PORT"]))
    is_here = place[0] in (LOOP_BACK, *find_host_addresses())
    ends = time.monotonic() + float(os.environ.get("MS_TOPO_TIMEOUT", _SECONDS_FOR_SCHEDULER))
    while time.monotonic() < ends:
        if _listens_here(place[1]) if is_here else _answers(*place):
            return
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise Fcn4DistError(f"the scheduler of this job does not answer on {place[0]}:{place[1]}")


def _listens_here(port: int) -> bool:
    """Look whether a process of this host listens, without calling it.

    For a caller that says nothing the scheduler's only thread pauses, long enough for the first
    call of a worker to fail; the worker's next one would come half a second later.
    """
    return any(
        connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        for connection in psutil.net_connections("tcp")
    )


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=_SECONDS_OF_A_CALL).close()
    except OSError:
        return False
    return True


def _joined(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays.values()])


def _parted(joined: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    ends = np.cumsum([array.size for array in like.values()])[:-1]
    parts = np.split(joined, ends)
    return {
        name: part.reshape(array.shape)
        for part, (name, array) in zip(parts, like.items(), strict=True)
    }


@lru_cache
def _compiled(collective: type[nn.Cell]) -> nn.Cell:
    # A cell keeps what it compiled for a shape; a new one would compile again.
    return collective()


class _AllGather(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.gather = ops.AllGather()

    def construct(self, array: Tensor) -> Tensor:
        return self.gather(array)


class _AllReduce(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.reduce = ops.AllReduce(ops.ReduceOp.SUM)

    def construct(self, array: Tensor) -> Tensor:
        return self.reduce(array)


class _Broadcast(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.send = ops.Broadcast(0)

    def construct(self, array: Tensor) -> Tensor:
        return self.send((array,))[0]
