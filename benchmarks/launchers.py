"""How launchers of many hosts meet, agree and part, over real sockets of one machine.

Usage: python benchmarks/launchers.py [--nodes 8,64,512] [--signs 10]

Node 0 is a process, and the others are threads of a few more, each with the real launcher's side of
the connection and the secret of the job. They meet as they would at a start; agree as a job's
preparation has them: settings and folder from node 0, whether anything is wrong, what must be the
same; hear of ten faults that all but node 0 have found; stay for some seconds in which they say
only that they are alive; and learn that the last of them has failed. Prints for each number of
nodes the seconds of each stage until the last of them is through, the messages and megabytes that
the stages with an answer took in all, and the share of a core that node 0 takes for signs of life.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from fcn4_dist.cluster import connection
from fcn4_dist.cluster.heartbeat import Standing
from fcn4_dist.cluster.launchers import Launchers, meet
from fcn4_dist.cluster.secret import Secret
from fcn4_dist.cluster.topology import LOOP_BACK, Nodes, free_port
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.processes import usable_cores
from fcn4_dist.terminal import say, table

STAGES = ("meet", "agree", "refuse", "failure")
SECONDS = 120.0
TOGETHER = 64
"""Nodes of one process; more would wait for its interpreter, as they do on no host of their own."""
SECRET = Secret(b"of this benchmark alone")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", default="8,64,512", help="numbers of nodes, parted by commas")
    parser.add_argument(
        "--signs", type=float, default=10.0, help="seconds with signs of life alone"
    )
    options = parser.parse_args()
    rows = [["nodes", *STAGES, "messages", "MB", "signs"]]
    rows += [_row(int(count), options.signs) for count in options.nodes.split(",")]
    say(table(rows))
    say(f"{usable_cores()} cores; stages in seconds, until the last node is through")


def _row(count: int, signs: float) -> list[str]:
    port = free_port() - 1
    context = multiprocessing.get_context("spawn")
    shares = [range(1), *(range(count)[first:][:TOGETHER] for first in range(1, count, TOGETHER))]
    begin, pipes = context.Barrier(len(shares)), []
    for share in shares:
        pipe, other = context.Pipe()
        arguments = (count, share, port, begin, signs, other)
        context.Process(target=_nodes, args=arguments, daemon=True).start()
        pipes.append(pipe)
    told = [pipe.recv() for pipe in pipes]
    stages = [max(each) for each in zip(*(one["stages"] for one in told), strict=True)]
    messages, octets = (sum(one[kind] for one in told) for kind in ("messages", "bytes"))
    times = [f"{seconds:.2f}" for seconds in stages]
    return [str(count), *times, str(messages), f"{octets / 1e6:.2f}", f"{told[0]['core']:.3f}"]


def _nodes(count: int, ranks: range, port: int, begin: Any, signs: float, result: Pipe) -> None:
    """Be some of the nodes, and tell when they were through with each stage."""
    sent = _count_what_is_sent()
    nodes = [Nodes(count, rank, LOOP_BACK, port) for rank in ranks]
    begin.wait()
    times = [time.monotonic()]
    with ThreadPoolExecutor(len(nodes)) as pool:

        def stage(work: Callable[[Any], Any], items: list[Any]) -> list[Any]:
            done = list(pool.map(work, items))
            times.append(time.monotonic())
            begin.wait()
            return done

        met = stage(lambda node: meet(node, lambda line: None, SECONDS, SECRET), nodes)
        stage(_agree, met)
        stage(_refuse, met)
    so_far = dict(sent)
    for one in met:
        one.report(Standing(1, 1, False))
    core = time.process_time()
    time.sleep(signs)
    core = time.process_time() - core
    begin.wait()
    times.append(time.monotonic())
    if count - 1 in ranks:
        met[-1].tell("the last one has failed")
    told = [one for one in met if one.rank != count - 1]
    while not all(one.failure() for one in told):
        time.sleep(0.005)
    times.append(time.monotonic())
    begin.wait()
    lengths = [after - before for before, after in pairwise(times)]
    del lengths[3]
    result.send({"stages": lengths, "core": core / signs, **so_far})
    for one in met:
        one.close()


def _agree(peers: Launchers) -> None:
    peers.on_main(lambda: None)
    peers.broadcast_of(dict[str, Any], Settings().as_dict())
    peers.refuse_together([])
    peers.broadcast_of(bool, True)
    peers.check_agreement({"number of workers": 8 * peers.size, "shards": "0" * 12})
    peers.on_main(lambda: None)
    peers.broadcast_of(str, "/data/runs/one")


def _refuse(peers: Launchers) -> None:
    with suppress(InputError):
        peers.refuse_together(
            [f"fault {n} {'of a card ' * 10}" for n in range(10)] * (peers.rank > 0)
        )


def _count_what_is_sent() -> dict[str, int]:
    sent, send = {"messages": 0, "bytes": 0}, connection.Connection._send

    def counted(self: connection.Connection, data: bytes) -> None:
        sent["messages"] += 1
        sent["bytes"] += len(data)
        send(self, data)

    connection.Connection._send = counted  # type: ignore[method-assign]
    return sent


if __name__ == "__main__":
    main()
