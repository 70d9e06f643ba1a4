"""What ``rank-table`` does: make, join, check and show the tables HCCL reads."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.files import check_writable, write_text
from fcn4_dist.findings import Finding, Level, errors_in
from fcn4_dist.host.cards import find_main_address, parse_devices
from fcn4_dist.host.hccn import find_card_addresses
from fcn4_dist.host.host import Host
from fcn4_dist.host.npu_smi import find_generation, find_superpod
from fcn4_dist.rank_table import (
    check_rank_table,
    generate_rank_table,
    generated_name,
    merge_rank_tables,
    merged_name,
    read_rank_table,
)
from fcn4_dist.terminal import say, say_result, table, warn

_WORD_OF_LEVEL = {Level.ERROR: "fault", Level.WARNING: "warning", Level.NOTE: "note"}


def generate(devices: str | None, server_ip: str | None, output_dir: Path, force: bool) -> None:
    """Write the table of this host.

    Args:
        devices: Physical ids of its cards, as in "0-7"; None for all that are ours to use.
        server_ip: Its address; None for the one it is reached by.
        output_dir: Folder to write to.
        force: Replace a file that is there and different.

    Raises:
        InputError: If cards or addresses are missing, or the file is there.
    """
    host = Host.find()
    cards = _choose_cards(devices, host)
    if not server_ip and not (server_ip := find_main_address()):
        raise InputError(
            "this host has no address, or several, to be reached by: choose one that "
            "'hostname -I' prints and give --server_ip ADDRESS"
        )
    if not (found := find_card_addresses(cards)):
        raise InputError(
            f"neither hccn_tool nor /etc/hccn.conf tells the addresses of cards "
            f"{', '.join(map(str, cards))}: run this as root on the host itself, or give the "
            "container /usr/local/Ascend/driver/tools/hccn_tool and /etc/hccn.conf"
        )
    addresses = {card: found.get(card, "") for card in cards}
    superpod = find_superpod(cards, host.npu_smi.places) if host.generation == "A3" else None
    content = generate_rank_table(
        addresses,
        server_ip,
        host.generation,
        superpod.name if superpod else "",
        superpod.numbers if superpod else None,
    )
    if server_ip not in host.addresses:
        warn(f"{server_ip} is none of this host's addresses: msrun will not find it in the table")
    _write(content, output_dir / generated_name(content), output_dir, force)
    if host.generation == "A3" and not superpod:
        say(
            "note: npu-smi tells of no superpod, so this table is of version 1.0; hosts of one "
            "superpod use 1.2, with super_pod_list"
        )


def merge(paths: Sequence[Path], output_dir: Path, force: bool) -> None:
    """Write the joined table of several hosts.

    Args:
        paths: Their tables.
        output_dir: Folder to write to.
        force: Replace a file that is there and different.

    Raises:
        InputError: If they do not go together, or the file is there.
    """
    content = merge_rank_tables(paths, find_generation())
    _write(content, output_dir / merged_name(content), output_dir, force)


def check(paths: Sequence[Path], card: str | None) -> int:
    """Print what is wrong with tables.

    Args:
        paths: The tables.
        card: Generation of the cards; None for that of this host.

    Returns:
        The exit code: 0 if all are right, 2 otherwise.
    """
    generation = card or find_generation()
    found = [check_rank_table(path, generation) for path in paths]
    for path, findings in zip(paths, found, strict=True):
        _print(path, findings)
    return InputError.exit_code if any(map(errors_in, found)) else 0


def show(path: Path) -> None:
    """Print a table by rank.

    Raises:
        InputError: If it does not pass the check.
    """
    rows = [("rank", "server", "card", "card ip")]
    for server in read_rank_table(path).servers:
        for device in server.devices:
            card, address = str(device.device_id), device.device_ip or "-"
            rows.append((str(device.rank_id), server.server_id, card, address))
    say_result(table(rows))


def _choose_cards(devices: str | None, host: Host) -> Sequence[int]:
    if devices is None:
        if not host.usable:
            raise InputError(
                "this machine shows no Ascend card to use (/dev/davinci*): run it on the host that "
                "has them, or name them with --devices"
            )
        return host.usable
    cards = parse_devices(devices)
    missing = sorted(set(cards) - set(host.cards))
    # A container may hide the cards themselves and still know their addresses.
    if host.cards and missing:
        raise InputError(
            f"devices {devices} names card {', '.join(map(str, missing))}, and this host has "
            f"{', '.join(map(str, host.cards))}: choose among these"
        )
    return cards


def _write(content: Mapping[str, Any], path: Path, output_dir: Path, force: bool) -> None:
    check_writable(output_dir, "output_dir")
    text = json.dumps(content, indent=4) + "\n"
    try:
        different = path.exists() and path.read_text("utf-8", "surrogateescape") != text
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: move it away") from None
    if different and not force:
        raise InputError(f"{path} is there and different: look at it, then give --force")
    write_text(path, text)
    say_result(f"wrote {path}")


def _print(path: Path, findings: Sequence[Finding]) -> None:
    numbers = Counter(_WORD_OF_LEVEL[finding.level] for finding in findings)
    counts = ", ".join(
        f"{number} {word}{'s' if number > 1 else ''}"
        for word, number in numbers.items()
        if word != "note"
    )
    verdict = "wrong" if errors_in(findings) else "right"
    say_result(f"{path}: {verdict}{f' ({counts})' if counts else ''}")
    for finding in findings:
        say_result(f"  {_WORD_OF_LEVEL[finding.level]}: {finding}")
