"""What would stop a distributed job is found, and said, before anything is started.

What is said is in docs/launch_checks.md, and there alone: a row of it for each case below, in the
same order.
"""

import ast
import errno
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist import __version__, versions
from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.cluster import (
    callers,
    card_checks,
    connection,
    device,
    greeting,
    launchers,
    meeting,
    preflight,
    secret,
    sites,
    topology,
)
from fcn4_dist.cluster.card_checks import check_cards, check_precision
from fcn4_dist.cluster.connection import Lines
from fcn4_dist.cluster.imports import check_imports
from fcn4_dist.cluster.launchers import Launchers, meet
from fcn4_dist.cluster.preflight import (
    check_software,
    check_workers,
    port_in_use,
    usable_port,
)
from fcn4_dist.cluster.secret import Secret
from fcn4_dist.cluster.sites import at_site
from fcn4_dist.cluster.topology import (
    LOOP_BACK,
    LaunchRequest,
    Nodes,
    Starter,
    Topology,
    free_port,
    local_topology,
    plan_nodes,
    plan_topology,
)
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.findings import Finding, Level
from fcn4_dist.host import cann
from fcn4_dist.host.driver import ROOT_VARIABLE, Driver
from fcn4_dist.host.host import Host
from fcn4_dist.host.npu_smi import Cards
from fcn4_dist.jobs.checks import check_job
from fcn4_dist.records import read_manifest
from fcn4_dist.runs.occupancy import kept_to_this_job
from tests.checkpoints.examples import weights, write_example
from tests.cluster.site_examples import BATCH, POD, SCHEDULER, STEP
from tests.cluster.speaking import Speaker
from tests.hosts.recording import put_up
from tests.reports.run_folders import write_description, write_run

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs/launch_checks.md"
HERE, THERE = "192.0.2.1", "192.0.2.2"
CARDS = Host(tuple(range(8)), "A2", (HERE,))
GRANTED = replace(CARDS, granted=(4, 5))
SOME_CARDS = replace(CARDS, cards=(3, 4, 5, 6, 7))
TLS = "tls switch[{}](0:disable, 1:enable), tls alarm time threshold[60]days"
NO_CARDS = Host((), "", (HERE,))
ON_ASCEND = Settings(device_target="Ascend")
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
        # What a host with cards of its own has installed is none of the cases.
        monkeypatch.setenv(ROOT_VARIABLE, str(folder / "root"))
        monkeypatch.setattr(meeting, "_SECONDS_BETWEEN_TRIES", 0.05)

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

    def cann(self, version: str, release: str = "") -> dict[str, str]:
        """Make what an installed CANN shows of itself."""
        home = self.folder / "root/opt/cann"
        (home / "compiler").mkdir(parents=True)
        if version:
            text = f"Version={version}\nversion_dir={release or version}\n"
            (home / "compiler/version.info").write_text(text)
        return {"ASCEND_HOME_PATH": "/opt/cann"}

    def listen(self, port: int) -> None:
        """Have something listen on a port."""
        self.open_things.enter_context(socket.create_server((LOOP_BACK, port)))

    def copied_shards(self) -> Path:
        """Give shards that may be damaged."""
        return Path(shutil.copytree(self.shards, self.folder / "shards"))

    def with_test_set(self) -> str:
        """Give shards whose first validation shard is called a test set's."""
        folder = self.copied_shards()
        manifest = read_manifest(folder)
        first, second = manifest.sets["val"]
        test = {"set": "test", "shard": "test.mindrecord0"}
        clips = tuple(
            replace(clip, **test if clip.shard == second.file else {}) for clip in manifest.clips
        )
        sets = {**manifest.sets, "val": (first,), "test": (replace(second, file=test["shard"]),)}
        for ending in ("", ".db"):
            (folder / f"{second.file}{ending}").rename(folder / f"{test['shard']}{ending}")
        replace(manifest, sets=sets, clips=clips).write(folder)
        return "shards"

    def without_rain_to_train_on(self) -> str:
        """Give shards whose manifest gives the training clips of a class to another one."""
        folder = self.copied_shards()
        manifest = read_manifest(folder)
        clips = tuple(
            replace(clip, labels=("rooster",))
            if clip.set == "train" and clip.labels == ("rain",)
            else clip
            for clip in manifest.clips
        )
        replace(manifest, clips=clips).write(folder)
        return "shards"

    def job(
        self, command: str = "train", ranks: int = 2, generation: str = "", **flags: str
    ) -> list[Finding]:
        """Check a job of the real shards, with changed settings."""
        shards = {**self._shard_flags, "data_dir": str(self.shards)}
        defaults = {"device_target": "CPU", "batch_size": "2", "checkpoint_path": "weight"}
        settings = load_settings(flags=shards | defaults | flags).settings
        return check_job(command, settings, ranks, generation=generation)

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
            "values": weights(len(manifest.class_names), changes.get("width", 0.125)),
        }
        write_example(self.folder / "weight", 1, 4, **own | changes)
        return Path("weight/MusicTagger-1_4.ckpt")

    def nodes(self, count: int = 2, rank: int = 0, address: str = LOOP_BACK) -> Nodes:
        """Give the nodes of a job whose port is free."""
        return Nodes(count, rank, address, self.port)

    def met(self) -> Launchers:
        """Give node 0's launcher, met by a node 1 that says nothing: ``self.other``."""
        with _meanwhile(self._join):
            found = meet(self.nodes(), _quiet, SECONDS)
        return self.open_things.enter_context(closing(found))

    def answer_to(self, **hello: Any) -> str:
        """Give node 0's answer to another first message than it expects."""
        with _meanwhile(lambda: meet(self.nodes(), _quiet, 1.0)):
            refused: str = self.calling().hello(**hello)["refused"]
        return refused

    def said_by_node_0(self, **hello: Any) -> str:
        """Give what node 0 says of who says another first message than it expects."""
        lines: list[str] = []
        with _meanwhile(lambda: meet(self.nodes(), lines.append, 1.0)):
            self.calling().hello(**hello)
        return lines[-1]

    def _join(self) -> None:
        self.calling().greet()

    def calling(self) -> Speaker:
        self.other = Speaker(self.nodes(rank=1))
        self.open_things.callback(self.other.close)
        return self.other


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


Found = list[Finding] | str


@dataclass(frozen=True)
class Case:
    """Something to be found.

    Args:
        cause: What is the case, for the document.
        find: Makes it the case, and gives the findings of the check, or its refusal.
        expected: Beginning of the one that the document has: check, level and, where there are
            several of these, some words.
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
        return check_software({"PATH": str(stage.folder)} | variables, Starter.MSRUN)

    return find


def _imports(program: str = "") -> Callable[[Stage], Found]:
    """Import stand-ins for MindSpore and scikit-learn."""

    def find(stage: Stage) -> Found:
        for module, text in {"mindspore": "", "sklearn": "", "sklearn/metrics": program}.items():
            path = stage.folder / (f"{module}.py" if "/" in module else f"{module}/__init__.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return [check_imports({**os.environ, "PYTHONPATH": str(stage.folder)})]

    return find


def _runs_out_of_time(*_: Any, **__: Any) -> Any:
    raise subprocess.TimeoutExpired("python", 0)


def _no_such_name(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _without(module: Any, name: str, other: Any, then: Callable[[Stage], Found]) -> Any:
    def find(stage: Stage) -> Found:
        stage.monkeypatch.setattr(module, name, other)
        return then(stage)

    return find


def _find_all_but_librosa(name: str) -> Any:
    return None if name == "librosa" else find_spec(name)


class _NoPackages:
    """Stands for importlib.metadata in a Python without packages."""

    PackageNotFoundError = PackageNotFoundError

    def version(self, name: str) -> str:
        raise PackageNotFoundError(name)


def _cards(
    host: Host = CARDS, mindspore: str = "2.8.0", cann: str | None = "8.2.RC1", target: str = ""
) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        environment = {} if cann is None else stage.cann(cann)
        return check_cards(target or "Ascend", host, environment, mindspore)

    return find


def _no_environment_of_cann(installed: bool, **variables: str) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        folder = stage.folder / "root/usr/local/Ascend/ascend-toolkit"
        folder.mkdir(parents=True)
        if installed:
            (folder / "set_env.sh").touch()
        return check_cards("Ascend", CARDS, variables, "2.8.0")

    return find


def _cann_of_another_user(stage: Stage) -> Found:
    environment = stage.cann("8.2.RC1")
    home = stage.folder / "root/opt/cann"
    shutil.rmtree(home)
    # Nobody may read a link to itself, not even root.
    home.symlink_to(home)
    return check_cards("Ascend", CARDS, environment, "2.8.0")


def _cann_with_two_versions(stage: Stage) -> Found:
    return check_cards("Ascend", CARDS, stage.cann("7.7.0.1.238", "8.1.RC1"), "2.8.0")


def _visible(value: str) -> Callable[[Stage], Found]:
    variables = {"ASCEND_RT_VISIBLE_DEVICES": value}
    return lambda stage: check_cards("Ascend", SOME_CARDS, variables, "2.8.0")


def _precision_on_the_first_910(**wishes: Any) -> Callable[[Stage], Found]:
    host = replace(CARDS, generation="910")
    return lambda stage: check_precision(Settings(device_target="Ascend", **wishes), host, 8)


def _site(environment: dict[str, str], **wishes: Any) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        try:
            _, taken = at_site(LaunchRequest(**wishes), environment, CARDS.addresses)
        except InputError as error:
            return str(error)
        return [Finding(Level.OK, taken, check="site")]

    return find


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
    profile: int = 0,
    **wishes: Any,
) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        file = {"rank_table_file": stage.table(*table, **(changes or {}))} if table else {}
        request = LaunchRequest(**file, **{"master_port": stage.port, **wishes})
        planned = plan_topology(plan_nodes(request, host), request, target, host)
        return check_workers(planned, Settings(device_target=target, profile=profile), host)

    return find


def _card_network(said: str, cards: int = 2, nodes: int = 2) -> Callable[[Stage], Found]:
    """Look at cards of which hccn_tool says something: "4 -link link status: DOWN"."""

    def find(stage: Stage) -> Found:
        told = [line.split(" ", 2) for line in said.splitlines()]
        recording = "".join(
            f"$ hccn_tool -i {card} {topic} -g\n{text}\n" for card, topic, text in told
        )
        put_up(recording, stage.folder / "root", stage.monkeypatch)
        planned = Topology(stage.nodes(nodes), cards)
        return check_workers(planned, ON_ASCEND, CARDS)

    return find


def _started(starter: Starter, ranks: int = 1, device_id: int = 0) -> Callable[[Stage], Found]:
    settings = replace(ON_ASCEND, device_id=device_id)
    return lambda stage: check_workers(local_topology(ranks), settings, GRANTED, starter)


def _table_went_bad(stage: Stage) -> Found:
    request = LaunchRequest(rank_table_file=stage.table((0, 1)), master_port=stage.port)
    planned = plan_topology(plan_nodes(request, CARDS), request, "Ascend", CARDS)
    stage.table((0, 1), status="initializing")
    return check_workers(planned, ON_ASCEND, CARDS)


def _taken_port(count: int) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        stage.listen(stage.port)
        host = Host((), "", (LOOP_BACK,))
        return check_workers(Topology(stage.nodes(count), 2), Settings(device_target="CPU"), host)

    return find


def _one_sided_validation(**flags: str) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        folder = stage.copied_shards()
        manifest = read_manifest(folder)
        clips = tuple(
            replace(clip, labels=manifest.class_names[:1]) if clip.set == "val" else clip
            for clip in manifest.clips
        )
        replace(manifest, clips=clips).write(folder)
        return stage.job(data_dir=str(folder), **flags)

    return find


def _damaged_shard(stage: Stage) -> Found:
    folder = stage.copied_shards()
    shard = next(path for path in sorted(folder.glob("train.mindrecord*")) if path.suffix != ".db")
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    return stage.job(data_dir=str(folder))


def _edited_manifest(stage: Stage) -> Found:
    path = stage.copied_shards() / "manifest.json"
    path.write_text(path.read_text().replace('["dog_bark"]', '["rain"]', 1))
    return stage.job(data_dir=str(path.parent))


def _missing_shard(stage: Stage) -> Found:
    folder = stage.copied_shards()
    sorted(folder.glob("train.mindrecord*.db"))[0].unlink()
    return stage.job(data_dir=str(folder))


def _file_in_the_way(setting: str) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        (stage.folder / "file").touch()
        return stage.job(**{setting: "file/folder"})

    return find


def _links_in_a_circle(stage: Stage) -> Found:
    (stage.folder / "circle").symlink_to("circle")
    return stage.job(data_dir="circle")


def _start_from(path: Callable[[Stage], Path], **flags: str) -> Callable[[Stage], Found]:
    """Check a job that begins with the weights of a checkpoint."""

    def find(stage: Stage) -> Found:
        name = path(stage).name
        return stage.job(model_name=name, pre_trained="True", **{"width": "0.125"} | flags)

    return find


def _evaluate_foreign(**flags: str) -> Callable[[Stage], Found]:
    """Check an evaluation of a checkpoint of another program."""

    def find(stage: Stage) -> Found:
        return stage.job("eval", model_name=_foreign(stage).name, width="0.125", **flags)

    return find


def _foreign(stage: Stage) -> Path:
    import mindspore as ms

    path = stage.folder / "weight/ModelZoo-10_24.ckpt"
    path.parent.mkdir()
    values = weights(3, 0.125)
    content = [{"name": name, "data": ms.Tensor(value)} for name, value in values.items()]
    ms.save_checkpoint(content, str(path))
    return path


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


def _checkpoints_of_two_runs(stage: Stage) -> Found:
    path = stage.checkpoint()
    write_example(stage.folder / "weight", 2, 1, run_id="another")
    return stage.job("eval", model_name=path.name)


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


def _folder_with_run(
    command: str = "train", holds: str = "train", *, checkpoint: bool = False, **flags: str
) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        run = stage.folder / "run"
        if holds == "train":
            write_run(run)
        elif holds == "cross-validation":
            run.mkdir()
            (run / "cross_validation.json").touch()
        else:
            write_description(run, command="eval")
            (run / "predictions.csv").touch()
            if holds == "eval":
                (run / "metrics.json").touch()
        if checkpoint or command == "eval":
            stage.checkpoint()
        return stage.job(command, run_dir="run", **flags)

    return find


def _folder_in_use(stage: Stage) -> Found:
    (stage.folder / "run").mkdir()
    stage.open_things.enter_context(kept_to_this_job(stage.folder / "run"))
    return stage.job(run_dir="run")


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


def _lost(then: Callable[[Stage], object], *sent: Any, silence: float = SECONDS) -> Any:
    def find(stage: Stage) -> Found:
        stage.monkeypatch.setattr(connection, "SECONDS_OF_SILENCE", silence)
        waiting = stage.met()
        for message in sent:
            stage.other.say(message)
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
    stage.other.socket.shutdown(socket.SHUT_RDWR)


def _say_unsealed(stage: Stage) -> None:
    stage.other.socket.sendall(b"0" * 64 + b'{"kind": "done"}\n')


def _breaks(*_: Any) -> bytes:
    raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))


def _secret(rank: int = 0, file: str | None = None, **variables: str) -> Callable[[Stage], Found]:
    """Look for a secret in variables, and in a file of this content."""

    def find(stage: Stage) -> Found:
        if file is not None:
            (stage.folder / "secret").write_text(file)
        for name, value in variables.items():
            stage.monkeypatch.setenv(name, value.replace("FOLDER", str(stage.folder)))
        return check_workers(Topology(stage.nodes(rank=rank), 1), ON_ASCEND, NO_CARDS)

    return find


def _with_another_secret(own: bytes, other: bytes) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        with _meanwhile(lambda: meet(stage.nodes(), _quiet, 1.0, Secret(own))):
            try:
                meet(stage.nodes(rank=1), _quiet, SECONDS, Secret(other)).close()
            except InputError as error:
                return str(error)
        return []

    return find


def _with_a_wrong_proof(own: bytes) -> Callable[[Stage], Found]:
    def find(stage: Stage) -> Found:
        with _meanwhile(lambda: meet(stage.nodes(), _quiet, 1.0, Secret(own))):
            caller = stage.calling()
            caller.hello()
            return str(caller.ask(b'{"format": 2, "proof": ""}')["refused"])

    return find


_ELSEWHERE = replace(CARDS, addresses=("192.0.2.77",))
_SHARED = ("/dev/davinci_manager", "/dev/devmm_svm", "/dev/hisi_hdc")
_NPU_SMI_FAILS = "dcmi module initialize failed. ret is -8005"
_PROCESS = "process 41977 (python, 56373 MB)"
_ONE, _OTHER = b"the secret of one", b"that of another one"
_TWO = {"nnodes": 2, "node_rank": 0, "master_addr": HERE}
_CONNECTION = (callers, connection, greeting, launchers, meeting, secret)
SECTIONS = {
    "MindSpore and MPI": [
        Case("MindSpore is installed", _software(), "MindSpore ok"),
        Case(
            "MindSpore is not installed",
            _without(device, "metadata", _NoPackages(), _software()),
            "MindSpore error",
        ),
        Case(
            "there is no MindSpore for this Python",
            _without(
                device,
                "metadata",
                _NoPackages(),
                _without(sys, "version_info", (3, 13, 1), _software()),
            ),
            "MindSpore error",
        ),
        Case(
            "MindSpore is installed, and something else that training needs is not",
            _without(versions, "find_spec", _find_all_but_librosa, _software()),
            "packages error",
        ),
        Case("msrun is on the PATH", _software(), "msrun ok"),
        Case("msrun is not on the PATH", _software(PATH="/nowhere"), "msrun error"),
        Case(
            "mpi4py is installed",
            _without(preflight, "MPI_PACKAGE", "pytest", _software()),
            "MPI ok",
        ),
        Case(
            "mpi4py is not installed",
            _without(preflight, "MPI_PACKAGE", "no-such-package", _software()),
            "MPI note",
        ),
        Case(
            "variables that MindSpore or msrun would take for this job's",
            _software(MS_ROLE="MS_WORKER", MS_SCHED_PORT="8118", RANK_ID="3"),
            "variables warning",
        ),
        Case(
            "the variables of an AscendJob's pod",
            _software(**POD),
            "variables ok",
        ),
        Case("no such variables", _software(), "variables ok"),
        Case("MindSpore and scikit-learn can be imported", _imports(), "imports ok"),
        Case(
            "scikit-learn's OpenMP library does not fit beside MindSpore and CANN (aarch64)",
            # As in hiyouga/LlamaFactory issue 8768, on an Ascend 910.
            _imports(
                "raise ImportError('/env/sklearn/utils/../../scikit_learn.libs/libgomp-d22c30c5"
                ".so.1.0.0: cannot allocate memory in static TLS block')"
            ),
            "imports error",
        ),
        Case(
            "one of the two cannot be imported for another reason",
            _imports("raise ImportError('libgraph.so: cannot open shared object file')"),
            "imports error",
        ),
        Case(
            "importing them does not end",
            _without(subprocess, "run", _runs_out_of_time, _imports()),
            "imports note",
        ),
    ],
    "Cards and CANN": [
        Case("`device_target` is CPU", _cards(target="CPU"), "device ok"),
        Case("`device_target` is Ascend, and there is no card", _cards(NO_CARDS), "device error"),
        Case("eight cards", _cards(), "device ok"),
        Case("cards 3 to 7 of a host, in a container", _cards(SOME_CARDS), "device ok"),
        Case("npu-smi is missing", _cards(Host((0, 1), "", ())), "device ok"),
        Case("npu-smi is missing", _cards(Host((0, 1), "", ())), "card and MindSpore note"),
        Case(
            "a driver that tells its version",
            _cards(replace(CARDS, driver=Driver("25.2.0"))),
            "driver ok",
        ),
        Case(
            "a container without the device that manages its cards",
            _cards(replace(CARDS, driver=Driver(missing=("/dev/davinci_manager",)))),
            "driver error",
        ),
        Case(
            "a container without the devices that most cards need besides",
            _cards(replace(CARDS, driver=Driver(missing=("/dev/hisi_hdc",)))),
            "driver warning",
        ),
        Case(
            "a user who may not use the driver",
            _cards(replace(CARDS, driver=Driver(closed=(*_SHARED, "/dev/davinci0")))),
            "driver error",
        ),
        Case(
            "npu-smi fails",
            _cards(Host((0, 1), "", (), npu_smi=Cards(failure=_NPU_SMI_FAILS))),
            "driver warning",
        ),
        Case("MindSpore 2.8.0 and A2 cards", _cards(), "card and MindSpore ok"),
        Case(
            "MindSpore 2.8.0 and the first 910",
            _cards(replace(CARDS, generation="910")),
            "card and MindSpore ok",
        ),
        Case(
            "MindSpore 2.9 or 2.10 and the first 910",
            _cards(replace(CARDS, generation="910"), "2.9.0", "9.0.1"),
            "card and MindSpore warning",
        ),
        Case(
            "cards for inference",
            _cards(replace(CARDS, generation="310P3")),
            "card and MindSpore error",
        ),
        Case(
            "`amp_dtype bfloat16` on the first 910",
            _precision_on_the_first_910(mixed_precision=True, amp_dtype="bfloat16"),
            "precision error",
        ),
        Case(
            "`exact_float32` on the first 910",
            _precision_on_the_first_910(exact_float32=True),
            "precision error",
        ),
        Case(
            "`deterministic` on several of the first 910",
            _precision_on_the_first_910(deterministic=True),
            "precision warning",
        ),
        Case("cards, but no MindSpore", _cards(mindspore=""), "card and MindSpore note"),
        Case(
            "`ASCEND_RT_VISIBLE_DEVICES` with a blank",
            _visible("1, 2,3"),
            "visible cards error",
        ),
        Case(
            "`ASCEND_RT_VISIBLE_DEVICES` with the numbers of the host, in a container",
            _visible("5,6,7"),
            "visible cards error",
        ),
        Case("CANN's environment is not set", _no_environment_of_cann(True), "CANN error"),
        Case(
            "CANN's environment names a folder that is not there",
            _no_environment_of_cann(True, ASCEND_HOME_PATH="/gone"),
            "CANN error",
        ),
        Case("CANN is not installed", _no_environment_of_cann(False), "CANN error"),
        Case("CANN is for another user alone", _cann_of_another_user, "CANN error"),
        Case("a CANN that MindSpore takes", _cards(), "CANN ok"),
        Case("a CANN that MindSpore does not take", _cards(cann="9.1.0"), "CANN warning"),
        Case("a CANN whose compiler has another number", _cann_with_two_versions, "CANN warning"),
        Case("a CANN that does not tell its version", _cards(cann=""), "CANN note"),
        Case("a MindSpore whose CANN is not known here", _cards(mindspore="3.0.0"), "CANN note"),
    ],
    "Flags": [
        Case("`--device_num 0`", _flags(device_num=0), "error"),
        Case("`--nnodes 0`", _flags(nnodes=0), "error"),
        Case("no number of workers, and no card", _flags(NO_CARDS), "error"),
        Case(
            "`ASCEND_RT_VISIBLE_DEVICES` empty, and no number of workers",
            _flags(replace(CARDS, granted=())),
            "error",
        ),
        Case("`--devices 4-7` on the CPU", _flags(devices=(4, 5, 6, 7), target="CPU"), "error"),
        Case("`--devices 4-7 --device_num 8`", _flags(devices=(4, 5, 6, 7), device_num=8), "error"),
        Case("`--nnodes 2` alone", _flags(nnodes=2), "error"),
        Case("`--nnodes 2 --node_rank 2`", _flags(**(_TWO | {"node_rank": 2})), "error"),
        Case("`--node_rank 1` without `--nnodes`", _flags(node_rank=1), "error"),
        Case(
            "`--master_addr 192.0.2..1`", _flags(**(_TWO | {"master_addr": "192.0.2..1"})), "error"
        ),
        Case("`--master_port 80`", _flags(master_port=80), "error"),
        Case(
            "`--master_port 65535`, behind which there is no port for the launchers",
            _flags(master_port=65535),
            "error",
        ),
        Case(
            "`--nnodes 3` and a rank table of two servers",
            _flags(table=((0, 1), (0, 1)), nnodes=3),
            "error",
        ),
        Case(
            "`--node_rank 1` on the host that is the table's first",
            _flags(table=((0, 1), (0, 1)), node_rank=1),
            "error",
        ),
        Case("a rank table of other hosts", _flags(_ELSEWHERE, table=((0, 1), (0, 1))), "error"),
        Case(
            "a rank table with other numbers of cards on each server",
            _flags(table=((0, 1), (0,))),
            "error",
        ),
        Case(
            "`--device_num 8` and a rank table of two cards",
            _flags(table=((0, 1),), device_num=8),
            "error",
        ),
        Case(
            "`--devices 4,5` and a rank table of cards 0 and 1",
            _flags(table=((0, 1),), devices=(4, 5)),
            "error",
        ),
        Case("a rank table that gives rank 0 the higher card", _flags(table=((1, 0),)), "error"),
    ],
    "Nodes of Slurm and Kubernetes": [
        Case("a launcher on each node of a step of Slurm", _site(STEP), "site ok"),
        Case("a batch script of several nodes, without srun", _site(BATCH), "error"),
        Case("more tasks than nodes", _site(STEP | {"SLURM_STEP_NUM_TASKS": "16"}), "error"),
        Case("variables of Slurm that differ", _site(STEP | {"SLURM_NODEID": "2"}), "error"),
        Case("a variable that is no number", _site(STEP | {"SLURM_NODEID": "first"}), "error"),
        Case("`--node_rank 0` on node 1 of Slurm", _site(STEP, node_rank=0), "error"),
        Case("a pod of an AscendJob", _site(POD), "site ok"),
        Case("its Scheduler, which has cards like a Worker", _site(SCHEDULER), "site ok"),
        Case("a Scheduler without cards", _site(SCHEDULER | {"NPU_POD": "false"}), "error"),
        Case("the first Worker beside one", _site(POD | {"MS_NODE_RANK": "0"}), "error"),
        Case("variables of a pod that differ", _site(POD | {"MS_WORKER_NUM": "12"}), "error"),
        Case(
            "a pod that is node 0 without its address",
            _site(SCHEDULER | {"MS_SCHED_HOST": "192.0.2.99"}),
            "error",
        ),
    ],
    "Workers, rank table, port": [
        Case("two workers on the CPU", _workers(target="CPU", device_num=2), "workers ok"),
        Case("two workers on cards", _workers(device_num=2), "workers ok"),
        Case(
            "more workers than cards",
            _workers(Host((0, 1), "A2", (HERE,)), device_num=8),
            "workers error",
        ),
        Case(
            "more workers than `ASCEND_RT_VISIBLE_DEVICES` shows",
            _workers(GRANTED, device_num=8),
            "workers error",
        ),
        Case(
            "`--devices` names a card that is not there",
            _workers(Host((0, 1), "A2", (HERE,)), devices=(1, 2, 3)),
            "workers error",
        ),
        Case(
            "more processes of mpirun than cards",
            _started(Starter.MPIRUN, ranks=3),
            "workers error",
        ),
        Case(
            "as many processes of mpirun as cards", _started(Starter.MPIRUN, ranks=2), "workers ok"
        ),
        Case(
            "`--device_id 4` without a launcher",
            _started(Starter.NOTHING, device_id=4),
            "workers error",
        ),
        Case(
            "`--device_id 1` without a launcher",
            _started(Starter.NOTHING, device_id=1),
            "workers ok",
        ),
        Case(
            "`--devices 4-5 --profile 20`", _workers(devices=(4, 5), profile=20), "profile warning"
        ),
        Case(
            "no card of these is sick",
            _workers(replace(CARDS, npu_smi=Cards(health={0: "OK", 1: "OK"})), device_num=2),
            "health ok",
        ),
        Case(
            "npu-smi calls a card sick",
            _workers(replace(CARDS, npu_smi=Cards(health={0: "OK", 1: "Alarm"})), device_num=2),
            "health warning",
        ),
        Case(
            "something runs on a card",
            _workers(replace(CARDS, npu_smi=Cards(processes={1: (_PROCESS,)})), device_num=2),
            "health warning",
        ),
        Case(
            "cards that encrypt and cards that do not",
            _card_network(f"0 -tls {TLS.format(0)}\n1 -tls {TLS.format(1)}", nodes=1),
            "card network warning",
        ),
        Case(
            "a card without a link, and several hosts",
            _card_network("0 -link link status: UP\n1 -link link status: DOWN"),
            "card network error",
        ),
        Case(
            "a card that does not reach its gateway, and several hosts",
            _card_network("1 -net_health net health status: Receive timeout"),
            "card network warning",
        ),
        Case("a rank table in order", _workers(table=((0, 1),)), "rank table ok"),
        Case(
            "a fault of the rank table; docs/rank_table_checks.md has them all",
            _table_went_bad,
            "rank table error",
        ),
        Case(
            "a warning of the rank table",
            _workers(table=((0, 1),), changes={"server_count": ""}),
            "rank table warning",
        ),
        Case(
            "a rank table of one server that is not this host by its address",
            _workers(_ELSEWHERE, table=((0, 1),)),
            "rank table warning",
        ),
        Case("a job of one host", _workers(device_num=2), "address ok"),
        Case(
            "node 0 of two, on the host that `--master_addr` names", _workers(**_TWO), "address ok"
        ),
        Case(
            "node 0 of two, on another host than `--master_addr` names",
            _workers(_ELSEWHERE, **_TWO),
            "address error",
        ),
        Case(
            "node 1 of two, on the host that `--master_addr` names",
            _workers(**(_TWO | {"node_rank": 1})),
            "address error",
        ),
        Case(
            "a `--master_addr` of IPv6",
            _flags(nnodes=2, node_rank=0, master_addr="2001:db8::1"),
            "error",
        ),
        Case(
            "a `--master_addr` of another host, without `--nnodes`",
            _workers(device_num=2, master_addr=THERE),
            "address error",
        ),
        Case(
            "a `--master_addr` that nobody knows",
            _without(
                socket,
                "getaddrinfo",
                _no_such_name,
                _workers(**(_TWO | {"master_addr": "nowhere.invalid"})),
            ),
            "address error",
        ),
        Case("the port is free", _workers(device_num=2), "port ok"),
        Case(
            "any node but node 0",
            _workers(**(_TWO | {"node_rank": 1, "master_addr": THERE})),
            "port ok",
        ),
        Case("the port is in use, on a single host", _taken_port(1), "port warning"),
        Case("the port is in use, with several hosts", _taken_port(2), "port error"),
        Case(
            "several hosts, and a secret for their launchers",
            _secret(FCN4_DIST_SECRET="0123456789abcdef"),
            "secret ok",
        ),
        Case(
            "the same in a file",
            _secret(file="0123456789abcdef\n", FCN4_DIST_SECRET_FILE="FOLDER/secret"),
            "secret ok",
        ),
        Case("several hosts without a secret, on node 0", _secret(), "secret note"),
        Case("the same on another node", _secret(rank=1), "secret note"),
        Case(
            "a secret in a variable and in a file",
            _secret(FCN4_DIST_SECRET="0" * 16, FCN4_DIST_SECRET_FILE="FOLDER/secret"),
            "secret error",
        ),
        Case("a secret that could be guessed", _secret(FCN4_DIST_SECRET="1234"), "secret error"),
        Case(
            "an empty file of the secret",
            _secret(file="\n", FCN4_DIST_SECRET_FILE="FOLDER/secret"),
            "secret error",
        ),
        Case(
            "a file of the secret that is not there",
            _secret(FCN4_DIST_SECRET_FILE="FOLDER/secret"),
            "secret error",
        ),
        Case(
            "a file of the secret that is another file",
            _secret(file="0" * 5000, FCN4_DIST_SECRET_FILE="FOLDER/secret"),
            "secret error",
        ),
    ],
    "Shards, checkpoints, folders": [
        Case("finished shards", lambda stage: stage.job(), "shards ok"),
        Case("no shards", lambda stage: stage.job(data_dir="nothing"), "shards error"),
        Case(
            "shards made with other settings",
            lambda stage: stage.job(n_mels="48", num_classes="4"),
            "shards error",
        ),
        Case(
            "a shard of a set that is not there",
            lambda stage: stage.job(train_filename="test.mindrecord0"),
            "shards error",
        ),
        Case(
            "the validation set is to be trained on",
            lambda stage: stage.job(train_filename="val.mindrecord0"),
            "shards error",
        ),
        Case(
            "the training set is to choose the best epoch",
            lambda stage: stage.job(val_filename="train.mindrecord1"),
            "shards error",
        ),
        Case(
            "the test set is to choose the best epoch",
            lambda stage: stage.job(
                data_dir=stage.with_test_set(), val_filename="test.mindrecord0"
            ),
            "sets warning",
        ),
        Case(
            "the training set is to be scored",
            lambda stage: stage.job("eval", val_filename="train.mindrecord0"),
            "sets warning",
        ),
        Case(
            "a class without a clip to train on",
            lambda stage: stage.job(data_dir=stage.without_rain_to_train_on()),
            "sets warning",
        ),
        Case(
            "a class to be scored without a clip to train on",
            lambda stage: stage.job("eval", data_dir=stage.without_rain_to_train_on()),
            "sets warning",
        ),
        Case("something in the manifest was changed", _edited_manifest, "shards error"),
        Case("a shard's index is missing", _missing_shard, "shards error"),
        Case("one byte of a shard has changed", _damaged_shard, "shards error"),
        Case(
            "a folder whose links lead in a circle",
            _links_in_a_circle,
            "shards error",
        ),
        Case(
            "windows of more than 4096 frames, on cards",
            lambda stage: stage.job(generation="A2", window_seconds="40"),
            "window warning",
        ),
        Case(
            "windows of less than 320 frames and 48 bands or more, on the first 910",
            lambda stage: stage.job(generation="910", n_mels="96"),
            "window warning",
        ),
        Case(
            "`patience`, and a validation set whose clips are all of one class",
            _one_sided_validation(patience="2"),
            "validation error",
        ),
        Case(
            "a validation set whose clips are all of one class",
            _one_sided_validation(),
            "validation warning",
        ),
        Case(
            "`patience`, and no validation set",
            lambda stage: stage.job(val_filename="test.mindrecord0", patience="2"),
            "validation error",
        ),
        Case(
            "no validation set, though validations are asked for",
            lambda stage: stage.job(val_filename="test.mindrecord0"),
            "validation warning",
        ),
        Case(
            "`patience`, and fewer epochs than `val_interval`",
            lambda stage: stage.job(epoch_size="3", val_interval="4", patience="2"),
            "validation error",
        ),
        Case("enough clips", lambda stage: stage.job(), "steps ok"),
        Case("fewer clips than a global batch", lambda stage: stage.job(ranks=16), "steps error"),
        Case("a checkpoint to evaluate", _checkpoint("eval"), "checkpoint ok"),
        Case(
            "a checkpoint to evaluate that was trained with other shards",
            _checkpoint("eval", shards="0" * 64),
            "checkpoint warning",
        ),
        Case(
            "a checkpoint to evaluate, and one of another run beside it",
            _checkpoints_of_two_runs,
            "checkpoint warning",
        ),
        Case(
            "a damaged checkpoint to evaluate",
            _checkpoint("eval", damaged=True),
            "checkpoint error",
        ),
        Case(
            "a checkpoint of other classes to evaluate",
            _checkpoint("eval", class_names=("rock", "jazz")),
            "checkpoint error",
        ),
        Case(
            "a checkpoint of another program to evaluate, whose classes nobody names",
            _evaluate_foreign(),
            "checkpoint error",
        ),
        Case(
            "a checkpoint of another program to evaluate, and `--class_names` has others",
            _evaluate_foreign(class_names="rain,rooster,dog_bark"),
            "checkpoint error",
        ),
        Case(
            "a checkpoint of another program to evaluate, of the classes of the shards",
            _evaluate_foreign(class_names="dog_bark, rain, rooster"),
            "checkpoint ok",
        ),
        Case(
            "a checkpoint of another width to start from with `pre_trained`",
            _start_from(lambda stage: stage.checkpoint(), width="0.25"),
            "checkpoint error",
        ),
        Case(
            "a checkpoint of as many other classes to start from with `pre_trained`",
            _start_from(lambda stage: stage.checkpoint(class_names=("rock", "jazz", "pop"))),
            "checkpoint warning",
        ),
        Case(
            "a checkpoint of another program, of as many classes, to start from",
            _start_from(_foreign),
            "checkpoint warning",
        ),
        Case(
            "no checkpoint to evaluate, or to start from with `pre_trained`",
            lambda stage: stage.job(pre_trained="True"),
            "checkpoint error",
        ),
        Case(
            "`--resume auto`, and no checkpoint yet",
            lambda stage: stage.job(resume="auto"),
            "resume ok",
        ),
        Case("`--resume auto`, and a checkpoint of this job", _checkpoint(), "resume ok"),
        Case("`--resume auto` on another number of ranks", _checkpoint(ranks=4), "resume ok"),
        Case(
            "`--resume auto`, and the last checkpoint is damaged",
            _damaged_checkpoint_before_a_whole_one,
            "resume ok",
        ),
        Case(
            "`--resume` names a folder without a whole checkpoint",
            _folder_without_whole_ones,
            "resume error",
        ),
        Case("`--resume` names a damaged checkpoint", _checkpoint(damaged=True), "resume error"),
        Case(
            "`--resume` names a file that is not there",
            lambda stage: stage.job(resume="none.ckpt"),
            "resume error",
        ),
        Case(
            "`--resume` names a file of another program",
            _resume_from_another_program,
            "resume error",
        ),
        Case(
            "the run to resume had other settings",
            _checkpoint(settings={"lr": 0.1, "sync_bn": True}),
            "resume error",
        ),
        Case(
            "the run to resume had a global batch that these ranks cannot share",
            _checkpoint(ranks=3),
            "resume error",
        ),
        Case(
            "the run to resume had other classes",
            _checkpoint(class_names=("rock", "jazz")),
            "resume error",
        ),
        Case(
            "the run to resume had other shards of the same classes",
            _checkpoint(shards="0000"),
            "resume error",
        ),
        Case(
            "`reader_threads` that MindSpore takes",
            lambda stage: stage.job(reader_threads="1"),
            "threads ok",
        ),
        Case(
            "more `reader_threads` than the host has cores",
            lambda stage: stage.job(reader_threads="1024"),
            "threads error",
        ),
        Case(
            "no other run writes to the folder of the checkpoints",
            lambda stage: stage.job(),
            "folder ok: no other",
        ),
        Case(
            "another run writes to the folder of the checkpoints",
            _folder_of_another_run,
            "folder error",
        ),
        Case(
            "folders that can be written to",
            lambda stage: stage.job(run_dir="run"),
            "folder ok: run_dir run",
        ),
        Case(
            "`run_dir` holds nothing that a job would replace",
            lambda stage: stage.job(run_dir="run"),
            "folder ok: run_dir run holds",
        ),
        Case("`run_dir` holds a training, and no `--resume`", _folder_with_run(), "folder error"),
        Case(
            "`run_dir` of an evaluation holds a training",
            _folder_with_run("eval"),
            "folder error",
        ),
        Case(
            "`run_dir` holds an evaluation",
            _folder_with_run("eval", holds="eval"),
            "folder error",
        ),
        Case(
            "`run_dir` holds an evaluation that was interrupted",
            _folder_with_run("eval", holds="half eval"),
            "folder error",
        ),
        Case(
            "`run_dir` holds a cross-validation",
            _folder_with_run(holds="cross-validation"),
            "folder error",
        ),
        Case(
            "`run_dir` holds another training than the one that `--resume` goes on with",
            _folder_with_run(resume="auto", checkpoint=True),
            "resume error",
        ),
        Case(
            "`run_dir` holds a training, and `--resume auto` finds no checkpoint of it",
            _folder_with_run(resume="auto"),
            "resume error",
        ),
        Case("another job writes to `run_dir`", _folder_in_use, "folder error"),
        Case("`run_dir` leads through a file", _file_in_the_way("run_dir"), "folder error"),
        Case(
            "`checkpoint_path` leads through a file",
            _file_in_the_way("checkpoint_path"),
            "folder error",
        ),
    ],
    "Several hosts": [
        Case(
            "the port of the launchers is in use on node 0", _meeting(0, port_taken=True), "error"
        ),
        Case(
            "node 0 is started on a host without the address of `--master_addr`",
            _meeting(0, "203.0.113.9"),
            "error",
        ),
        Case(
            "node 1 is given a `--master_addr` that nobody knows",
            _without(socket, "getaddrinfo", _no_such_name, _meeting(1, "nowhere.invalid")),
            "error",
        ),
        Case("node 1 is not started for 10 minutes, or cannot reach node 0", _meeting(0), "error"),
        Case("node 0 is not started for 10 minutes, or cannot be reached", _meeting(1), "error"),
        Case("a node was given another number of nodes", _refused_on_the_other_side, "error"),
        Case(
            "a node has another version of this package",
            lambda stage: f"node 0 refuses this one: {stage.answer_to(version='0.0.1')}",
            "error",
        ),
        Case(
            "two nodes have the same number",
            lambda stage: f"node 0 refuses this one: {stage.answer_to(node_rank=0)}",
            "error",
        ),
        Case(
            "a node has a version that speaks otherwise",
            lambda stage: f"node 0 refuses this one: {stage.answer_to(format=1)}",
            "error",
        ),
        Case(
            "node 0 says whom it refuses, and why",
            lambda stage: stage.said_by_node_0(nnodes=3),
            "error",
        ),
        Case("node 0 has another secret", _with_another_secret(_ONE, _OTHER), "error"),
        Case("node 0 has a secret, this node has none", _with_another_secret(_ONE, b""), "error"),
        Case("a node has another secret, or none", _with_a_wrong_proof(_ONE), "error"),
        Case("a node has a secret, node 0 has none", _with_a_wrong_proof(b""), "error"),
        Case(
            "another node reports a failure",
            _lost(_nothing, {"kind": "failure", "sentence": "node 1: the shards are missing"}),
            "error",
        ),
        Case(
            "another node ends while this one waits for it",
            _lost(_nothing, {"kind": "done"}),
            "error",
        ),
        Case("the launcher on another node is killed", _lost(_hang_up), "error"),
        Case(
            "another host is switched off, or its network is down",
            _lost(_nothing, silence=1.0),
            "error",
        ),
        Case(
            "the network between two hosts refuses",
            _without(Lines, "read", _breaks, _lost(_nothing)),
            "error",
        ),
        Case("what another node sends cannot be understood", _lost(_nothing, b"?"), "error"),
        Case(
            "what another node sends is no message of a launcher",
            _lost(_nothing, {"kind": "alive", "standing": "far"}),
            "error",
        ),
        Case(
            "another node sends something out of turn",
            _lost(_nothing, {"kind": "values", "values": [1, 2]}),
            "error",
        ),
        Case(
            "another node sends too much",
            _without(connection, "MOST_BYTES", 1000, _lost(_nothing, b" " * 5000)),
            "error",
        ),
        Case("somebody else sends on the connection", _lost(_say_unsealed), "error"),
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


def row_of(case: Case, stage: Stage) -> str:
    """Give the case's row of the document, made of what is found, as it is on every machine."""
    found = case.find(stage)
    findings = (
        [Finding(Level.ERROR, line) for line in found.splitlines()]
        if isinstance(found, str)
        else found
    )
    told = {f"{each.check} {each.level.value}: {each}".lstrip(): each for each in findings}
    chosen = next(each for line, each in told.items() if line.startswith(case.expected))
    sentence = str(chosen)
    if sentence == version("mindspore"):
        sentence = "VERSION"
    for text, placeholder in _replacements(stage).items():
        sentence = sentence.replace(text, placeholder)
    # What the table would take for its own.
    shown = sentence.replace("n" * 300, "nnn…").replace("|", "\\|").replace("*", "\\*")
    return f"| {case.cause} | {chosen.level.value} | {shown} |"


def _replacements(stage: Stage) -> dict[str, str]:
    return {
        str(stage.folder): "FOLDER",
        str(stage.shards): "SHARDS",
        str(stage.port + 1): "NEXTPORT",
        str(stage.port): "PORT",
        f"fcn4_dist {__version__}": "fcn4_dist OWNVERSION",
        f"process {os.getpid()} on {socket.gethostname()}": "process PID on HOST",
        f"CPU with {len(os.sched_getaffinity(0))} cores": "CPU with CORES cores",
        f", on {os.cpu_count()} cores": ", on CORES cores",
        f"than the {os.cpu_count()} cores of": "than the CORES cores of",
        f"mpi4py {version('pytest')}": "mpi4py VERSION",
        f" on {platform.machine()}:": " on PROCESSOR:",
    }


def rows_of_document() -> list[str]:
    """Give the rows of the document's tables, without their headings."""
    lines = DOCUMENT.read_text("utf-8").splitlines()
    return [line for line in lines if re.match(r"\| (?!what is the case)", line)]


@pytest.mark.parametrize(
    ("case", "row"),
    list(zip(CASES, rows_of_document(), strict=True)),
    ids=[case.cause for case in CASES],
)
def test_what_is_found_is_said_as_the_document_says(
    case: Case, row: str, make_stage: Callable[[], Stage]
) -> None:
    assert row_of(case, make_stage()) == row


def test_the_document_has_the_cases_in_its_sections() -> None:
    headings = re.findall("^## (.*)", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert headings == list(SECTIONS)


@pytest.mark.parametrize("module", [topology, sites, preflight, card_checks, cann, *_CONNECTION])
def test_no_sentence_is_missing_from_the_document(module: Any) -> None:
    told = "\n".join(rows_of_document()).replace("\\", "")
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


@pytest.mark.parametrize(
    ("mindspore", "cann", "matches"),
    [
        ("2.7.1", "7.8.0.1.231", True),
        ("2.7.1", "8.5.0", False),
        ("2.7.1.post1", "8.3.RC1", True),
        ("2.7.2", "8.5.0", True),
        ("2.7.2", "8.3.RC1", False),
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
    (result,) = (
        one for one in check_software({"PATH": "/nowhere"}, Starter.MSRUN) if one.check == "msrun"
    )
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
