"""A card's two numbers, and what ASCEND_RT_VISIBLE_DEVICES leaves of the cards."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.host.driver import Driver
from fcn4_dist.host.host import VISIBLE_VARIABLE, Host, read_visible_devices
from fcn4_dist.host.npu_smi import Cards
from tests.hosts.recording import put_up


@pytest.mark.parametrize(
    ("text", "cards"),
    [
        ("0,1,2,3,4", (0, 1, 2, 3, 4)),
        ("1", (1,)),
        # CANN's own document has the first and the third of these.
        ("1, 2,3", (1,)),
        ("1,2 ,3", (1, 2)),
        ("1,3,8", (1, 3)),
        ("1,3,8,4", (1, 3)),
        ("1,2,-1,3", (1, 2)),
        ("1,,2", (1,)),
        ("1,2,", (1, 2)),
        ("0-3", (0,)),
        ("01,2", (1, 2)),
        ("0,1,2,3,4,4", (0, 1, 2, 3, 4)),
        ("3,2,1", ()),
        ("1,1", ()),
        ("", ()),
        (" 1", ()),
        (",1", ()),
        ("5", ()),
        ("99999999999999999999", ()),
        ("all", ()),
        ("\u0661,2", ()),
    ],
)
def test_the_variable_is_read_as_cann_reads_it(text: str, cards: tuple[int, ...]) -> None:
    assert read_visible_devices(text, 5) == cards


@given(st.text("0123456789, -x", max_size=20), st.integers(1, 16))
def test_what_is_read_ascends_and_is_there(text: str, count: int) -> None:
    read = read_visible_devices(text, count)
    assert list(read) == sorted(set(read))
    assert set(read) <= set(range(count))


@given(st.sets(st.integers(0, 15), min_size=1))
def test_what_a_launch_writes_is_read_whole(cards: set[int]) -> None:
    host = Host(tuple(sorted(cards)), "A2", ())
    visible = host.logical(host.usable)
    assert visible == tuple(range(len(cards)))
    assert host.read_visible(",".join(map(str, visible))) == visible


def test_a_host_with_all_its_cards_has_one_number_for_each() -> None:
    host = Host(tuple(range(8)), "A2", ())
    assert host.logical((2, 5)) == (2, 5)


def test_a_container_numbers_the_cards_it_got_from_0() -> None:
    host = Host((3, 4, 5, 6, 7), "A2", ())
    assert host.logical((3, 7)) == (0, 4)
    # Of a card that is not here another check tells.
    assert host.logical((1,)) == (1,)


def test_cards_that_are_counted_in_another_order_are_used_in_that_order() -> None:
    host = Host((0, 1, 2), "A2", (), npu_smi=Cards(logical_ids={0: 2, 1: 0, 2: 1}))
    assert host.usable == (1, 2, 0)
    assert host.logical(host.usable) == (0, 1, 2)


RECORDING = "$ ls -l /dev\n" + "".join(
    f"crw-rw---- 1 root root 236, {card} Nov 12 09:14 davinci{card}\n" for card in (3, 4, 5)
)


@pytest.mark.parametrize(
    ("value", "usable"),
    [(None, (3, 4, 5)), ("0,2", (3, 5)), ("2", (5,)), ("3,4,5", ()), ("", ())],
)
def test_what_the_variable_leaves_is_known_by_physical_ids(
    value: str | None, usable: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_up(RECORDING, tmp_path, monkeypatch)
    host = Host.find({} if value is None else {VISIBLE_VARIABLE: value})
    assert (host.cards, host.usable) == ((3, 4, 5), usable)


@pytest.mark.parametrize("folder", ['"/usr/local/Ascend"', "Ascend", "/a\0b", "/" + "a" * 5000])
def test_a_folder_that_the_driver_cannot_have_tells_no_version(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f"$ cat /etc/ascend_install.info\nDriver_Install_Path_Param={folder}\n"
    put_up(told, tmp_path, monkeypatch)
    assert Driver.find((0,)).version == ""
