"""What npu-smi tells, read off what it prints; whole hosts are in tests/hosts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.host.npu_smi import (
    Cards,
    Chip,
    Superpod,
    ask_npu_smi,
    find_generation,
    find_superpod,
    read_chips,
)
from tests.hosts.recording import put_up

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


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have npu-smi print something, on a host that has nothing else."""

    def put(info: str, mapping: str = "", code: int = 0) -> None:
        failed = f"[exit {code}]\n" * bool(code)
        text = f"$ npu-smi info\n{info}{failed}$ npu-smi info -m\n{mapping}{failed}"
        put_up(text, tmp_path / "root", monkeypatch)

    return put


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
def test_a_chip_tells_its_generation(name: str, generation: str, say: Callable[..., None]) -> None:
    say(smi(name, name))
    assert find_generation() == generation


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "command failed\n",
        HEAD + TAIL,
        smi("910B3").replace("| 0 ", f"| {'9' * 5000} "),
        smi("910A", "910B1"),
        smi("NA"),
    ],
)
def test_an_answer_that_is_not_understood_tells_nothing(
    answer: str, say: Callable[..., None]
) -> None:
    say(answer)
    assert find_generation() == ""


def test_sick_cards_and_cards_without_a_bus_are_known_too() -> None:
    chips = read_chips(smi("910B3", "910B3", health="Alarm", bus="NA"))
    assert [(chip.name, chip.health) for chip in chips] == [("910B3", "Alarm")] * 2


def test_a_host_without_the_program_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_up("", tmp_path, monkeypatch)
    assert ask_npu_smi([0, 1]) == Cards(logical_ids={0: 0, 1: 1})


def test_processes_are_told_with_their_chip() -> None:
    row = (
        "| 1       0                 | 41977         | python                   | 56373        |\n"
    )
    chips = read_chips(smi("910B3", "910B3") + row)
    assert [chip.processes for chip in chips] == [(), ("process 41977 (python, 56373 MB)",)]


def test_boards_of_two_chips_tell_the_physical_id_of_each() -> None:
    rows = (
        "| 2     Ascend910           | OK            | 178.5       36                0    / 0 |\n"
        "| 0     4                   | 0000:95:00.0  | 0           0    / 0      3416 / 65536 |\n"
        "| 2     Ascend910           | Warning       | -           36                0    / 0 |\n"
        "| 1     5                   | 0000:97:00.0  | 0           0    / 0      3189 / 65536 |\n"
    )
    assert read_chips(rows) == [
        Chip(2, 0, "Ascend910", "OK", 4, "0000:95:00.0"),
        Chip(2, 1, "Ascend910", "Warning", 5, "0000:97:00.0"),
    ]


def test_where_a_card_is_is_told_by_its_physical_id(say: Callable[..., None]) -> None:
    say(smi("910B3", "910B3", bus="0000:41:00.0"))
    assert ask_npu_smi([4, 6]).buses == {4: "0000:41:00.0", 6: "0000:41:00.0"}


MAP = """\
\tNPU ID               Chip ID              Chip Logic ID        Chip Name
\t0                    0                    1                    Ascend 910B3
\t0                    1                    -                    Mcu
\t1                    0                    0                    Ascend 910B3
\t1                    1                    -                    Mcu
"""


def test_logical_ids_are_those_npu_smi_maps(say: Callable[..., None]) -> None:
    say(smi("910B3", "910B3"), MAP)
    assert ask_npu_smi([0, 1]).logical_ids == {0: 1, 1: 0}


def test_boards_with_numbers_of_their_own_are_taken_in_the_order_of_the_cards(
    say: Callable[..., None],
) -> None:
    # As on cards in slots: npu-smi calls them 0 and 1, and /dev 4 and 6.
    say(smi("910B3", "910B3", health="Warning"))
    assert ask_npu_smi([4, 6]).health == {4: "Warning", 6: "Warning"}
    assert ask_npu_smi([4, 6]).logical_ids == {4: 0, 6: 1}


def test_cards_that_npu_smi_cannot_tell_apart_are_left_aside(say: Callable[..., None]) -> None:
    say(smi("910B3", "910B3"))
    told = ask_npu_smi([4, 5, 6])
    assert (told.generation, told.health) == ("A2", {})


def test_a_failure_is_kept_in_its_own_words(say: Callable[..., None]) -> None:
    say(
        "DrvMngGetConsoleLogLevel failed. (ret=4)\ndcmi module initialize failed. ret is -8005\n",
        code=187,
    )
    told = ask_npu_smi([0, 1])
    assert told.failure == "dcmi module initialize failed. ret is -8005"
    assert told.logical_ids == {0: 0, 1: 1}


def superpod_of(sdid: int, pod: int) -> str:
    return f"\tSDID                           : {sdid}\n\tSuper Pod ID                   : {pod}\n"


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (superpod_of(8, 2), Superpod("2", {4: "7", 5: "8"})),
        # Cards of no superpod have all bits set; a chip that does not answer is not guessed.
        (superpod_of(2**32 - 1, 2**32 - 1), None),
        (superpod_of(8, 3), None),
        ("", None),
    ],
)
def test_a_superpod_is_that_of_all_cards(
    second: str, found: Superpod | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = f"$ npu-smi info -t spod-info -i 2 -c 0\n{superpod_of(7, 2)}"
    put_up(f"{first}$ npu-smi info -t spod-info -i 2 -c 1\n{second}", tmp_path, monkeypatch)
    assert find_superpod((4, 5), {4: (2, 0), 5: (2, 1)}) == found


@pytest.mark.parametrize(("first", "second"), [("0", "0"), ("0", "64"), ("99999999", "1")])
def test_numbers_that_cann_cannot_have_are_not_believed(
    first: str, second: str, say: Callable[..., None]
) -> None:
    heading = "NPU ID   Chip ID   Chip Logic ID   Chip Name\n"
    rows = f"0        0         {first}               Ascend 910B3\n"
    rows += f"1        0         {second}               Ascend 910B3\n"
    say(smi("910B3", "910B3"), heading + rows)
    assert ask_npu_smi([0, 1]).logical_ids == {0: 0, 1: 1}
