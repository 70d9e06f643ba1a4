"""What would stop a distributed job is found, and said, before anything is started.

Every sentence is in docs/launch_checks.md, made from the cases below. To write it anew:
PYTHONPATH=. python tests/cluster/test_preflight.py
"""

import ast
import json
import os
import re
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist import __version__
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster import device, launchers, link, preflight, topology
from fcn4_dist.cluster.launchers import Launchers, meet
from fcn4_dist.cluster.preflight import (
    Level,
    Result,
    check_cards,
    check_software,
    check_workers,
    port_in_use,
    result_of,
    usable_port,
)
from fcn4_dist.cluster.topology import (
    LOOP_BACK,
    Host,
    LaunchRequest,
    Nodes,
    Topology,
    free_port,
    local_topology,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.config import load_settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.jobs.checks import check_job, refuse_errors
from fcn4_dist.records import read_manifest
from tests.checkpoints.examples import write_example

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs/launch_checks.md"
HERE, THERE = "192.0.2.1", "192.0.2.2"
CARDS = Host(tuple(range(8)), "A2", (HERE,))
GRANTED = replace(CARDS, granted=(4, 5))
NO_CARDS = Host((), "", (HERE,))
SECONDS = 20.0


class Stage:
    """What a case may use: a folder, variables, real sockets, real shards."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        open_things: ExitStack,
        shards: Path,
        shard_flags: dict[str, str],
    ) -> None:
        self.folder, self.monkeypatch, self.open_things = folder, monkeypatch, open_things
        self.shards, self._shard_flags = shards, shard_flags
        self.port = free_port() - 1
        monkeypatch.chdir(folder)
        monkeypatch.setattr(launchers, "_SECONDS_BETWEEN_TRIES", 0.05)

    def table(self, *servers: tuple[int, ...], **changes: str) -> Path:
        """Write a rank table of servers 192.0.2.1, 192.0.2.2, … with these cards."""
        path = self.folder / "table.json"
        rank = 0
        entries = []
        for number, cards in enumerate(servers, 1):
            devices = []
            for card in cards:
                address = f"198.51.100.{number * 32 + card}"
                devices.append({"device_id": f"{card}", "device_ip": address, "rank_id": f"{rank}"})
                rank += 1
            server = f"192.0.2.{number}"
            entries.append({"server_id": server, "pod_ip": server, "device": devices})
        count = {"server_count": str(len(entries))}
        content = {"version": "1.0", **count, "server_list": entries, "status": "completed"}
        content = {key: value for key, value in (content | changes).items() if value != ""}
        path.write_text(json.dumps(content))
        return path

    def cann(self, version: str) -> dict[str, str]:
        """Make what an installed CANN shows of itself."""
        (self.folder / "cann/compiler").mkdir(parents=True)
        if version:
            text = f"Version={version}\nversion_dir=8.2\n"
            (self.folder / "cann/compiler/version.info").write_text(text)
        return {"ASCEND_HOME_PATH": str(self.folder / "cann")}

    def listen(self, port: int) -> None:
        """Have something listen on a port."""
        self.open_things.enter_context(socket.create_server((LOOP_BACK, port)))

    def copied_shards(self) -> Path:
        """Give shards that may be damaged."""
        return Path(shutil.copytree(self.shards, self.folder / "shards"))

    def job(self, command: str = "train", ranks: int = 2, **flags: str) -> list[Result]:
        """Check a job of the real shards, with changed settings."""
        shards = {**self._shard_flags, "data_dir": str(self.shards)}
        defaults = {"device_target": "CPU", "batch_size": "2", "checkpoint_path": "weight"}
        return check_job(command, load_settings(flags=shards | defaults | flags).settings, ranks)

    def checkpoint(self, **changes: Any) -> Path:
        """Write a checkpoint of a job of the real shards, on two ranks."""
        manifest = read_manifest(self.shards)
        settings = load_settings(flags=self._shard_flags).settings.as_dict()
        own = {
            "global_batch": 4,
            "shards": manifest.fingerprint(),
            "class_names": manifest.class_names,
            "parameters": manifest.parameters,
            "settings": settings | changes.pop("settings", {}),
        }
        write_example(self.folder / "weight", 1, 4, **own | changes)
        return Path("weight/MusicTagger-1_4.ckpt")

    def nodes(self, count: int = 2, rank: int = 0, address: str = LOOP_BACK) -> Nodes:
        """Give the nodes of a job whose port is free."""
        return Nodes(count, rank, address, self.port)

    def linked(self) -> Launchers:
        """Give node 0's link to a node 1 that says nothing: the connection ``self.other``."""
        with _meanwhile(self._join):
            found = meet(self.nodes(), _quiet, SECONDS)
        return self.open_things.enter_context(closing(found))

    def answer_to(self, **hello: Any) -> str:
        """Give node 0's answer to another first message than it expects."""
        with _meanwhile(lambda: meet(self.nodes(), _quiet, 1.0)):
            self._join(**hello)
        refused: str = json.loads(self.other.makefile("rb").readline())["refused"]
        return refused

    def _join(self, **changes: Any) -> None:
        hello = {"program": "fcn4_dist", "version": __version__, "node_rank": 1, "nnodes": 2}
        while True:
            try:
                self.other = socket.create_connection((LOOP_BACK, self.port + 1), SECONDS)
                break
            except ConnectionRefusedError:
                threading.Event().wait(0.02)
        self.open_things.enter_context(self.other)
        self.other.sendall(json.dumps(hello | changes).encode() + b"\n")


@contextmanager
def _meanwhile(work: Callable[[], Any]) -> Iterator[None]:
    """Do something in the background, whatever comes of it."""

    def quietly() -> None:
        with suppress(Fcn4DistError):
            work()

    thread = threading.Thread(target=quietly)
    thread.start()
    yield
    thread.join()


Found = list[Result] | str


@dataclass(frozen=True)
class Case:
    """Something to be found.

    Args:
        cause: What is the case, for the document.
        find: Makes it the case, and gives the results of the check, or its refusal.
        expected: Level and sentence that have to be among them.
    """

    cause: str
    find: Callable[[Stage], Found]
    expected: str


def _quiet(line: str) -> None:
    pass


def _software(**variables: str) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        (stage.folder / "msrun").write_text("#!/bin/sh\n")
        (stage.folder / "msrun").chmod(0o755)
        # The msrun beside this Python comes first, wherever the PATH leads.
        stage.monkeypatch.setattr(sys, "executable", "/nowhere/python")
        return check_software({"PATH": str(stage.folder)} | variables)

    return find


def _no_such_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _without(module: Any, name: str, other: Any, then: Callable[[Stage], Found]) -> Any:
    def find(stage: Stage) -> Found:
        stage.monkeypatch.setattr(module, name, other)
        return then(stage)

    return find


class _NoPackages:
    """Stands for importlib.metadata in a Python without packages."""

    from importlib.metadata import PackageNotFoundError

    def version(self, name: str) -> str:
        raise self.PackageNotFoundError(name)


def _cards(
    host: Host = CARDS, mindspore: str = "2.8.0", cann: str | None = "8.2.RC1", target: str = ""
) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        environment = {} if cann is None else stage.cann(cann)
        return check_cards(target or "Ascend", host, environment, mindspore)

    return find


def _bfloat16(generation: str) -> Callable[[Stage], Found]:
    host = replace(CARDS, generation=generation)
    return lambda stage: check_cards("Ascend", host, stage.cann("8.2.RC1"), "2.8.0", "bfloat16")


def _flags(host: Host = CARDS, target: str = "Ascend", **wishes: Any) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        given = dict(wishes)
        if "table" in given:
            given["rank_table_file"] = stage.table(*given.pop("table"))
        try:
            request = LaunchRequest(**given)
            plan_topology(plan_nodes(request, host), request, target, host)
        except InputError as error:
            return str(error)
        return []

    return find


def _workers(
    host: Host = CARDS,
    target: str = "Ascend",
    table: tuple[tuple[int, ...], ...] = (),
    changes: dict[str, str] | None = None,
    **wishes: Any,
) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        file = {"rank_table_file": stage.table(*table, **(changes or {}))} if table else {}
        request = LaunchRequest(**file, **{"master_port": stage.port, **wishes})
        planned = plan_topology(plan_nodes(request, host), request, target, host)
        return check_workers(planned, target, host)

    return find


def _table_went_bad(stage: Stage) -> Found:
    request = LaunchRequest(rank_table_file=stage.table((0, 1)), master_port=stage.port)
    planned = plan_topology(plan_nodes(request, CARDS), request, "Ascend", CARDS)
    stage.table((0, 1), status="initializing")
    return check_workers(planned, "Ascend", CARDS)


def _taken_port(count: int) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        stage.listen(stage.port)
        host = Host((), "", (LOOP_BACK,))
        return check_workers(Topology(stage.nodes(count), 2), "CPU", host)

    return find


def _damaged_shard(stage: Stage) -> Found:
    folder = stage.copied_shards()
    shard = next(path for path in sorted(folder.glob("train.mindrecord*")) if path.suffix != ".db")
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    return stage.job(data_dir=str(folder))


def _missing_shard(stage: Stage) -> Found:
    folder = stage.copied_shards()
    sorted(folder.glob("train.mindrecord*.db"))[0].unlink()
    return stage.job(data_dir=str(folder))


def _file_in_the_way(setting: str) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        (stage.folder / "file").touch()
        return stage.job(**{setting: "file/folder"})

    return find


def _checkpoint(
    command: str = "train", ranks: int = 2, damaged: bool = False, **changes: Any
) -> Callable[[Stage], Found]:
    """Check a job that begins with a checkpoint; ``changes`` go into its description."""

    def find(stage: Stage) -> Found:
        path = stage.checkpoint(**changes)
        if damaged:
            path.write_bytes(path.read_bytes()[:-1])
        if command == "eval":
            return stage.job("eval", model_name=path.name)
        # A folder is searched for a whole one; a file is taken at its word.
        return stage.job(ranks=ranks, resume=str(path) if damaged else "auto")

    return find


def _damaged_checkpoint_before_a_whole_one(stage: Stage) -> Found:
    stage.checkpoint()
    write_example(stage.folder / "weight", 2, 1)
    (stage.folder / "weight/MusicTagger-2_1.ckpt").write_bytes(b"")
    return stage.job(resume="auto")


def _folder_without_whole_ones(stage: Stage) -> Found:
    stage.checkpoint().write_bytes(b"")
    return stage.job(resume="weight")


def _resume_from_another_program(stage: Stage) -> Found:
    import mindspore as ms

    parameter = ms.Parameter(ms.Tensor([1.0]), name="dense.bias")
    ms.save_checkpoint([parameter], str(stage.folder / "other.ckpt"))
    return stage.job(resume="other.ckpt")


def _folder_of_another_run(stage: Stage) -> Found:
    stage.open_things.enter_context(
        CheckpointFolder(Path("weight"), "MusicTagger").kept_to_this_job()
    )
    return stage.job()


def _meeting(rank: int, address: str = LOOP_BACK, port_taken: bool = False) -> Any:
    def find(stage: Stage) -> Found:
        if port_taken:
            stage.listen(stage.port + 1)
        try:
            meet(stage.nodes(2, rank, address), _quiet, 0.2).close()
        except InputError as error:
            return str(error)
        return []

    return find


def _refused_on_the_other_side(stage: Stage) -> Found:
    with _meanwhile(lambda: meet(stage.nodes(), _quiet, 1.0)):
        try:
            meet(stage.nodes(3, 2), _quiet, SECONDS).close()
        except InputError as error:
            return str(error)
    return []


def _lost(then: Callable[[Stage], object], sent: bytes = b"", silence: float = SECONDS) -> Any:
    def find(stage: Stage) -> Found:
        stage.monkeypatch.setattr(launchers, "SECONDS_OF_SILENCE", silence)
        waiting = stage.linked()
        if sent:
            stage.other.sendall(sent)
        then(stage)
        try:
            waiting.all_gather("here")
        except Fcn4DistError as error:
            # The document has the time that is really waited.
            return str(error).replace(f"for {silence:.0f} s", f"for {SECONDS:.0f} s")
        return []

    return find


def _nothing(stage: Stage) -> None:
    pass


def _hang_up(stage: Stage) -> None:
    stage.other.shutdown(socket.SHUT_RDWR)


_LACKS = "for those who start with mpirun"
_ELSEWHERE = replace(CARDS, addresses=("192.0.2.77",))
_TWO = {"nnodes": 2, "node_rank": 0, "master_addr": HERE}
_AGAIN = "run preprocess again"
_RESUMED = "weight/MusicTagger-1_4.ckpt"
_UNUSABLE = (
    "cannot be used as a checkpoint: it breaks off; name another one "
    "('fcn4-dist checkpoints verify' looks through a folder)"
)
_OTHER_DATA = (
    "was trained on other data than these shards hold: classes rock, jazz instead of dog_bark, "
    "rain, rooster: name another checkpoint with --model_name, or other shards with --data_dir"
)

SECTIONS = {
    "MindSpore and MPI": [
        Case("MindSpore is installed", _software(), "ok: VERSION"),
        Case(
            "MindSpore is not installed",
            _without(device, "metadata", _NoPackages(), _software()),
            "error: MindSpore is not installed in this Python: pip install 'fcn4_dist[train]', or "
            "activate the environment that has it",
        ),
        Case("msrun is on the PATH", _software(), "ok: FOLDER/msrun"),
        Case(
            "msrun is not on the PATH",
            _software(PATH="/nowhere"),
            "error: msrun, which comes with MindSpore, is not on the PATH: activate the "
            "environment that has MindSpore",
        ),
        Case(
            "mpi4py is installed",
            _without(preflight, "MPI_PACKAGE", "pytest", _software()),
            "ok: mpi4py VERSION, for those who start with mpirun",
        ),
        Case(
            "mpi4py is not installed",
            _without(preflight, "MPI_PACKAGE", "no-such-package", _software()),
            "note: mpi4py is not installed; only 'mpirun' needs it: pip install mpi4py",
        ),
        Case(
            "variables that MindSpore or msrun would take for this job's",
            _software(MS_ROLE="MS_WORKER", MS_SCHED_PORT="8118", RANK_ID="3"),
            "warning: left by an earlier job, and taken out for this one: MS_ROLE, MS_SCHED_PORT, "
            "RANK_ID",
        ),
        Case("no such variables", _software(), "ok: none are left of an earlier job"),
    ],
    "Cards and CANN": [
        Case("`device_target` is CPU", _cards(target="CPU"), "ok: CPU with CORES cores"),
        Case(
            "`device_target` is Ascend, and there is no card",
            _cards(NO_CARDS),
            "error: device_target is Ascend, and this machine shows no Ascend card "
            "(/dev/davinci*): give --device_target CPU to run on the processor",
        ),
        Case(
            "cards that were not there a moment ago",
            _without(preflight, "check_device", lambda device_target: None, _cards(NO_CARDS)),
            "ok: cards appeared while this was checked",
        ),
        Case("eight cards", _cards(), "ok: 8 Ascend cards (0, 1, 2, 3, 4, 5, 6, 7), A2"),
        Case(
            "npu-smi is missing",
            _cards(Host((0, 1), "", ())),
            "ok: 2 Ascend cards (0, 1), of unknown kind",
        ),
        Case(
            "npu-smi is missing",
            _cards(Host((0, 1), "", ())),
            "note: npu-smi does not tell the kind of the cards; whether MindSpore 2.8.0 supports "
            "them was not checked",
        ),
        Case("MindSpore 2.8.0 and A2 cards", _cards(), "ok: MindSpore 2.8.0 on A2"),
        Case(
            "MindSpore 2.8.0 and the first 910",
            _cards(replace(CARDS, generation="910")),
            "ok: MindSpore 2.8.0 on 910, on the graph engine",
        ),
        Case(
            "MindSpore 2.9 or 2.10 and the first 910",
            _cards(replace(CARDS, generation="910"), "2.9.0", "9.0.1"),
            "warning: MindSpore 2.9.0 counts the graph engine, which the first 910 needs, as "
            "deprecated: install MindSpore 2.8.0 if compiling fails",
        ),
        Case(
            "cards for inference",
            _cards(replace(CARDS, generation="310P3")),
            "error: the cards are 310P3, and MindSpore trains on the Ascend 910, A2 and A3 only: "
            "give --device_target CPU, or use another host",
        ),
        Case(
            "`amp_dtype bfloat16` on the first 910",
            _bfloat16("910"),
            "error: the first Ascend 910 has no bfloat16: give --amp_dtype float16",
        ),
        Case(
            "cards, but no MindSpore",
            _cards(mindspore=""),
            "note: not checked, as there is no MindSpore",
        ),
        Case(
            "CANN's environment is not set",
            _cards(cann=None),
            "error: CANN's environment is missing (ASCEND_HOME_PATH is not set): source "
            "/usr/local/Ascend/ascend-toolkit/set_env.sh",
        ),
        Case(
            "CANN's environment names a folder that is not there",
            lambda stage: check_cards("Ascend", CARDS, {"ASCEND_HOME_PATH": "/gone"}, "2.8.0"),
            "error: CANN's environment is missing (ASCEND_HOME_PATH names /gone, which is no "
            "folder): source /usr/local/Ascend/ascend-toolkit/set_env.sh",
        ),
        Case("a CANN that MindSpore takes", _cards(), "ok: 8.2.RC1 in FOLDER/cann"),
        Case(
            "a CANN that MindSpore does not take",
            _cards(cann="9.1.0"),
            "warning: CANN 9.1.0 in FOLDER/cann does not match MindSpore 2.8.0, which takes 8.2, "
            "8.3, 8.5: source the set_env.sh of a matching CANN, or install a matching MindSpore",
        ),
        Case(
            "a CANN that does not tell its version",
            _cards(cann=""),
            "note: FOLDER/cann; its version was not checked (FOLDER/cann/compiler/version.info)",
        ),
        Case(
            "a MindSpore whose CANN is not known here",
            _cards(mindspore="3.0.0"),
            "note: FOLDER/cann; its version was not checked (FOLDER/cann/compiler/version.info)",
        ),
    ],
    "Flags": [
        Case(
            "`--device_num 0`",
            _flags(device_num=0),
            "error: --device_num must be at least 1, got 0",
        ),
        Case("`--nnodes 0`", _flags(nnodes=0), "error: --nnodes must be at least 1, got 0"),
        Case(
            "no number of workers, and no card",
            _flags(NO_CARDS),
            "error: how many workers? give their number (DEVICE_NUM, as in "
            "'run_distribute_train.sh 8', or --device_num)",
        ),
        Case(
            "`--devices 4-7` on the CPU",
            _flags(devices=(4, 5, 6, 7), target="CPU"),
            "error: --devices names Ascend cards, and device_target is CPU: give the number of "
            "workers instead (DEVICE_NUM, --device_num)",
        ),
        Case(
            "`--devices 4-7 --device_num 8`",
            _flags(devices=(4, 5, 6, 7), device_num=8),
            "error: --devices names 4 cards and DEVICE_NUM is 8: leave one of them out",
        ),
        Case(
            "`--nnodes 2` alone",
            _flags(nnodes=2),
            "error: --nnodes 2 needs --master_addr, the address of the first host, and "
            "--node_rank, 0 on that host and 1, 2, … on the others",
        ),
        Case(
            "`--nnodes 2 --node_rank 2`",
            _flags(**(_TWO | {"node_rank": 2})),
            "error: --node_rank is 2, and of 2 hosts the last number is 1: give another, or the "
            "number of hosts with --nnodes",
        ),
        Case(
            "`--node_rank 1` without `--nnodes`",
            _flags(node_rank=1),
            "error: --node_rank is 1, and of 1 host the last number is 0: give another, or the "
            "number of hosts with --nnodes",
        ),
        Case(
            "`--master_addr 192.0.2..1`",
            _flags(**(_TWO | {"master_addr": "192.0.2..1"})),
            "error: --master_addr 192.0.2..1 is no address: write it again",
        ),
        Case(
            "`--master_port 80`",
            _flags(master_port=80),
            "error: --master_port must be from 1024 to 65534, got 80",
        ),
        Case(
            "`--master_port 65535`, behind which there is no port for the launchers",
            _flags(master_port=65535),
            "error: --master_port must be from 1024 to 65534, got 65535",
        ),
        Case(
            "`--nnodes 3` and a rank table of two servers",
            _flags(table=((0, 1), (0, 1)), nnodes=3),
            "error: FOLDER/table.json has 2 servers and --nnodes is 3: leave --nnodes out, or give "
            "the right table",
        ),
        Case(
            "`--node_rank 1` on the host that is the table's first",
            _flags(table=((0, 1), (0, 1)), node_rank=1),
            "error: --node_rank is 1, and this host is server_list[0] of FOLDER/table.json by its "
            "address: leave --node_rank out",
        ),
        Case(
            "a rank table of other hosts",
            _flags(_ELSEWHERE, table=((0, 1), (0, 1))),
            "error: none of the servers of FOLDER/table.json (192.0.2.1, 192.0.2.2) has an address "
            "of this host (192.0.2.77): give the table of these hosts, or --node_rank",
        ),
        Case(
            "a rank table with other numbers of cards on each server",
            _flags(table=((0, 1), (0,))),
            "error: FOLDER/table.json gives its servers 2, 1 cards, and msrun starts the same "
            "number of workers on every host: make the table with equal numbers",
        ),
        Case(
            "`--device_num 8` and a rank table of two cards",
            _flags(table=((0, 1),), device_num=8),
            "error: FOLDER/table.json has 2 cards for this host and DEVICE_NUM is 8: leave "
            "DEVICE_NUM out, or make a table for that many cards with 'fcn4-dist rank-table "
            "generate --devices'",
        ),
        Case(
            "`--devices 4,5` and a rank table of cards 0 and 1",
            _flags(table=((0, 1),), devices=(4, 5)),
            "error: FOLDER/table.json has the cards 0,1 for this host and --devices names 4,5: "
            "leave --devices out",
        ),
        Case(
            "a rank table that gives rank 0 the higher card",
            _flags(table=((1, 0),)),
            "error: FOLDER/table.json gives the ranks of this host the cards 1,0, and workers can "
            "be given cards in ascending order only: number the ranks by card, as 'fcn4-dist "
            "rank-table generate' does",
        ),
    ],
    "Workers, rank table, port": [
        Case("two workers on the CPU", _workers(target="CPU", device_num=2), "ok: 2 on this host"),
        Case("two workers on cards", _workers(device_num=2), "ok: 2 on this host, on cards 0, 1"),
        Case(
            "more workers than cards",
            _workers(Host((0, 1), "A2", (HERE,)), device_num=8),
            "error: 8 workers need as many cards, and this host has 2 to use (0, 1): lower "
            "DEVICE_NUM",
        ),
        Case(
            "more workers than `ASCEND_RT_VISIBLE_DEVICES` shows",
            _workers(GRANTED, device_num=8),
            "error: 8 workers need as many cards, and this host has 2 to use (4, 5, by "
            "ASCEND_RT_VISIBLE_DEVICES): lower DEVICE_NUM",
        ),
        Case(
            "`--devices` names a card that is not there",
            _workers(Host((0, 1), "A2", (HERE,)), devices=(1, 2, 3)),
            "error: this host has no card 2, 3 to use, only 0, 1: name cards that are there with "
            "--devices, or make the rank table on this host",
        ),
        Case(
            "a rank table in order",
            _workers(table=((0, 1),)),
            "ok: FOLDER/table.json: 2 ranks on 1 server",
        ),
        Case(
            "a fault of the rank table; docs/rank_table_checks.md has them all",
            _table_went_bad,
            'error: FOLDER/table.json: status: "initializing" lets HCCL wait up to 30 minutes for '
            '"completed": finish the table',
        ),
        Case(
            "a warning of the rank table",
            _workers(table=((0, 1),), changes={"server_count": ""}),
            "warning: FOLDER/table.json: server_count: the key is missing, which HCCL's documents "
            "ask for",
        ),
        Case(
            "a rank table of one server that is not this host by its address",
            _workers(_ELSEWHERE, table=((0, 1),)),
            "warning: FOLDER/table.json: server 192.0.2.1 is no address of this host (192.0.2.77)",
        ),
        Case("a job of one host", _workers(device_num=2), "ok: one host"),
        Case(
            "node 0 of two, on the host that `--master_addr` names",
            _workers(**_TWO),
            "ok: node 0 of 2, node 0 is 192.0.2.1",
        ),
        Case(
            "node 0 of two, on another host than `--master_addr` names",
            _workers(_ELSEWHERE, **_TWO),
            "error: --node_rank is 0 here, and --master_addr 192.0.2.1 is no address of this host "
            "(192.0.2.77): give node 0's own address on every node",
        ),
        Case(
            "node 1 of two, on the host that `--master_addr` names",
            _workers(**(_TWO | {"node_rank": 1})),
            "error: --node_rank is 1 here, and --master_addr 192.0.2.1 is this host: the host with "
            "that address is node 0",
        ),
        Case(
            "a `--master_addr` of IPv6",
            _flags(nnodes=2, node_rank=0, master_addr="2001:db8::1"),
            "error: --master_addr 2001:db8::1 is an IPv6 address, which msrun does not take: give "
            "the IPv4 address of the first host",
        ),
        Case(
            "a `--master_addr` of another host, without `--nnodes`",
            _workers(device_num=2, master_addr=THERE),
            f"error: --master_addr {THERE} is no address of this host ({HERE}), and there is no "
            "other: leave it out, or give the number of hosts with --nnodes",
        ),
        Case(
            "a `--master_addr` that nobody knows",
            _without(
                socket,
                "getaddrinfo",
                _no_such_name,
                _workers(**(_TWO | {"master_addr": "nowhere.invalid"})),
            ),
            "error: --master_addr nowhere.invalid is no address (Name or service not known)",
        ),
        Case("the port is free", _workers(device_num=2), "ok: PORT is free"),
        Case(
            "any node but node 0",
            _workers(**(_TWO | {"node_rank": 1, "master_addr": THERE})),
            "ok: PORT, which node 0 looks at",
        ),
        Case(
            "the port is in use, on a single host",
            _taken_port(1),
            "warning: port PORT is in use, so another is taken",
        ),
        Case(
            "the port is in use, with several hosts",
            _taken_port(2),
            "error: port PORT of 127.0.0.1 is in use: end the job that has it, or give another "
            "--master_port on every node",
        ),
    ],
    "Shards, checkpoints, folders": [
        Case(
            "finished shards",
            lambda stage: stage.job(),
            "ok: 16 clips in 2 shards of SHARDS",
        ),
        Case(
            "no shards",
            lambda stage: stage.job(data_dir="nothing"),
            "error: nothing/manifest.json is missing, so no finished shards are in nothing: run "
            "preprocess, or name the folder of the shards with --data_dir",
        ),
        Case(
            "shards made with other settings",
            lambda stage: stage.job(n_mels="48", num_classes="4"),
            "error: the shards in SHARDS were made with other settings: n_mels 32 instead of 48, "
            "num_classes 3 instead of 4; give --n_mels 32 --num_classes 3, or run preprocess again",
        ),
        Case(
            "a shard of a set that is not there",
            lambda stage: stage.job(train_filename="test.mindrecord0"),
            "error: SHARDS/manifest.json knows no set 'test', only train, val: name one of its "
            "shards",
        ),
        Case(
            "a shard's index is missing",
            _missing_shard,
            "error: FOLDER/shards/train.mindrecord0.db is missing, though the manifest names it: "
            f"{_AGAIN}",
        ),
        Case(
            "one byte of a shard has changed",
            _damaged_shard,
            "error: FOLDER/shards/train.mindrecord0 is not the file the manifest was written for "
            f"(its SHA-256 differs): it was damaged or replaced; {_AGAIN}",
        ),
        Case(
            "a folder that the system refuses to look at",
            lambda stage: stage.job(data_dir="n" * 300),
            f"error: File name too long: {'n' * 300}/manifest.json",
        ),
        Case("enough clips", lambda stage: stage.job(), "ok: 4 an epoch, of 4 clips"),
        Case(
            "fewer clips than a global batch",
            lambda stage: stage.job(ranks=16),
            "error: an epoch has no step: 16 training clips are fewer than a global batch of 32 "
            "(batch_size 2 x 16 ranks); lower --batch_size or the number of ranks",
        ),
        Case("a checkpoint to evaluate", _checkpoint("eval"), f"ok: {_RESUMED}"),
        Case(
            "a damaged checkpoint to evaluate",
            _checkpoint("eval", damaged=True),
            f"error: {_RESUMED} {_UNUSABLE}",
        ),
        Case(
            "a checkpoint of other classes to evaluate",
            _checkpoint("eval", class_names=("rock", "jazz")),
            f"error: {_RESUMED} {_OTHER_DATA}",
        ),
        Case(
            "no checkpoint to evaluate, or to start from with `pre_trained`",
            lambda stage: stage.job(pre_trained="True"),
            "error: there is no checkpoint weight/MusicTagger-10_24.ckpt; the folder holds no "
            "MusicTagger-*.ckpt: name one with --model_name, or another folder with "
            "--checkpoint_path",
        ),
        Case(
            "`--resume auto`, and no checkpoint yet",
            lambda stage: stage.job(resume="auto"),
            "ok: nothing to go on from in weight yet",
        ),
        Case(
            "`--resume auto`, and a checkpoint of this job",
            _checkpoint(),
            f"ok: {_RESUMED}, step 4 of 40",
        ),
        Case(
            "`--resume auto` on another number of ranks",
            _checkpoint(ranks=4),
            f"ok: {_RESUMED}, step 4 of 40",
        ),
        Case(
            "`--resume auto`, and the last checkpoint is damaged",
            _damaged_checkpoint_before_a_whole_one,
            f"ok: {_RESUMED}, step 4 of 40",
        ),
        Case(
            "`--resume` names a folder without a whole checkpoint",
            _folder_without_whole_ones,
            "error: resume: weight holds no whole checkpoint MusicTagger-*.ckpt",
        ),
        Case(
            "`--resume` names a damaged checkpoint",
            _checkpoint(damaged=True),
            f"error: {_RESUMED} {_UNUSABLE}",
        ),
        Case(
            "`--resume` names a file that is not there",
            lambda stage: stage.job(resume="none.ckpt"),
            "error: none.ckpt cannot be used as a checkpoint: No such file or directory; name "
            "another one ('fcn4-dist checkpoints verify' looks through a folder)",
        ),
        Case(
            "`--resume` names a file of another program",
            _resume_from_another_program,
            "error: resume: other.ckpt is not a checkpoint of this package, so it does not say "
            "where to go on: start a new run from its weights with --pre_trained True",
        ),
        Case(
            "the run to resume had other settings",
            _checkpoint(settings={"lr": 0.1, "sync_bn": True}),
            f"error: {_RESUMED} is of a run with other settings: sync_bn True instead of False, lr "
            "0.1 instead of 0.0005; give those to go on with it, or start a new run from its "
            "weights with --pre_trained True",
        ),
        Case(
            "the run to resume had a global batch that these ranks cannot share",
            _checkpoint(ranks=3),
            f"error: {_RESUMED} is of a run with a global batch of 4 clips, which 3 ranks cannot "
            "share evenly: use another number of ranks",
        ),
        Case(
            "the run to resume had other classes",
            _checkpoint(class_names=("rock", "jazz")),
            f"error: {_RESUMED} {_OTHER_DATA}",
        ),
        Case(
            "the run to resume had other shards of the same classes",
            _checkpoint(shards="0000"),
            f"error: {_RESUMED} was trained on other shards: name them with --data_dir, or start a "
            "new run from its weights with --pre_trained True",
        ),
        Case(
            "no other run writes to the folder of the checkpoints",
            lambda stage: stage.job(),
            "ok: no other run writes to weight",
        ),
        Case(
            "another run writes to the folder of the checkpoints",
            _folder_of_another_run,
            "error: another training run (process PID on HOST) writes its checkpoints to weight: "
            "wait for it, or give this one another --checkpoint_path or --prefix",
        ),
        Case(
            "folders that can be written to",
            lambda stage: stage.job(run_dir="run"),
            "ok: run_dir run can be written to",
        ),
        Case(
            "`run_dir` leads through a file",
            _file_in_the_way("run_dir"),
            "error: run_dir file/folder cannot be written to (file is a file): name another folder "
            "with --run_dir",
        ),
        Case(
            "`checkpoint_path` leads through a file",
            _file_in_the_way("checkpoint_path"),
            "error: checkpoint_path file/folder cannot be written to (file is a file): name "
            "another folder with --checkpoint_path",
        ),
    ],
    "Several hosts": [
        Case(
            "the port of the launchers is in use on node 0",
            _meeting(0, port_taken=True),
            "error: port LINKPORT of 127.0.0.1, the one behind --master_port, cannot be listened "
            "on (Address already in use): another job may have it; give another --master_port on "
            "every node",
        ),
        Case(
            "node 0 is started on a host without the address of `--master_addr`",
            _meeting(0, "203.0.113.9"),
            "error: --node_rank is 0 here, and --master_addr 203.0.113.9 is no address of this "
            "host: give node 0's own address on every node",
        ),
        Case(
            "node 1 is given a `--master_addr` that nobody knows",
            _without(socket, "getaddrinfo", _no_such_name, _meeting(1, "nowhere.invalid")),
            "error: --master_addr nowhere.invalid is no address (Name or service not known)",
        ),
        Case(
            "node 1 is not started for 10 minutes, or cannot reach node 0",
            _meeting(0),
            "error: node 1 has not joined: start the same script there with --node_rank 1 "
            "--master_addr 127.0.0.1, and see that ports PORT and LINKPORT are not blocked",
        ),
        Case(
            "node 0 is not started for 10 minutes, or cannot be reached",
            _meeting(1),
            "error: node 0 does not answer on 127.0.0.1, port LINKPORT: start the same script "
            "there with --node_rank 0, and see that --master_addr and --master_port are right and "
            "ports PORT and LINKPORT not blocked",
        ),
        Case(
            "a node was given another number of nodes",
            _refused_on_the_other_side,
            "error: node 0 refuses this one: node 0 waits for 2 nodes: give the same --nnodes on "
            "every node",
        ),
        Case(
            "a node has another version of this package",
            lambda stage: f"node 0 refuses this one: {stage.answer_to(version='0.0.1')}",
            "error: node 0 refuses this one: node 0 has fcn4_dist OWNVERSION: install the same "
            "version on every node",
        ),
        Case(
            "two nodes have the same number",
            lambda stage: f"node 0 refuses this one: {stage.answer_to(node_rank=0)}",
            "error: node 0 refuses this one: there is a node 0 already: give every node a "
            "--node_rank of its own",
        ),
        Case(
            "another node reports a failure",
            _lost(_nothing, b'{"failure": "node 1: the shards are missing"}\n'),
            "error: node 1: the shards are missing",
        ),
        Case(
            "another node ends while this one waits for it",
            _lost(_nothing, b'{"done": true}\n'),
            "error: the launcher on node 1 (127.0.0.1) has ended; see its terminal",
        ),
        Case(
            "the launcher on another node is killed",
            _lost(_hang_up),
            "error: the launcher on node 1 (127.0.0.1) ended without a word; see its terminal",
        ),
        Case(
            "another host is switched off, or its network is down",
            _lost(_nothing, silence=1.0),
            "error: node 1 (127.0.0.1) has not been heard from for 20 s: the host or the network "
            "between is down",
        ),
        Case(
            "what another node sends cannot be understood",
            _lost(_nothing, b"?\n"),
            "error: the connection to node 1 (127.0.0.1) broke (Expecting value: line 1 column 1 "
            "(char 0))",
        ),
    ],
}
CASES = [case for cases in SECTIONS.values() for case in cases]


@pytest.fixture
def make_stage(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    shards: Path,
    small_flags: dict[str, str],
) -> Iterator[Callable[[], Stage]]:
    with ExitStack() as open_things:
        yield lambda: Stage(
            tmp_path_factory.mktemp("stage"), monkeypatch, open_things, shards, small_flags
        )


def findings(case: Case, stage: Stage) -> list[str]:
    """Give what is found, as it is on every machine."""
    found = case.find(stage)
    lines = (
        [f"error: {found}"]
        if isinstance(found, str)
        else [f"{result.level.value}: {result.sentence}" for result in found]
    )
    replacements = {
        str(stage.folder): "FOLDER",
        str(stage.shards): "SHARDS",
        str(stage.port + 1): "LINKPORT",
        str(stage.port): "PORT",
        f"fcn4_dist {__version__}": "fcn4_dist OWNVERSION",
        f"process {os.getpid()} on {socket.gethostname()}": "process PID on HOST",
        f"CPU with {len(os.sched_getaffinity(0))} cores": "CPU with CORES cores",
    }
    for package in ("mindspore", "pytest"):
        replacements |= _version_lines(package)
    for text, placeholder in replacements.items():
        lines = [line.replace(text, placeholder) for line in lines]
    return lines


def _version_lines(package: str) -> dict[str, str]:
    from importlib.metadata import version

    return {
        f"ok: {version(package)}": "ok: VERSION",
        f"mpi4py {version(package)}": "mpi4py VERSION",
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.cause)
def test_what_is_found_has_its_sentence(case: Case, make_stage: Callable[[], Stage]) -> None:
    assert case.expected in findings(case, make_stage())


def document() -> str:
    """Write docs/launch_checks.md from the sentences that the cases expect."""
    lines = [
        "# What is checked before a job is started",
        "",
        "`fcn4-dist doctor` makes these checks on one host, prints a table of them, and ends with",
        "exit code 2 if there is an error among them. `fcn4-dist launch` makes the same checks on",
        "every host, prints the warnings, and starts nothing anywhere if there is an error on any.",
        "The last section is what the launchers of several hosts say when they do not find, or",
        "lose, each other.",
        "",
        "Each row is one test case. FOLDER is the folder of the example, SHARDS that of its",
        "shards, PORT the scheduler's port and LINKPORT the one behind it, PID and HOST the number",
        "of a process and the name of its host.",
    ]
    for title, cases in SECTIONS.items():
        lines += ["", f"## {title}", "", "| what is the case | result | what is said |"]
        lines.append("|---|---|---|")
        for case in cases:
            level, _, sentence = case.expected.partition(": ")
            shown = sentence.replace("n" * 300, "nnn…").replace("|", "\\|").replace("*", "\\*")
            lines.append(f"| {case.cause} | {level} | {shown} |")
    return "\n".join(lines) + "\n"


def test_the_document_tells_what_is_said() -> None:
    assert DOCUMENT.read_text("utf-8") == document()


@pytest.mark.parametrize("module", [topology, preflight, link])
def test_no_sentence_is_missing_from_the_document(module: Any) -> None:
    told = "\n".join(case.expected for case in CASES)
    missing = [
        pattern for pattern in _sentences_of(Path(module.__file__)) if not re.search(pattern, told)
    ]
    assert missing == []


def _sentences_of(path: Path) -> list[str]:
    """Give the long texts of a module, besides its docstrings, as regular expressions."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts_of_others: set[int] = set()
    found = []
    for node in ast.walk(tree):
        if id(node) in docstrings | parts_of_others:
            continue
        pieces: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            pieces = node.values
            parts_of_others |= {id(piece) for piece in pieces}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            pieces = [node]
        fixed = [piece.value for piece in pieces if isinstance(piece, ast.Constant)]
        text = "".join(map(str, fixed))
        if len(text) >= 25 and " " in text:
            patterns = (
                re.escape(str(piece.value)) if isinstance(piece, ast.Constant) else ".*"
                for piece in pieces
            )
            found.append("".join(patterns))
    return found


def test_every_check_that_raises_gives_a_result_instead() -> None:
    def refused() -> str:
        raise InputError("this is wrong: mend it")

    def unreadable() -> str:
        raise PermissionError(13, "Permission denied", "/data/manifest.json")

    assert result_of("one", lambda: "all is well") == Result("one", Level.OK, "all is well")
    assert result_of("one", refused) == Result("one", Level.ERROR, "this is wrong: mend it")
    sentence = "Permission denied: /data/manifest.json"
    assert result_of("one", unreadable) == Result("one", Level.ERROR, sentence)


def test_all_errors_refuse_a_job_at_once_and_warnings_do_not() -> None:
    refuse_errors([Result("a", Level.WARNING, "odd"), Result("b", Level.NOTE, "by the way")])
    with pytest.raises(InputError) as caught:
        refuse_errors([Result(name, Level.ERROR, f"{name} is wrong") for name in "abc"])
    assert str(caught.value).splitlines() == ["a is wrong", "b is wrong", "c is wrong"]


@pytest.mark.parametrize(
    ("mindspore", "cann", "matches"),
    [
        ("2.7.1", "7.8.0.1.231", True),
        ("2.7.1", "8.5.0", False),
        ("2.8.0", "8.5.0", True),
        ("2.8.0", "7.8.0", False),
        ("2.9.0", "9.0.RC1", True),
        ("2.10.0", "9.1.0", True),
        ("2.10.0", "7.8.0", False),
    ],
)
def test_each_mindspore_has_its_own_versions_of_cann(
    mindspore: str, cann: str, matches: bool, make_stage: Callable[[], Stage]
) -> None:
    environment = make_stage().cann(cann)
    results = check_cards("Ascend", CARDS, environment, mindspore)
    (result,) = (one for one in results if one.check == "CANN")
    assert (result.level is Level.OK) == matches


def test_msrun_is_found_beside_this_python_where_its_environment_is_not_activated() -> None:
    (result,) = (one for one in check_software({"PATH": "/nowhere"}) if one.check == "msrun")
    assert (result.level, result.sentence) == (Level.OK, str(Path(sys.executable).parent / "msrun"))


def test_only_node_0_needs_checkpoints_and_their_folder(make_stage: Callable[[], Stage]) -> None:
    stage = make_stage()
    settings = load_settings(flags={"data_dir": str(stage.shards), "pre_trained": "True"}).settings
    checks = {
        on_main: [result.check for result in check_job("train", settings, 1, on_main=on_main)]
        for on_main in (True, False)
    }
    # The folder of the runs is everybody's.
    assert checks == {
        True: ["shards", "checkpoint", "folder", "folder", "folder"],
        False: ["shards", "folder"],
    }


def test_a_port_in_use_is_seen_on_the_address_it_is_in_use_on() -> None:
    with socket.create_server((LOOP_BACK, 0)) as server:
        port = server.getsockname()[1]
        assert port_in_use(LOOP_BACK, port)
        assert port_in_use("localhost", port)
    assert not port_in_use(LOOP_BACK, port)


def test_a_port_in_use_on_all_addresses_is_in_use_on_each() -> None:
    with socket.create_server(("", 0)) as server:
        assert port_in_use(LOOP_BACK, server.getsockname()[1])


def test_a_port_whose_connections_are_only_waiting_for_their_end_is_free() -> None:
    with socket.create_server((LOOP_BACK, 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection((LOOP_BACK, port))
        # The side that hangs up first keeps its port for a minute.
        server.accept()[0].close()
        client.close()
    assert not port_in_use(LOOP_BACK, port)


@pytest.mark.parametrize("address", ["203.0.113.9", "nowhere.invalid"])
def test_of_other_hosts_no_port_is_in_use_here(address: str) -> None:
    assert not port_in_use(address, 8118)


def test_a_job_of_one_host_goes_to_another_port_where_its_own_is_taken() -> None:
    with socket.create_server((LOOP_BACK, 0)) as server:
        taken = server.getsockname()[1]
        other = usable_port(local_topology(2, port=taken))
        assert other != taken
        assert not port_in_use(LOOP_BACK, other)
    assert usable_port(local_topology(2, port=taken)) == taken


def test_a_job_of_several_hosts_stays_on_its_port() -> None:
    with socket.create_server((LOOP_BACK, 0)) as server:
        taken = server.getsockname()[1]
        assert usable_port(Topology(Nodes(2, 0, LOOP_BACK, taken), 2)) == taken


def test_a_free_port_is_free_on_the_address_it_is_wanted_for() -> None:
    assert not port_in_use("127.0.0.2", free_port("127.0.0.2"))


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    DOCUMENT.write_text(document(), "utf-8")
