"""The cards of a host, as the driver's programs tell of them."""

from pathlib import Path

import pytest

from fcn4_dist.cluster import cards
from fcn4_dist.errors import InputError

HEAD = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.1                   Version: 24.1.1                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
"""
TAIL = """\
+---------------------------+---------------+----------------------------------------------------+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| No running processes found in NPU 0                                                            |
+===========================+===============+====================================================+
"""


def smi(*names: str, health: str = "OK", bus: str = "0000:C1:00.0") -> str:
    rows = "".join(
        f"| {number:<5} {name:<19} | {health:<13} | 88.2        30                0    / 0      |\n"
        f"| 0     {number:<19} | {bus:<13} | 0           0    / 0          26838/ 32768         |\n"
        for number, name in enumerate(names)
    )
    return HEAD + rows + TAIL


def program(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_cards_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("davinci10", "davinci2", "davinci0", "davinci_manager", "davinci3x", "devmm_svm"):
        (tmp_path / name).touch()
    assert cards.find_card_ids(tmp_path) == (0, 2, 10)


def test_a_host_without_cards_has_none(tmp_path: Path) -> None:
    assert cards.find_card_ids(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("name", "generation"),
    [
        ("910", "910"),
        ("910A", "910"),
        ("910B", "910"),
        ("910ProA", "910"),
        ("910ProB", "910"),
        ("910PremiumA", "910"),
        ("Ascend910A", "910"),
        ("910B1", "A2"),
        ("910B2C", "A2"),
        ("910B3", "A2"),
        ("910B4-1", "A2"),
        ("910_9392", "A3"),
        ("Ascend910_9362", "A3"),
        ("Ascend910", "A3"),
        ("910C", "A3"),
        ("310P3", "310P3"),
        ("950PR", "950PR"),
        ("910_9589", "910_9589"),
    ],
)
def test_a_chip_tells_its_generation(name: str, generation: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(smi(name, name))
    command = program(tmp_path, "npu-smi", f"cat {tmp_path}/answer")
    assert cards.find_generation(command) == generation


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "command failed\n",
        HEAD + TAIL,
        smi("910A", "910B1"),
    ],
)
def test_an_answer_that_is_not_understood_tells_nothing(answer: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(answer)
    command = program(tmp_path, "npu-smi", f"cat {tmp_path}/answer")
    assert cards.find_generation(command) == ""


def test_sick_cards_and_cards_without_a_bus_are_known_too(tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(smi("910B3", "910B3", health="Alarm", bus="NA"))
    command = program(tmp_path, "npu-smi", f"cat {tmp_path}/answer")
    assert cards.find_generation(command) == "A2"


def test_a_host_without_the_program_tells_nothing(tmp_path: Path) -> None:
    assert cards.find_generation(str(tmp_path / "npu-smi")) == ""


# Two chips of an A3 card, as in vllm-project/vllm-ascend issue 2082.
OF_A3 = (
    HEAD.replace("| Chip     ", "| Chip  Phy-ID")
    + """\
| 0     Ascend910           | OK            | 178.4       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3412 / 65536         |
+------------------------------------------------------------------------------------------------+
| 0     Ascend910           | OK            | -           36                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          3196 / 65536         |
+===========================+===============+====================================================+
| 1     Ascend910           | OK            | 188.5       36                0    / 0             |
| 0     2                   | 0000:99:00.0  | 0           0    / 0          3414 / 65536         |
+===========================+===============+====================================================+
"""
)
# One chip of each, as in Project-HAMi/HAMi-WebUI issue 47 (with the buses that it hides).
OF_A2 = (
    HEAD
    + """\
| 0     910B4-1             | OK            | 91.3        33                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3197 / 65536         |
+===========================+===============+====================================================+
| 1     910B4-1             | OK            | 88.1        32                0    / 0             |
| 0                         | 0000:01:00.0  | 0           0    / 0          3197 / 65536         |
+===========================+===============+====================================================+
| 2     910B4-1             | OK            | 88.1        32                0    / 0             |
| 0                         | NA            | 0           0    / 0          3197 / 65536         |
+===========================+===============+====================================================+
"""
)


@pytest.mark.parametrize(
    ("answer", "lists", "near"),
    [
        (
            OF_A2,
            {"0000:c1:00.0": "144-145", "0000:01:00.0": "0-1,8"},
            {0: {144, 145}, 1: {0, 1, 8}},
        ),
        (
            OF_A3,
            {"0000:9d:00.0": "0-1", "0000:9f:00.0": "2", "0000:99:00.0": ""},
            {0: {0, 1}, 1: {2}},
        ),
        (OF_A3, {}, {}),
        ("command failed", {}, {}),
    ],
    ids=["A2", "A3", "the system tells nothing", "the driver tells nothing"],
)
def test_the_cores_near_a_card_are_those_the_system_tells_of_its_bus(
    answer: str, lists: dict[str, str], near: dict[int, set[int]], tmp_path: Path
) -> None:
    for bus, cores in lists.items():
        (tmp_path / bus).mkdir()
        (tmp_path / bus / "local_cpulist").write_text(f"{cores}\n")
    (tmp_path / "answer").write_text(answer + TAIL)
    command = program(tmp_path, "npu-smi", f"cat {tmp_path}/answer")
    assert cards.find_card_cores(command, tmp_path) == near


def test_addresses_come_from_the_drivers_program(tmp_path: Path) -> None:
    command = program(
        tmp_path,
        "hccn_tool",
        'test "$1 $3 $4" = "-i -ip -g" || exit 1\n'
        'test "$2" = 3 && { echo "hccn_tool get ip failed" >&2; exit 1; }\n'
        'echo "ipaddr:198.51.100.$2"; echo "netmask:255.255.255.0"',
    )
    configuration = tmp_path / "hccn.conf"
    configuration.write_text("address_0=203.0.113.1\naddress_3=203.0.113.4\n")
    found = cards.find_card_addresses((0, 3, 12), command, configuration)
    assert found == {0: "198.51.100.0", 3: "203.0.113.4", 12: "198.51.100.12"}


def test_addresses_come_from_the_configuration_where_there_is_no_program(tmp_path: Path) -> None:
    configuration = tmp_path / "hccn.conf"
    configuration.write_text(
        "address_0=198.51.100.1\nnetmask_0=255.255.255.0\n#address_1=198.51.100.9\n"
        " address_10 = 198.51.100.2\n"
    )
    missing = str(tmp_path / "hccn_tool")
    found = cards.find_card_addresses((0, 1, 10), missing, configuration)
    assert found == {0: "198.51.100.1", 10: "198.51.100.2"}


def test_a_card_without_an_address_is_told_as_it_is_printed(tmp_path: Path) -> None:
    command = program(tmp_path, "hccn_tool", "echo 'ipaddr:-.-.-.-'")
    assert cards.find_card_addresses((0,), command, tmp_path / "none") == {0: "-.-.-.-"}


def test_nothing_known_is_nothing_found(tmp_path: Path) -> None:
    assert cards.find_card_addresses((0,), str(tmp_path / "none"), tmp_path / "none") == {}


def test_this_hosts_addresses_are_no_loop_back_ones() -> None:
    for address in cards.find_host_addresses():
        assert not address.startswith("127.")
        assert "%" not in address


def test_the_main_address_is_one_of_this_hosts() -> None:
    address = cards.find_main_address()
    assert not address or address in cards.find_host_addresses()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-7", tuple(range(8))),
        ("0,2,5", (0, 2, 5)),
        ("5,0", (0, 5)),
        ("0-3, 6", (0, 1, 2, 3, 6)),
        ("8-15", tuple(range(8, 16))),
        ("3", (3,)),
        ("3-3", (3,)),
    ],
)
def test_a_choice_of_cards_is_understood(text: str, expected: tuple[int, ...]) -> None:
    assert cards.parse_devices(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no list of cards"),
        ("[0,8)", "no list of cards"),
        ("0..7", "no list of cards"),
        ("0,", "no list of cards"),
        ("-1", "no list of cards"),
        ("0-7-9", "no list of cards"),
        ("all", "no list of cards"),
        ("1000", "no list of cards"),
        ("٣", "no list of cards"),
        ("7-0", "descending range 7-0"),
        ("0,1,0", "card 0 more than once"),
        ("0-3,2-4", "card 2, 3 more than once"),
    ],
)
def test_nonsense_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        cards.parse_devices(text)
