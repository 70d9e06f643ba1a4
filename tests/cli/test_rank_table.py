"""The command rank-table, as a user runs it on an Ascend host and elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cli import main
from fcn4_dist.errors import InputError
from fcn4_dist.host.cards import find_host_addresses
from fcn4_dist.host.driver import ROOT_VARIABLE
from fcn4_dist.jobs import rank_table

CARD_ADDRESSES = 'echo "ipaddr:198.51.100.$2"\necho "netmask:255.255.255.0"'


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    # A host with cards of its own must not answer for the programs made here.
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "host"))
    monkeypatch.delenv("ASCEND_RT_VISIBLE_DEVICES", raising=False)
    monkeypatch.chdir(tmp_path)


def program(name: str, script: str) -> None:
    path = Path("bin") / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["rank-table", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def generated(capsys: pytest.CaptureFixture[str], server: str, *more: str) -> Path:
    code, out, err = run(capsys, "generate", "--devices", "0-1", "--server_ip", server, *more)
    assert code == 0, err
    return Path(out.strip().splitlines()[-1].removeprefix("wrote "))


def card_program(first: int = 0) -> None:
    program("hccn_tool", f'echo "ipaddr:198.51.100.$(($2 + {first}))"')


@pytest.mark.parametrize("action", ["generate", "merge", "check", "show"])
def test_each_help_has_an_example(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["rank-table", action, "--help"])
    assert exit_.value.code == 0
    assert f"Example: fcn4-dist rank-table {action}" in " ".join(capsys.readouterr().out.split())


def test_a_table_goes_from_two_hosts_to_a_checked_one(capsys: pytest.CaptureFixture[str]) -> None:
    card_program()
    second = generated(capsys, "192.0.2.2")
    card_program(first=100)
    first = generated(capsys, "192.0.2.1")
    assert first.name == "hccl_2p_01_192.0.2.1.json"
    code, out, err = run(capsys, "merge", str(second), str(first))
    assert (code, out) == (0, "wrote hccl_2s_4p.json\n"), err
    code, out, _ = run(capsys, "check", "--card", "A2", "hccl_2s_4p.json", str(first))
    assert (code, out) == (0, f"hccl_2s_4p.json: right\n{first}: right\n")
    code, out, _ = run(capsys, "show", "hccl_2s_4p.json")
    assert (code, out) == (
        0,
        "rank  server     card  card ip\n"
        "----  ---------  ----  --------------\n"
        "0     192.0.2.1  0     198.51.100.100\n"
        "1     192.0.2.1  1     198.51.100.101\n"
        "2     192.0.2.2  0     198.51.100.0\n"
        "3     192.0.2.2  1     198.51.100.1\n",
    )


def test_cards_of_two_digits_work(capsys: pytest.CaptureFixture[str]) -> None:
    program("hccn_tool", CARD_ADDRESSES)
    code, _out, err = run(
        capsys, "generate", "--devices", "8-11", "--server_ip", "192.0.2.1", "--output_dir", "out"
    )
    assert code == 0, err
    path = Path("out/hccl_4p_8-9-10-11_192.0.2.1.json")
    table: dict[str, Any] = json.loads(path.read_text())
    assert table["server_list"][0]["device"][3] == {
        "device_id": "11",
        "device_ip": "198.51.100.11",
        "rank_id": "3",
    }


def test_all_cards_of_the_host_are_taken_unless_some_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program("hccn_tool", CARD_ADDRESSES)
    Path("host/dev").mkdir(parents=True)
    for card in range(4):
        Path(f"host/dev/davinci{card}").touch()
    assert run(capsys, "generate", "--server_ip", "192.0.2.1")[0] == 0
    assert Path("hccl_4p_0123_192.0.2.1.json").exists()
    with pytest.raises(InputError, match=r"names card 4, 5, and this host has 0, 1, 2, 3"):
        rank_table.generate("3-5", "192.0.2.1", Path(), force=False)


def test_a_host_that_cannot_tell_its_address_is_asked_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program("hccn_tool", CARD_ADDRESSES)
    monkeypatch.setattr(rank_table, "find_main_address", lambda: "")
    code, _, err = run(capsys, "generate", "--devices", "0")
    assert code == 2
    assert "give --server_ip ADDRESS" in err


def test_a_different_file_is_replaced_only_when_told(capsys: pytest.CaptureFixture[str]) -> None:
    card_program()
    path = generated(capsys, "192.0.2.1")
    assert generated(capsys, "192.0.2.1") == path
    path.write_text("mine")
    code, _, err = run(capsys, "generate", "--devices", "0-1", "--server_ip", "192.0.2.1")
    assert code == 2
    assert "is there and different" in err
    assert path.read_text() == "mine"
    generated(capsys, "192.0.2.1", "--force")
    assert json.loads(path.read_text())["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--devices", "0", "--server_ip", "127.0.1.1"], "hostname -I"),
        (["--devices", "0", "--server_ip", "node-1"], "is no IP address"),
        (["--devices", "7-0", "--server_ip", "192.0.2.1"], "descending"),
        (["--server_ip", "192.0.2.1"], "no Ascend card"),
    ],
)
def test_generating_refuses_with_the_way_out(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program("hccn_tool", CARD_ADDRESSES)
    code, _, err = run(capsys, "generate", *arguments)
    assert code == 2
    assert reason in err
    assert not list(Path().glob("*.json"))


def test_a_card_without_an_address_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    program("hccn_tool", 'test "$2" = 1 && echo "ipaddr:-.-.-.-" || echo "ipaddr:198.51.100.$2"')
    code, _, err = run(capsys, "generate", "--devices", "0-1", "--server_ip", "192.0.2.1")
    assert code == 2
    assert "card 1 has '-.-.-.-'" in err
    assert "hccn_tool -i 1 -ip -s address" in err


def test_a_container_that_cannot_ask_for_the_addresses_is_told_where_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "generate", "--devices", "4,6", "--server_ip", "192.0.2.1")
    assert code == 2
    assert "neither hccn_tool nor /etc/hccn.conf tells the addresses of cards 4, 6" in err


def test_an_address_that_is_not_this_hosts_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    card_program()
    assert "192.0.2.1" not in find_host_addresses()
    _, out, _ = run(capsys, "generate", "--devices", "0", "--server_ip", "192.0.2.1")
    assert "warning: 192.0.2.1 is none of this host's addresses" in out


def test_checking_goes_through_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.json").touch()
    card_program()
    path = generated(capsys, "192.0.2.1")
    code, out, _ = run(capsys, "check", "empty.json", str(path), "none.json", "--card", "910")
    assert code == 2
    assert out == (
        "empty.json: wrong (1 fault)\n"
        "  fault: the file is empty: make the table again\n"
        f"{path}: right\n"
        "none.json: wrong (1 fault)\n"
        "  fault: there is no such file: name a rank table\n"
    )


def test_the_hosts_own_cards_decide_which_rules_hold(capsys: pytest.CaptureFixture[str]) -> None:
    card_program()
    program("hccn_tool", CARD_ADDRESSES)
    run(capsys, "generate", "--devices", "8", "--server_ip", "192.0.2.1")
    table = "hccl_1p_8_192.0.2.1.json"
    card_of = "echo '| 0     {}  | OK            | 70.1  |\n| 0     | 0000:C1:00.0  | 0  |'"
    program("npu-smi", card_of.format("910ProB"))
    assert run(capsys, "check", table)[0] == 2
    assert run(capsys, "check", table, "--card", "A2")[0] == 0
    program("npu-smi", card_of.format("910B2"))
    assert run(capsys, "check", table)[1] == f"{table}: right\n"
    Path("bin/npu-smi").unlink()
    assert "were not checked" in run(capsys, "check", table)[1]


def test_showing_a_wrong_table_lists_its_faults(capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.json").write_text("{}")
    code, _, err = run(capsys, "show", "table.json")
    assert code == 2
    assert "status: the key is missing" in err
    assert "server_list: the key is missing" in err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["generate", "--device", "0-7"], "did you mean '--devices'"),
        (["check", "--cards", "A2", "table.json"], "did you mean '--card'"),
        (["check", "--card", "A9", "table.json"], "invalid choice: 'A9'"),
        (["chek"], "there is no action 'chek', did you mean 'fcn4-dist rank-table check'?"),
        ([], "required"),
        (["merge", "a.json"], "two tables or more"),
    ],
)
def test_a_slip_is_answered_with_a_hint(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert hint in err


def test_a_table_of_another_version_is_right_but_unchecked_and_is_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    card = {"rank_id": 0, "device_id": 0, "local_id": 0, "level_list": []}
    table = {"version": "2.0", "rank_count": "1", "rank_list": [card]}
    Path("ranks.json").write_text(json.dumps(table))
    code, out, _ = run(capsys, "check", "ranks.json")
    assert code == 0
    assert out.startswith("ranks.json: right\n  note: ")
    assert 'is of version "2.0"' in out
    code, _, err = run(capsys, "show", "ranks.json")
    assert code == 2
    assert "use version 1.0 or 1.2" in err


def test_a_table_of_1024_ranks_is_told_in_a_few_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for number in range(128):
        cards = [
            {"device_id": f"{card}", "device_ip": f"198.51.{number}.{card}", "rank_id": f"{card}"}
            for card in range(8)
        ]
        server = {"server_id": f"10.0.{number}.1", "pod_ip": f"10.0.{number}.1", "device": cards}
        content = {"version": "1.0", "server_count": "1", "server_list": [server]}
        tables.append(Path(f"host_{number}.json"))
        tables[-1].write_text(json.dumps(content | {"status": "completed"}))
    code, out, err = run(capsys, "merge", *map(str, tables))
    assert (code, out) == (0, "wrote hccl_128s_1024p.json\n"), err
    code, out, _ = run(capsys, "check", "--card", "A2", *map(str, tables))
    assert out == "128, like host_0.json, host_1.json, host_2.json: right\n"
    code, out, _ = run(capsys, "show", "hccl_128s_1024p.json")
    assert len(out.splitlines()) == 130
    assert out.splitlines()[2].split("  ")[-1] == "198.51.0.0 … 198.51.0.7"
    assert out.splitlines()[2].split()[:7] == ["0", "to", "7", "10.0.0.1", "0", "to", "7"]
    wrong = json.loads(Path("hccl_128s_1024p.json").read_text())
    for server in wrong["server_list"]:
        for card in server["device"]:
            del card["rank_id"]
    Path("wrong.json").write_text(json.dumps(wrong))
    code, out, _ = run(capsys, "check", "--card", "A2", "wrong.json")
    mend = "rank_id: the key is missing: number the cards of all servers from 0 on"
    assert (code, out.splitlines()) == (
        2,
        [
            "wrong.json: wrong (1024 faults)",
            *(f"  fault: server_list[0].device[{card}].{mend}" for card in range(3)),
            f"  … and 1021 more like these, the last: fault: server_list[127].device[7].{mend}",
        ],
    )
