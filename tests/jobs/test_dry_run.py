"""``launch --dry_run``: every process that would be started, and what would be refused."""

import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cli import main
from fcn4_dist.cluster.launch import PROGRAM
from fcn4_dist.host.driver import ROOT_VARIABLE
from fcn4_dist.host.host import Host
from fcn4_dist.host.npu_smi import Cards
from fcn4_dist.jobs import launch
from tests.cluster.site_examples import STEP

HERE = "192.0.2.1"


@pytest.fixture(autouse=True)
def _on_a_host_with_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RANK_TABLE_FILE", "ASCEND_RT_VISIBLE_DEVICES", "HCCL_CONNECT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Host, "find", lambda: Host(tuple(range(8)), "A2", (HERE,)))


@pytest.fixture
def good_flags(shards: Path, small_flags: dict[str, str]) -> list[str]:
    """Settings of a job that nothing would stop."""
    flags = {**small_flags, "data_dir": str(shards), "device_target": "CPU", "batch_size": "1"}
    return [f"--{name}={value}" for name, value in flags.items()]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    """Give the exit code, the commands of the description, and the other lines."""
    code = main(["launch", "--dry_run", *arguments])
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).splitlines()
    commands = [line for line in lines if line.startswith("env ")]
    others = [line for line in lines if line and not line.startswith(("env ", "#"))]
    return code, commands, others


def variables_of(command: str) -> dict[str, str]:
    """Take the variables out of "env NAME=value … program"."""
    found = {}
    for word in shlex.split(command)[1:]:
        if "=" not in word or word.startswith("-"):
            break
        name, _, value = word.partition("=")
        found[name] = value
    return found


def write_table(path: Path, servers: list[tuple[str, list[int]]]) -> str:
    entries: list[dict[str, Any]] = []
    rank = 0
    for number, (address, cards) in enumerate(servers):
        devices = []
        for card in cards:
            ip = f"198.51.{100 + number}.{card}"
            devices.append({"device_id": f"{card}", "device_ip": ip, "rank_id": f"{rank}"})
            rank += 1
        entries.append({"server_id": address, "pod_ip": address, "device": devices})
    content = {"version": "1.0", "server_count": f"{len(servers)}", "server_list": entries}
    path.write_text(json.dumps(content | {"status": "completed"}))
    return str(path)


def test_every_process_is_printed_and_no_folder_is_made(
    good_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, commands, others = run(capsys, "--device_num", "2", "train", *good_flags)
    assert (code, others) == (0, [])
    msrun, scheduler, *ranks = commands
    assert " msrun --worker_num=2 " in msrun
    assert variables_of(scheduler)["MS_ROLE"] == "MS_SCHED"
    assert [variables_of(rank)["RANK_ID"] for rank in ranks] == ["0", "1"]
    folder = variables_of(msrun)["FCN4_DIST_LAUNCHED"]
    assert Path(folder).parent == tmp_path / "runs"
    for command in commands:
        assert command.endswith(f"python {PROGRAM} train --config {folder}/settings.yaml")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_that_is_given_is_the_one_that_is_printed(
    good_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = ["--device_num=2", "train", "--run_dir=mine", *good_flags]
    _, commands, _ = run(capsys, *wishes)
    assert variables_of(commands[0])["FCN4_DIST_LAUNCHED"] == str(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_the_flag_may_stand_behind_the_workers_command_too(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["launch", "train", *good_flags, "--device_num", "2", "--dry_run"])
    assert code == 0
    assert "# rank 1, started by msrun" in capsys.readouterr().out


def test_what_would_be_refused_is_said_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, commands, others = run(capsys, "--device_num=2", "train", "--device_target=CPU")
    assert code == 0
    assert len(commands) == 4
    (warning,) = others
    assert warning.startswith("warning: would be refused: ")
    assert "data/manifest.json is missing" in warning


def test_a_warning_is_not_called_a_refusal(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK_ID", "3")
    _, _, others = run(capsys, "--device_num", "2", "train", *good_flags)
    (warning,) = others
    assert warning.startswith("warning: left by an earlier job")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--device_target=CPU"], "how many workers?"),
        (["--nnodes=2", "--device_num=2", "train"], "--nnodes 2 needs --master_addr"),
        (["--rank_table_file=none.json", "train"], "there is no such file"),
    ],
)
def test_where_it_is_not_clear_which_processes_there_would_be_it_is_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, commands, others = run(capsys, *arguments)
    assert (code, commands) == (2, [])
    assert others[0].startswith("fcn4-dist: error: ")
    assert sentence in others[-1]


def test_without_a_node_rank_the_processes_of_all_hosts_are_printed(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    # Whether this host is one of them, and which, need not be known yet.
    for address in (HERE, "192.0.2.99"):
        wishes = ["--nnodes=2", f"--master_addr={address}", "--device_num=2", "--master_port=9000"]
        code, commands, others = run(capsys, *wishes, "train", *good_flags)
        assert (code, others) == (0, [])
        nodes = [line for line in commands if " msrun " in line]
        assert [f"--node_rank={rank} " in line for rank, line in enumerate(nodes)] == [True] * 2
        ranks = [variables_of(line).get("MS_NODE_ID") for line in commands]
        assert [rank for rank in ranks if rank] == ["0", "1", "2", "3"]


def test_with_a_node_rank_only_that_host_is_printed_and_checked(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = ["--nnodes=2", f"--master_addr={HERE}", "--device_num=2", "--node_rank=1"]
    code, commands, others = run(capsys, *wishes, "train", *good_flags)
    assert code == 0
    assert [variables_of(line).get("RANK_ID") for line in commands] == [None, "2", "3"]
    assert others == [
        "warning: would be refused: --node_rank is 1 here, and --master_addr 192.0.2.1 is this "
        "host: the host with that address is node 0"
    ]


def test_a_rank_table_prints_all_its_hosts_with_their_cards(
    good_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "table.json", [(HERE, [0, 1]), ("192.0.2.2", [4, 5])])
    wishes = [f"--rank_table_file={table}", "train", *good_flags, "--device_target=Ascend"]
    code, commands, _ = run(capsys, *wishes)
    assert code == 0
    nodes = [line for line in commands if " msrun " in line]
    assert [variables_of(node)["ASCEND_RT_VISIBLE_DEVICES"] for node in nodes] == ["0,1", "4,5"]
    for node, name in zip(nodes, ["rank_table.json", "node_1_rank_table.json"], strict=True):
        assert re.search(rf"--rank_table_file=\S+/{name} ", node)


def test_a_host_is_held_against_its_own_line_of_the_rank_table(
    good_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path / "table.json", [("192.0.2.0", [0, 9]), (HERE, [0, 1])])
    wishes = [f"--rank_table_file={table}", "train", *good_flags, "--device_target=Ascend"]
    _, _, others = run(capsys, *wishes)
    assert not [line for line in others if "no card 9" in line or "no address" in line]


def test_the_rank_table_of_the_site_is_named(
    good_flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = write_table(tmp_path / "site.json", [(HERE, [0, 1])])
    monkeypatch.setenv("RANK_TABLE_FILE", table)
    _, commands, others = run(capsys, "train", *good_flags)
    assert others == [f"rank table of this site: {table} (unset RANK_TABLE_FILE to do without)"]
    assert len(commands) == 4


def test_a_node_of_slurm_prints_its_own_processes_and_what_slurm_says(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    master = ["--master_addr", "192.0.2.2"]
    code, commands, others = run(capsys, "--device_num=2", *master, "train", *good_flags)
    assert code == 0
    assert others == ["Slurm: node 1 of 2, master 192.0.2.2"]
    ranks = [variables_of(command).get("RANK_ID") for command in commands]
    assert ranks == [None, "2", "3"]


@pytest.mark.parametrize("first", ["", '{ "status" : "initializing" }', '{"status": "compl'])
def test_a_table_that_the_site_still_fills_in_is_waited_for(
    good_flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    first: str,
) -> None:
    table = tmp_path / "hccl.json"
    table.write_text(first)
    monkeypatch.setenv("RANK_TABLE_FILE", str(table))
    monkeypatch.setattr(launch.time, "sleep", lambda _: write_table(table, [(HERE, [0, 1])]))
    code, commands, others = run(capsys, "train", *good_flags)
    assert code == 0
    assert others[1:] == [f"waiting for {table} to be completed …"]
    assert len(commands) == 4


def test_a_table_that_stays_no_json_is_refused_in_the_end(
    good_flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "site.json").write_text('{"status": "compl')
    monkeypatch.setenv("RANK_TABLE_FILE", "site.json")
    seconds = launch._SECONDS_FOR_TABLE | {launch.TableState.NO_JSON: 0.1}
    monkeypatch.setattr(launch, "_SECONDS_FOR_TABLE", seconds)
    monkeypatch.setattr(launch, "_SECONDS_BETWEEN_LOOKS_AT_TABLE", 0.02)
    code, commands, others = run(capsys, "train", *good_flags)
    assert (code, commands) == (2, [])
    assert "the file is not JSON" in others[-1]


def test_what_hccl_reads_is_set_and_what_the_site_has_set_stays(
    good_flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCCL_CONNECT_TIMEOUT", "600")
    monkeypatch.delenv("HCCL_BUFFSIZE", raising=False)
    ascend = ["--device_num=2", "train", *good_flags, "--device_target=Ascend"]
    _, commands, _ = run(capsys, *ascend)
    given = variables_of(commands[0])
    assert given["HCCL_BUFFSIZE"] == "200"
    assert "HCCL_CONNECT_TIMEOUT" not in given
    assert "HCCL_SOCKET_IFNAME" not in given
    # What is asked for goes before what the site has set.
    _, commands, _ = run(capsys, *ascend, "--hccl_connect_timeout=900")
    assert variables_of(commands[0])["HCCL_CONNECT_TIMEOUT"] == "900"


def test_the_processor_needs_nothing_of_hccl(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, commands, _ = run(capsys, "--device_num=2", "train", *good_flags)
    added = set(variables_of(commands[0])) - set(os.environ)
    assert not [name for name in added if name.startswith("HCCL")]


def test_an_evaluation_is_checked_for_its_checkpoint(
    good_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, commands, others = run(capsys, "--device_num=2", "eval", *good_flags)
    assert f" {PROGRAM} eval --config " in commands[-1]
    (warning,) = others
    assert warning.startswith("warning: would be refused: there is no checkpoint ")


def test_ranks_have_the_cores_near_their_cards_where_the_generation_wants_it(
    good_flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buses = {card: f"0000:{card}C:00.0" for card in range(8)}
    for card, bus in buses.items():
        folder = tmp_path / "root/sys/bus/pci/devices" / bus.lower()
        folder.mkdir(parents=True)
        first = card // 2 * 4
        (folder / "local_cpulist").write_text(f"{first}-{first + 3}\n")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "root"))
    host = Host(tuple(buses), "A2", (HERE,), npu_smi=Cards("A2", buses=buses))
    monkeypatch.setattr(Host, "find", lambda: host)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    flags = [*good_flags, "--device_target=Ascend"]
    _, commands, _ = run(capsys, "--devices", "3-6", "train", *flags)
    assert {variables_of(each)["FCN4_DIST_CORES"] for each in commands} == {"6-7;8-9;10-11;12-13"}
    assert "bind_core" not in commands[0]
    _, commands, _ = run(capsys, "--devices", "3-6", "train", *flags, "--bind_cores=off")
    assert "FCN4_DIST_CORES" not in variables_of(commands[0])
    # Where it is not known where the cards are, each card has its share all the same.
    monkeypatch.setattr(Host, "find", lambda: replace(host, npu_smi=Cards("A2")))
    _, commands, _ = run(capsys, "--device_num", "2", "eval", *flags)
    assert variables_of(commands[0])["FCN4_DIST_CORES"] == "0-1;2-3"


def test_of_1024_ranks_a_dry_run_shows_two_hosts_and_what_the_others_have_of_their_own(
    good_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = sorted(f"10.0.{number // 64}.{number % 64}" for number in range(128))
    cards = [list(range(8))] * 64 + [list(range(8, 16))] * 64
    table = write_table(tmp_path / "table.json", list(zip(addresses, cards, strict=True)))
    wishes = [f"--rank_table_file={table}", "train", *good_flags, "--device_target=Ascend"]
    assert main(["launch", "--dry_run", *wishes, f"--run_dir={tmp_path}"]) == 0
    printed = capsys.readouterr().out.replace(str(tmp_path), "FOLDER").splitlines()
    logs = [f"# rank {rank}, started by msrun; log: FOLDER/rank_{rank}.log" for rank in range(16)]
    assert [line for line in printed if line.startswith("#")] == [
        "# node 0 of 128: ranks 0 to 7 of 1024",
        "# msrun, started by this command; log: FOLDER/msrun.log",
        "# scheduler, started by msrun; log: FOLDER/scheduler.log",
        *logs[:8],
        "# node 1 of 128: ranks 8 to 15 of 1024",
        "# msrun, started by this command; log: FOLDER/node_1_msrun.log",
        *logs[8:],
        "# nodes 2 to 63: ranks 16 to 511, cards 0 to 7 each, as node 1; --node_rank R prints one "
        "of them",
        "# nodes 64 to 127: ranks 512 to 1023, cards 8 to 15 each, as node 1; --node_rank R prints "
        "one of them",
    ]
