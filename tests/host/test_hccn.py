"""What hccn_tool tells, and /etc/hccn.conf where it does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fcn4_dist.host import hccn
from tests.hosts.recording import put_up

Host = Callable[[str], None]


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Put up a host."""
    return lambda recording: put_up(recording, tmp_path, monkeypatch)


def test_addresses_come_from_the_drivers_program_else_from_the_configuration(on: Host) -> None:
    on(
        "$ hccn_tool -i 0 -ip -g\nipaddr:198.51.100.10\nnetmask:255.255.255.0\n"
        "$ hccn_tool -i 3 -ip -g\nCmd execute failed!\n[exit 1]\n"
        "$ cat /etc/hccn.conf\naddress_0=203.0.113.1\nnetmask_0=255.255.255.0\n"
        f"address_{'9' * 5000}=203.0.113.9\n"
        "#address_1=198.51.100.9\n address_3 = 203.0.113.4\naddress_12=203.0.113.5\n"
    )
    assert hccn.find_card_addresses((0, 1, 3, 12)) == {
        0: "198.51.100.10",
        3: "203.0.113.4",
        12: "203.0.113.5",
    }


def test_a_card_without_an_address_is_told_as_it_is_printed(on: Host) -> None:
    on("$ hccn_tool -i 0 -ip -g\nipaddr:-.-.-.-\n")
    assert hccn.find_card_addresses((0,)) == {0: "-.-.-.-"}


def test_nothing_known_is_nothing_found(on: Host) -> None:
    on("")
    assert hccn.find_card_addresses((0,)) == {}
    assert hccn.find_link_states((0,)) == {}


def test_the_state_of_the_network_is_told_by_card(on: Host) -> None:
    on(
        "$ hccn_tool -i 4 -link -g\nlink status: DOWN\n"
        "$ hccn_tool -i 4 -net_health -g\nnet health status: Receive timeout\n"
        "$ hccn_tool -i 4 -tls -g\n"
        "dev_id:4, tls switch[1](0:disable, 1:enable), tls alarm time threshold[60]days\n"
    )
    assert hccn.find_link_states((4, 5)) == {4: "DOWN"}
    assert hccn.find_network_health((4, 5)) == {4: "Receive timeout"}
    assert hccn.find_tls_switches((4, 5)) == {4: "1"}
