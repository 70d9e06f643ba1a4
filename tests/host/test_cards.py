"""The cards of a host, how a user names them, and the host's own addresses."""

from pathlib import Path

import pytest

from fcn4_dist.errors import InputError
from fcn4_dist.host import cards


def test_cards_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("davinci10", "davinci2", "davinci0", "davinci_manager", "davinci3x", "devmm_svm"):
        (tmp_path / name).touch()
    assert cards.find_card_ids(tmp_path) == (0, 2, 10)


def test_a_host_without_cards_has_none(tmp_path: Path) -> None:
    assert cards.find_card_ids(tmp_path / "none") == ()


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
