"""The check of a whole table: which rules hold for its version and cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level, refuse_errors
from fcn4_dist.rank_table.entries import Entry, load_content, shown
from fcn4_dist.rank_table.rules import (
    check_addresses,
    check_counts,
    check_keys,
    check_order,
    check_range,
    check_unique,
    take_superpods,
)
from fcn4_dist.rank_table.servers import ReadServer, take_servers
from fcn4_dist.rank_table.table import RankTable, typed_table

GENERATIONS = ("910", "A2", "A3")
"""Generations of cards whose own rules are known."""

VERSIONS = ("1.0", "1.2")
"""Versions whose rules are known."""

_PURPOSE_OF_OTHERS = {"1.1": " (for unlike servers)", "2.0": " (for Ascend 950)"}
_LEVELS = (Level.ERROR, Level.WARNING, Level.NOTE)


def check_rank_table(path: Path, generation: str = "") -> list[Finding]:
    """Check a rank table against every rule of its version.

    Of a table of another version than ``VERSIONS`` only that is said; no rule is held against it.

    Args:
        path: The file; one that is missing or no table is an error found, never an exception.
        generation: "910", "A2" or "A3", the cards it is for; "" leaves their own rules out.

    Returns:
        Errors (what HCCL refuses, or its documents rule out), then warnings (what HCCL takes, and
        is probably not meant), then notes (what was not checked).
    """
    return _check_file(path, generation)[1]


def read_rank_table(path: Path, generation: str = "") -> RankTable:
    """Read a rank table.

    Args:
        path: The file.
        generation: As for :func:`check_rank_table`.

    Returns:
        Its servers and cards.

    Raises:
        InputError: If the check finds errors, all of which it lists, or the version is not one
            whose rules are known.
    """
    return typed_table(read_content(path, generation))


def read_content(path: Path, generation: str = "") -> dict[str, Any]:
    """Read a rank table as it stands in the file; as :func:`read_rank_table` otherwise."""
    content, findings = _check_file(path, generation)
    refuse_table(findings, str(path))
    if content is None or content.get("version") not in VERSIONS:
        raise InputError(
            f"{path} is of a version whose rules are not known here: use version 1.0 or 1.2"
        )
    return content


def refuse_table(findings: Sequence[Finding], name: str) -> None:
    """Raise InputError with every error found in a table, if there are any."""
    refuse_errors(findings, f"{name} cannot be used as a rank table:")


def check_content(content: dict[str, Any], generation: str) -> list[Finding]:
    """Check the JSON object of a table; as :func:`check_rank_table` otherwise."""
    table = Entry(content, "", [])
    if version := _take_version(table, generation):
        _check_status(table)
        servers = take_servers(table, version, generation)
        check_keys(table, servers, version)
        pod_of = take_superpods(table, servers) if version == "1.2" else {}
        _check_server_count(table)
        check_unique(servers)
        check_range(servers)
        check_order(servers, pod_of)
        # Servers in no superpod are taken together for one.
        superpods = max(1, len(set(pod_of.values()))) if version == "1.2" else 0
        check_addresses(servers, superpods, generation)
        check_counts(servers, generation)
        _check_pod_ips(servers)
        _note_unchecked_cards(table, generation)
    return sorted(table.findings, key=lambda finding: _LEVELS.index(finding.level))


def _check_file(path: Path, generation: str) -> tuple[dict[str, Any] | None, list[Finding]]:
    findings: list[Finding] = []
    content = load_content(path, findings)
    return content, findings + (check_content(content, generation) if content is not None else [])


def _take_version(table: Entry, generation: str) -> str:
    """Give the version whose rules hold; "" with a note if they are not known."""
    if "version" not in table.content and "group_list" in table.content:
        table.add(
            Level.NOTE,
            "group_list",
            "the table is of the old form without a version, whose rules are not checked",
            "'fcn4-dist rank-table generate' writes the present one",
        )
        if generation in ("A2", "A3"):
            problem = f"this old form is for cards 910, not {generation}"
            table.add(Level.WARNING, "group_list", problem)
        return ""
    version = table.text("version", 'write "1.0", or "1.2" for superpods')
    if version is not None and version not in VERSIONS:
        purpose = _PURPOSE_OF_OTHERS.get(version, "")
        problem = f"the table is of version {shown(version)}{purpose}, whose rules are not checked"
        # One that HCCL does not know by now is probably a slip.
        level, mend = (Level.NOTE, "") if purpose else (Level.WARNING, 'write "1.0" or "1.2"')
        table.add(level, "version", problem, mend)
        if version == "2.0" and generation in GENERATIONS:
            problem = f'"2.0" is for Ascend 950, not for {generation}'
            table.warning("version", problem, 'write "1.0"')
        return ""
    if version == "1.2" and generation in ("910", "A2"):
        problem = f'"1.2" is for superpods of A3 cards, not for {generation}'
        table.warning("version", problem, 'write "1.0"')
    # Without a version, the other errors are still worth telling.
    return version or ("1.2" if "super_pod_list" in table.content else "1.0")


def _check_status(table: Entry) -> None:
    status = table.text("status", 'write "completed"')
    if status not in (None, "completed"):
        problem = f'{shown(status)} lets HCCL wait up to 30 minutes for "completed"'
        table.error("status", problem, "finish the table")


def _check_server_count(table: Entry) -> None:
    if "server_count" not in table.content:
        problem = "the key is missing, which HCCL's documents ask for"
        table.add(Level.WARNING, "server_count", problem)
        return
    count = table.number("server_count", "write how many servers there are")
    servers = table.content.get("server_list")
    if count is not None and servers and isinstance(servers, list) and count != len(servers):
        problem = f"{count} is not the length of server_list"
        table.error("server_count", problem, f"write {len(servers)}")


def _check_pod_ips(servers: Sequence[ReadServer]) -> None:
    for server in servers:
        if not any(server.entry.content.get(key) for key in ("pod_ip", "container_ip")):
            problem = "the key is missing, and msrun keeps its own order of ranks"
            server.entry.warning("pod_ip", problem, "write each server's address")
            return


def _note_unchecked_cards(table: Entry, generation: str) -> None:
    if generation not in GENERATIONS:
        reason = f"there are no rules for {generation} here" if generation else "no card is known"
        problem = f"rules of one card generation were not checked ({reason})"
        table.add(Level.NOTE, "", problem, "--card names one")
