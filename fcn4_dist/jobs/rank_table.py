"""What ``rank-table`` does: make, join, check and show the tables HCCL reads."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.files import check_writable, write_text
from fcn4_dist.findings import Finding, Level, counted, errors_in, in_short
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
from fcn4_dist.text import span

_MOST_ONE_BY_ONE = 8
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
    found = {path: check_rank_table(path, generation) for path in paths}
    right = {path: findings for path, findings in found.items() if _is_right(findings)}
    if len(right) <= _MOST_ONE_BY_ONE:
        right = {}
    for path, findings in found.items():
        if path not in right:
            _print(str(path), findings)
    if right:
        notes = dict.fromkeys(finding for findings in right.values() for finding in findings)
        _print(counted(list(map(str, right))), list(notes))
    return InputError.exit_code if any(map(errors_in, found.values())) else 0


def show(path: Path) -> None:
    """Print a table by rank, or by server where there are many.

    Raises:
        InputError: If it does not pass the check.
    """
    servers = read_rank_table(path).servers
    rows = [("rank", "server", "card", "card ip")]
    for server in servers:
        ranks = [device.rank_id for device in server.devices]
        cards = [device.device_id for device in server.devices]
        addresses = [device.device_ip or "-" for device in server.devices]
        if len(servers) > _MOST_ONE_BY_ONE:
            ends = dict.fromkeys((addresses[0], addresses[-1]))
            rows.append((span(ranks), server.server_id, span(cards), " … ".join(ends)))
        else:
            names = [server.server_id] * len(ranks)
            rows += zip(map(str, ranks), names, map(str, cards), addresses, strict=True)
    say_result(table(rows))


def _is_right(findings: Sequence[Finding]) -> bool:
    return not any(finding.level in (Level.ERROR, Level.WARNING) for finding in findings)


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


def _print(name: str, findings: Sequence[Finding]) -> None:
    numbers = Counter(_WORD_OF_LEVEL[finding.level] for finding in findings)
    counts = ", ".join(
        f"{number} {word}{'s' if number > 1 else ''}"
        for word, number in numbers.items()
        if word != "note"
    )
    verdict = "wrong" if errors_in(findings) else "right"
    say_result(f"{name}: {verdict}{f' ({counts})' if counts else ''}")
    for line in in_short([f"{_WORD_OF_LEVEL[finding.level]}: {finding}" for finding in findings]):
        say_result(f"  {line}")
