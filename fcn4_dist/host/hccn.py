"""What hccn_tool tells of the cards' network, by their physical ids."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from fcn4_dist.host.driver import ask, host_path

CONFIGURATION = "/etc/hccn.conf"


def find_card_addresses(cards: Iterable[int]) -> dict[int, str]:
    """Find the network addresses of cards.

    Args:
        cards: Physical ids of the cards.

    Returns:
        The address of each card that has one, as it is printed: "-.-.-.-" is not left out.
        What hccn_tool does not tell is looked for in /etc/hccn.conf.
    """
    cards = list(cards)
    configured = _configured_addresses()
    told = _of_each(cards, "-ip", r"^\s*ipaddr\s*:\s*(\S+)")
    found = {card: told.get(card) or configured.get(card, "") for card in cards}
    return {card: address for card, address in found.items() if address}


def find_link_states(cards: Iterable[int]) -> dict[int, str]:
    """Find whether the links of cards are "UP" or "DOWN", where hccn_tool tells."""
    return _of_each(cards, "-link", r"^\s*link status:\s*(\S+)")


def find_network_health(cards: Iterable[int]) -> dict[int, str]:
    """Find whether cards reach their gateway: "Success", "Fault", …, where hccn_tool tells."""
    return _of_each(cards, "-net_health", r"^\s*net health status:\s*(.*\S)")


def find_tls_switches(cards: Iterable[int]) -> dict[int, str]:
    """Find whether cards encrypt ("1") or not ("0"), where hccn_tool tells."""
    return _of_each(cards, "-tls", r"tls switch\[(\d+)\]")


def _of_each(cards: Iterable[int], topic: str, pattern: str) -> dict[int, str]:
    def look(card: int) -> tuple[int, re.Match[str] | None]:
        answer = ask("hccn_tool", "-i", str(card), topic, "-g")
        return card, re.search(pattern, answer.text, re.MULTILINE)

    # Each answer takes the driver some tenths of a second.
    with ThreadPoolExecutor(max_workers=8) as pool:
        return {card: match[1] for card, match in pool.map(look, cards) if match}


def _configured_addresses() -> dict[int, str]:
    try:
        text = host_path(CONFIGURATION).read_text("utf-8", "replace")
    except OSError:
        return {}
    lines = re.findall(r"^\s*address_([0-9]{1,4})\s*=\s*(\S+)", text, re.MULTILINE)
    return {int(card): address for card, address in lines}
