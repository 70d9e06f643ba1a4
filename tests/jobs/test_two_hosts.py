"""Two hosts that share no file: train, evaluate, go on, and lose each other."""

import json
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from fcn4_dist.config import Settings
from tests.jobs.two_hosts import ADDRESSES, HostOfTwo, two_hosts, why_impossible

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
CANN = Path(__file__).parents[1] / "data/cann"
SECONDS_TO_NOTICE = 60.0
CPU = ("--device_target", "CPU")
"""Where what a host is told of would make it one of Ascend."""

Hosts = tuple[HostOfTwo, HostOfTwo]


@pytest.fixture(scope="module")
def hosts(preprocessed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts with the same shards; the first has a settings file besides."""
    if reason := why_impossible():
        pytest.skip(reason)
    with two_hosts(tmp_path_factory.mktemp("two_hosts")) as pair:
        for host in pair:
            shutil.copytree(preprocessed.mr_path, host.files / "shards")
        # Device, classes and features are found out.
        settings = {"data_dir": "shards", "width": "0.05", "batch_size": "2", "epoch_size": "2"}
        text = "".join(f"{name}: {value}\n" for name, value in settings.items())
        (pair[0].files / "job.yaml").write_text(text)
        yield pair


@pytest.fixture(autouse=True)
def nothing_goes_on(hosts: Hosts) -> Iterator[None]:
    """End what a failed test left running, so that it fails no other."""
    yield
    for host in hosts:
        host.end_all()


def start_on_both(
    hosts: Hosts, script: str, *flags: str, of_both: Sequence[str] = ()
) -> list[subprocess.Popen[str]]:
    """Start a script with one worker on each host; only the first is given most settings."""
    command = ["bash", str(SCRIPTS / script), "1"]
    cluster = ["--nnodes", "2", "--master_addr", ADDRESSES[0]]
    first = hosts[0].start(*command, "job.yaml", *cluster, "--node_rank", "0", *of_both, *flags)
    return [first, hosts[1].start(*command, *cluster, "--node_rank", "1", *of_both)]


def run_on_both(hosts: Hosts, script: str, *flags: str) -> list[str]:
    """Run a script on both hosts to its good end, and give what each printed."""
    started = start_on_both(hosts, script, *flags)
    outputs = [process.communicate(timeout=300)[0] for process in started]
    for process, output in zip(started, outputs, strict=True):
        assert process.returncode == 0, "\n".join(outputs)
        assert output
    return outputs


def test_two_hosts_train_go_on_and_evaluate_with_what_only_the_first_has(hosts: Hosts) -> None:
    first, second = hosts
    trained = run_on_both(hosts, "run_distribute_train.sh", "--run_dir", "train")
    assert "training 16 clips, CPU workers: 2; 2 epochs of 4 steps of 4 clips" in trained[0]
    assert "starting 2 workers on 2 nodes, rank 1 here" in trained[1]
    assert "the job has ended well; its results are on node 0" in trained[1]
    assert (first.kept / "weight/MusicTagger-2_4.ckpt").exists()
    assert not (second.kept / "weight").exists()
    assert {path.name for path in (second.kept / "train").glob("*.*")} == {
        "node_1_command.txt",
        "node_1_msrun.log",
        "node_1_settings.yaml",
        "rank_1.log",
    }

    shutil.copytree(first.kept / "weight", first.files / "weight")
    named = ["--model_name", "MusicTagger-2_4.ckpt"]
    went_on = run_on_both(
        hosts, "run_distribute_train.sh", "--pre_trained", "True", *named, "--epoch_size", "1"
    )
    assert f"weights from {first.folder}/weight/MusicTagger-2_4.ckpt" in went_on[0]

    scored = run_on_both(hosts, "run_distribute_eval.sh", *named, "--run_dir", "scores")
    assert "clips 5" in scored[0]
    two = (first.kept / "scores/predictions.csv").read_bytes()
    alone = first.start(
        "bash",
        str(SCRIPTS / "run_standalone_eval.sh"),
        "job.yaml",
        *named,
        "--run_dir",
        "scores",
    )
    assert alone.wait(300) == 0
    assert (first.kept / "scores/predictions.csv").read_bytes() == two


def test_two_hosts_are_tried_together_and_every_section_says_that_all_is_right(
    hosts: Hosts,
) -> None:
    started = []
    for rank, host in enumerate(hosts):
        place = ["--nnodes", "2", "--node_rank", str(rank), "--master_addr", ADDRESSES[0]]
        small = ["--width", "0.05", "--seconds", "1", "--device_target", "CPU", "--device_num", "1"]
        program = [sys.executable, "-m", "fcn4_dist", "doctor", "--run"]
        started.append(host.start("env", f"PYTHONPATH={SCRIPTS.parent}", *program, *place, *small))
    outputs = [process.communicate(timeout=400)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(outputs)
    rows = [
        re.findall(r"^([a-z ]+?)  +(ok|note|warning|error)  +(.*)$", out, re.M) for out in outputs
    ]
    found = {section: sentence for section, level, sentence in rows[0] if level == "ok"}
    assert set(found) == {"operators", "training step", "collectives", "restart", "training"}
    assert {level for _, level, _ in rows[0]} <= {"ok", "note"}
    assert re.match(r"\d+ operators give what NumPy gives, in \d+ results", found["operators"])
    assert found["collectives"].startswith("all-reduce among 2 ranks")
    assert "same losses to the bit" in found["restart"]
    assert "samples/s of 2 ranks in float32" in found["training"]
    assert outputs[0].splitlines()[-2] == "all that was tried is right"
    # What training gave is on node 0.
    assert {section for section, *_ in rows[1]} == {"operators", "training step", "collectives"}
    # What is sent in holds the results and the logs, and no audio, no weights.
    (archive,) = (hosts[0].kept / "runs").glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {Path(name).name for name in file.getnames()}
        result = next(name for name in file.getnames() if name.endswith("/trial.json"))
        content = json.loads(file.extractfile(result).read())  # type: ignore[union-attr]
    assert {"trial.json", "rank_0.log", "metrics.jsonl", "settings.yaml"} <= names
    assert not {name for name in names if name.endswith((".ckpt", ".wav", ".npy"))}
    assert archive.stat().st_size < 1_000_000
    assert set(content["lines"]) == {"0"}
    assert {finding["check"] for finding in content["findings"]} > set(found)


@pytest.mark.parametrize("with_table", [False, True], ids=["variables", "a table besides"])
def test_pods_of_kubernetes_train_with_the_same_command_and_nothing_said_of_hosts(
    hosts: Hosts, tmp_path: Path, with_table: bool
) -> None:
    # As MindCluster's operator has it: the Scheduler trains as node 0.
    common = {"MS_SCHED_HOST": ADDRESSES[0], "MS_SCHED_PORT": "2222", "MS_WORKER_NUM": "2"}
    common |= {"MS_LOCAL_WORKER": "1", "NPU_POD": "true"}
    table = tmp_path / "hccl.json"
    if with_table:
        table.write_text('{\n    "status" : "initializing"\n}')
        common["RANK_TABLE_FILE"] = str(table)
    command = ["bash", str(SCRIPTS / "run_distribute_train.sh")]
    flags = (
        ["job.yaml", *CPU, "--run_dir", "pods", "--epoch_size", "1"],
        [*CPU, "--run_dir", "pods"],
    )
    started = []
    for rank, role in enumerate(["MS_SCHED", "MS_WORKER"]):
        variables = common | {"MS_NODE_RANK": str(rank), "MS_ROLE": role}
        words = [f"{name}={value}" for name, value in variables.items()]
        started.append(hosts[rank].start("env", *words, *command, *flags[rank]))
    if with_table:
        time.sleep(1)
        table.write_text(json.dumps(table_of_pods()))
    outputs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(outputs)
    assert "starting 2 workers on 2 nodes, rank 1 here" in outputs[1]
    assert "left by an earlier job" not in "".join(outputs)
    if not with_table:
        assert f"Kubernetes: node 1 of 2, master {ADDRESSES[0]}" in outputs[1]
        return
    assert f"rank table of this site: {table}" in outputs[1]
    copy = json.loads((hosts[1].kept / "pods/node_1_rank_table.json").read_text())
    assert [server["pod_ip"] for server in copy["server_list"]] == list(ADDRESSES)


def table_of_pods() -> dict[str, Any]:
    """Give the table of two pods with a card each, as MindCluster's operator writes it."""
    servers = [
        {
            "device": [{"device_id": "0", "device_ip": f"198.51.100.{pod}", "rank_id": f"{pod}"}],
            "server_id": f"server-{2 - pod}",
            "host_ip": f"203.0.113.{pod}",
            "container_ip": address,
        }
        for pod, address in enumerate(ADDRESSES)
    ]
    return {
        "status": "completed",
        "server_list": servers,
        "server_count": "2",
        "version": "1.0",
    }


def test_what_one_host_refuses_ends_both_before_anything_starts(hosts: Hosts) -> None:
    shard = hosts[1].files / "shards" / "train.mindrecord0"
    shard.rename(shard.with_suffix(".away"))
    try:
        started = start_on_both(hosts, "run_distribute_train.sh")
        outputs = [process.communicate(timeout=300)[0] for process in started]
    finally:
        shard.with_suffix(".away").rename(shard)
    assert [process.returncode for process in started] == [2, 2]
    sentence = "train.mindrecord0 is missing, though the manifest names it"
    assert sentence in outputs[1]
    assert f"node 1: shards/{sentence}" in outputs[0]


@pytest.mark.parametrize(
    ("variables", "flags", "sentence"),
    [
        ([], ["--lr", "0.1"], "node 1: --lr: lr is 0.1 here and 0.0005 on node 0"),
        (
            ["ASCEND_HOME_PATH=/cann"],
            [],
            "node 1 and node 0 do not agree on the device (Ascend and CPU): give every host",
        ),
    ],
    ids=["a setting", "a device"],
)
def test_what_differs_between_the_hosts_is_refused(
    hosts: Hosts, variables: list[str], flags: list[str], sentence: str
) -> None:
    command = ["bash", str(SCRIPTS / "run_distribute_train.sh"), "1"]
    cluster = ["--nnodes", "2", "--master_addr", ADDRESSES[0]]
    started = [
        hosts[0].start(*command, "job.yaml", *cluster, "--node_rank", "0"),
        hosts[1].start("env", *variables, *command, *cluster, "--node_rank", "1", *flags),
    ]
    outputs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [2, 2]
    assert sentence in outputs[0]


def test_a_rank_that_hangs_is_named_on_both_hosts_and_no_other_is(hosts: Hosts) -> None:
    endless = ["--epoch_size", "100000", "--save_step", "100000", "--val_interval", "0"]
    started = start_on_both(hosts, "run_distribute_train.sh", *endless, "--step_timeout", "5")
    first_output = started[0].stdout
    assert first_output is not None
    assert any("training: " in line for line in iter(first_output.readline, ""))
    rank_1 = next(process for process in psutil.process_iter() if is_rank(process, 1, hosts[1]))
    rank_1.suspend()
    outputs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [1, 1]
    assert f"its process {rank_1.pid} is stopped: 'kill -CONT" in outputs[1]
    assert "node 1: no step has ended for 5 s (step_timeout): rank 1 is " in outputs[0]
    assert "rank 0 is" not in outputs[0] + outputs[1]


def test_what_cann_says_of_a_rank_is_told_on_both_hosts_and_the_one_that_waited_is_not_blamed(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASCEND_PROCESS_LOG_PATH", str(tmp_path))
    endless = ["--epoch_size", "100000", "--save_step", "100000", "--val_interval", "0"]
    started = start_on_both(hosts, "run_distribute_train.sh", *endless, of_both=CPU)
    first_output = started[0].stdout
    assert first_output is not None
    assert any("training: " in line for line in iter(first_output.readline, ""))
    ranks = [
        next(process for process in psutil.process_iter() if is_rank(process, rank, host))
        for rank, host in enumerate(hosts)
    ]
    plogs = tmp_path / "debug/plog"
    plogs.mkdir(parents=True)
    for rank, lines in zip(ranks, ["plog_collective.log", "plog_operator.log"], strict=True):
        shutil.copy(CANN / lines, plogs / f"plog-{rank.pid}_20261126023000123.log")
    ranks[1].send_signal(signal.SIGSEGV)
    outputs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [1, 1]
    sentence = "rank 1 was killed by SIGSEGV; before that, CANN's error EZ9999, an operator f"
    assert f"\n{sentence}" in outputs[1]
    assert f"node 1: {sentence}" in outputs[0]
    assert "rank 0 waited for another rank (EI0002), so it is not the cause" in outputs[0]


def is_rank(process: psutil.Process, rank: int, host: HostOfTwo) -> bool:
    """Tell whether a process is a worker of this rank, in this host's folder."""
    try:
        return (
            process.environ().get("RANK_ID") == str(rank)
            and process.environ().get("MS_ROLE") == "MS_WORKER"
            and process.environ().get("KEPT") == str(host.kept)
            and any(part.endswith("fcn4_dist/__main__.py") for part in process.cmdline())
        )
    except psutil.Error:
        return False


def test_a_cut_cable_ends_both_sides_with_a_sentence(hosts: Hosts) -> None:
    endless = ["--epoch_size", "100000", "--save_step", "100000"]
    started = start_on_both(hosts, "run_distribute_train.sh", *endless)
    first_output = started[0].stdout
    assert first_output is not None
    lines: list[str] = []
    for line in iter(first_output.readline, ""):
        lines.append(line)
        if "training: " in line:
            break
    reader = threading.Thread(target=lambda: lines.extend(first_output.readlines()))
    reader.start()
    hosts[0].cut_cable()
    begun = time.monotonic()
    second_output = started[1].communicate(timeout=300)[0]
    assert started[0].wait(120) == 1
    assert time.monotonic() - begun < SECONDS_TO_NOTICE
    reader.join()
    assert started[1].returncode == 1
    lost = "has not been heard from for 20 s: the host or the network between is down"
    assert f"node 1 ({ADDRESSES[1]}) {lost}" in "".join(lines)
    assert f"node 0 ({ADDRESSES[0]}) {lost}" in second_output
