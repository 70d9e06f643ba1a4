"""Ranks at work: their device, their numbers, and MindSpore's collectives."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import mindspore as ms
import numpy as np
import psutil
from mindspore import Parameter, Tensor, nn, ops
from mindspore.communication import get_group_size, get_rank, init
from mindspore.device_context.ascend import op_precision

from fcn4_dist.cluster.cores import on_all_cores
from fcn4_dist.cluster.device import launched
from fcn4_dist.cluster.heartbeat import Heartbeat
from fcn4_dist.cluster.peers import Peers
from fcn4_dist.cluster.topology import LOOP_BACK
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.host.cards import find_host_addresses

_SECONDS_FOR_SCHEDULER = 600.0
_SECONDS_OF_A_CALL = 5.0
_SECONDS_BETWEEN_LOOKS = 0.05
_BLOCK = 1024
_Result = TypeVar("_Result")


class Ranks(Peers):
    """This process's place among the ranks of a job, which speak by MindSpore's collectives.

    Args:
        rank: Its number, from 0.
        size: Number of ranks.
        heartbeat: Where it says what it does, for the launcher that watches it; None for nowhere.
    """

    def __init__(self, rank: int = 0, size: int = 1, heartbeat: Heartbeat | None = None) -> None:
        super().__init__(rank, size)
        self.heartbeat = heartbeat or Heartbeat()

    def all_gather(self, value: Any) -> Any:
        """Exchange a value of each rank.

        Args:
            value: What JSON can hold; or a float32 or int32 array, of the same shape on every
                rank.

        Returns:
            The values of all, by rank; of arrays one array of shape (size, *value.shape).
        """
        if isinstance(value, np.ndarray):
            stacked = value[np.newaxis]
            return stacked if self.size == 1 else _compiled("gather")(Tensor(stacked)).asnumpy()
        if self.size == 1:
            return [value]
        data = json.dumps(value).encode()
        lengths = self.all_gather(np.array([len(data)], np.int32))[:, 0]
        return [
            json.loads(row.tobytes()[:length])
            for row, length in zip(
                self.all_gather(_words(data, lengths.max())), lengths, strict=True
            )
        ]

    def broadcast(self, value: Any) -> Any:
        """Give every rank the value of rank 0.

        Args:
            value: As for :meth:`all_gather`; an array has the same shape and type on every rank,
                anything else counts on rank 0 only.
        """
        if self.size == 1:
            return value
        if isinstance(value, np.ndarray):
            return _compiled("broadcast")(Tensor(value)).asnumpy()
        data = json.dumps(value).encode() if self.is_main else b""
        length = int(self.broadcast(np.array([len(data)], np.int32))[0])
        return json.loads(self.broadcast(_words(data, length)).tobytes()[:length])

    def on_main(self, work: Callable[[], _Result]) -> _Result | None:
        """Do something on rank 0 alone, as :meth:`Peers.on_main` has it; the others wait for it.

        Work that takes long says so by the heartbeat's ``goes_on``. Those that wait are a word
        ahead, so that the watch does not take them for the ones that are waited for.
        """

        def worked() -> _Result:
            try:
                return work()
            finally:
                self.heartbeat.at("telling the others that its own work is done")

        if not self.is_main:
            self.heartbeat.at("waiting for the work of rank 0", may_take_long=True)
        return super().on_main(worked)

    def all_reduce_mean(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Average named float32 arrays over the ranks, all in one collective.

        Args:
            arrays: The same names and shapes on every rank.
        """
        if self.size == 1:
            return dict(arrays)
        total = _compiled("reduce")(Tensor(_joined(arrays))).asnumpy()
        return _parted(total / np.float32(self.size), arrays)

    def broadcast_parameters(self, parameters: Iterable[Parameter]) -> None:
        """Overwrite parameters with those of rank 0, in place, in one collective for each type."""
        if self.size == 1:
            return
        by_name = {parameter.name: parameter for parameter in parameters}
        values = {name: parameter.asnumpy() for name, parameter in by_name.items()}
        # Sorted, because a set has another order in every process.
        for kind in sorted({value.dtype.name for value in values.values()}):
            of_kind = {name: value for name, value in values.items() if value.dtype.name == kind}
            received = _parted(self.broadcast(_joined(of_kind)), of_kind)
            for name, value in received.items():
                by_name[name].set_data(Tensor(value))


def join_ranks(
    device_target: str,
    device_id: int,
    heartbeat: Heartbeat | None = None,
    *,
    exact_float32: bool = False,
    deterministic: bool = False,
) -> Ranks:
    """Set up the device, and join the other ranks if a launcher started this process.

    Args:
        device_target: "Ascend" or "CPU".
        device_id: Card of a single-card run; a launcher decides for its workers.
        heartbeat: Where the worker says what it does; None for nowhere.
        exact_float32: Whether Ascend A2 and A3 compute float32 in float32.
        deterministic: Whether Ascend gives the same bits each time.

    Returns:
        This process's place. The scheduler process of a distributed job does not return from
        here before the job has ended.
    """
    ms.set_context(mode=ms.GRAPH_MODE)
    alone = not launched()
    if alone:
        _use_device(device_target, device_id if device_target == "Ascend" else 0)
    else:
        ms.set_device(device_target)
    if device_target == "Ascend":
        _use_arithmetic(exact_float32=exact_float32, deterministic=deterministic)
    if alone:
        return Ranks()
    _wait_for_scheduler()
    # Only the CPU's ranks have so few cores; on Ascend, init() starts threads that are to stay.
    with on_all_cores() if device_target == "CPU" else nullcontext():
        init()
    ranks = Ranks(get_rank(), get_group_size(), heartbeat or Heartbeat())
    ms.set_auto_parallel_context(
        parallel_mode=ms.ParallelMode.DATA_PARALLEL,
        gradients_mean=True,
        device_num=ranks.size,
    )
    return ranks


def use_threads(device_target: str, host_threads: int, reader_threads: int) -> None:
    """Tell MindSpore how many threads to use; call it before anything is computed or read.

    Args:
        device_target: "Ascend" or "CPU".
        host_threads: That start operators on Ascend; 0 leaves it to MindSpore. On the CPU none of
            its calls keeps the operators from using all cores there are.
        reader_threads: That read shards ahead; 0 leaves it to MindSpore.
    """
    if host_threads and device_target == "Ascend":
        ms.runtime.dispatch_threads_num(host_threads)
    if reader_threads:
        import mindspore.dataset as ds

        ds.config.set_num_parallel_workers(reader_threads)


def _use_device(device_target: str, device_id: int) -> None:
    used = (ms.get_context("device_target"), ms.get_context("device_id"))
    try:
        ms.set_device(device_target, device_id)
    except RuntimeError:
        # A program that has computed before it calls this package cannot choose any more, not
        # even what it uses already.
        if used != (device_target, device_id):
            raise


def _use_arithmetic(*, exact_float32: bool, deterministic: bool) -> None:
    """Tell MindSpore how Ascend is to compute: behind the choice of a device, before init()."""
    if exact_float32:
        # What is the default of the mode lets convolutions take HF32 all the same, until it is set.
        op_precision.precision_mode("must_keep_origin_dtype")
        op_precision.conv_allow_hf32(False)
        op_precision.matmul_allow_hf32(False)
    if deterministic:
        # It sets HCCL_DETERMINISTIC, too, which HCCL reads in init().
        ms.set_deterministic(True)


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


def _words(data: bytes, length: int) -> np.ndarray:
    """Fill up bytes to a length in whole blocks, since each other length is compiled anew."""
    return np.frombuffer(data.ljust(-(-length // _BLOCK) * _BLOCK, b"\0"), np.int32).copy()


def _joined(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays.values()])


def _parted(joined: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    ends = np.cumsum([array.size for array in like.values()])[:-1]
    parts = np.split(joined, ends)
    return {
        name: part.reshape(array.shape)
        for part, (name, array) in zip(parts, like.items(), strict=True)
    }


class _Collective(nn.Cell):
    """One of MindSpore's collectives, compiled; of several arrays, it takes and gives one."""

    def __init__(self, operator: Any, several: bool = False) -> None:
        super().__init__()
        self.operator, self.several = operator, several

    def construct(self, array: Tensor) -> Tensor:
        return self.operator((array,))[0] if self.several else self.operator(array)


@lru_cache
def _compiled(name: str) -> nn.Cell:
    # A cell keeps what it compiled for a shape; a new one would compile again.
    if name == "broadcast":
        return _Collective(ops.Broadcast(0), several=True)
    return _Collective(ops.AllGather() if name == "gather" else ops.AllReduce(ops.ReduceOp.SUM))
