"""The check of a whole table: which rules hold for its version and cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.rank_table.cluster_rules import (
    check_addresses,
    check_counts,
    check_order,
    check_range,
    check_unique,
)
from fcn4_dist.rank_table.fields import key_path, shown, take_number, take_text
from fcn4_dist.rank_table.loading import load_content
from fcn4_dist.rank_table.other_versions import check_other_version
from fcn4_dist.rank_table.report import Findings, Report
from fcn4_dist.rank_table.servers import ReadServer, take_servers, unknown_key
from fcn4_dist.rank_table.superpods import take_superpods
from fcn4_dist.rank_table.table import Device, RankTable, Server

GENERATIONS = ("910", "A2", "A3")
"""Generations of cards whose own rules are known."""

VERSIONS = ("1.0", "1.2")
"""Versions whose rules are known."""

_OTHER_VERSIONS = {"1.1": "for unlike servers", "2.0": "for Ascend 950"}
_TOP_KEYS = {"version", "server_count", "server_list", "status"}


def check_rank_table(path: Path, generation: str = "") -> Report:
    """Check a rank table against every rule of its version.

    Args:
        path: The file; one that is missing or no table is a fault, never an exception.
        generation: "910", "A2" or "A3", the cards it is for; "" leaves their own rules out.

    Returns:
        All that was found.
    """
    findings = Findings()
    content = load_content(path, findings)
    if content is not None:
        check_content(content, generation, findings)
    return findings.report()


def read_rank_table(path: Path, generation: str = "") -> RankTable:
    """Read a rank table.

    Args:
        path: The file.
        generation: As for :func:`check_rank_table`.

    Returns:
        Its servers and cards.

    Raises:
        InputError: If the check finds faults, all of which it lists, or the version is not one
            whose servers can be read.
    """
    return typed_table(*read_content(path, generation))


def read_content(path: Path, generation: str = "") -> tuple[dict[str, Any], Sequence[ReadServer]]:
    """Read a rank table as it stands in the file; as :func:`read_rank_table` otherwise."""
    findings = Findings()
    content = load_content(path, findings)
    servers = check_content(content, generation, findings) if content is not None else ()
    refuse_faults(findings.report(), str(path))
    if content is None or content.get("version") not in VERSIONS:
        raise InputError(
            f"{path} is of a version this program checks only in part: use version 1.0 or 1.2"
        )
    return content, servers


def refuse_faults(report: Report, name: str) -> None:
    """Raise InputError with every fault of a report, if there are any."""
    if report.faults:
        lines = "".join(f"\n  {fault}" for fault in report.faults)
        raise InputError(f"{name} cannot be used as a rank table:{lines}")


def check_content(
    content: dict[str, Any], generation: str, findings: Findings
) -> Sequence[ReadServer]:
    """Check the JSON object of a table.

    Args:
        content: The object.
        generation: As for :func:`check_rank_table`.
        findings: Where faults go.

    Returns:
        Its servers, as far as they can be read; none for versions whose rules are not known.
    """
    _check_status(content, findings)
    version = _take_version(content, generation, findings)
    if version not in VERSIONS:
        return ()
    known = _TOP_KEYS | ({"super_pod_list"} if version == "1.2" else set())
    for key in sorted(content.keys() - known):
        findings.warning(key_path("", key), f"{unknown_key(key)}: take it out")
    servers = take_servers(content, version, generation, findings)
    pod_of = take_superpods(content, servers, findings) if version == "1.2" else {}
    _check_server_count(content, findings)
    check_unique(servers, findings)
    check_range(servers, findings)
    check_order(servers, pod_of, findings)
    check_addresses(servers, version, len(set(pod_of.values())), generation, findings)
    check_counts(servers, generation, findings)
    _check_pod_ips(servers, findings)
    if generation not in GENERATIONS:
        problem = f"there are no rules for {generation} here" if generation else "no card is known"
        findings.note(
            "", f"rules of one card generation were not checked ({problem}): --card names one"
        )
    return servers


def typed_table(content: dict[str, Any], servers: Sequence[ReadServer]) -> RankTable:
    """Make the typed table of a checked one."""
    return RankTable(
        content["version"],
        tuple(sorted(map(_typed_server, servers), key=lambda server: server.devices[0].rank_id)),
    )


def _typed_server(server: ReadServer) -> Server:
    devices = (
        Device(device.device_id or 0, device.ip_text, device.rank_id or 0)
        for device in server.devices
    )
    return Server(
        server.server_id or "",
        server.pod_ip,
        tuple(sorted(devices, key=lambda device: device.rank_id)),
    )


def _check_status(content: dict[str, Any], findings: Findings) -> None:
    status = take_text(content, "", "status", 'write "completed"', findings)
    if status not in (None, "completed"):
        findings.fault(
            "status",
            f'{shown(status)} lets HCCL wait up to 30 minutes for "completed": finish the table',
        )


def _take_version(content: dict[str, Any], generation: str, findings: Findings) -> str:
    if "version" not in content and "group_list" in content:
        findings.note(
            "group_list",
            "this is the old form without a version: only what holds for all versions was "
            "checked; 'fcn4-dist rank-table generate' writes the present one",
        )
        check_other_version(content, findings)
        if generation in ("A2", "A3"):
            findings.warning("group_list", f"this old form is for cards 910, not {generation}")
        return ""
    version = take_text(content, "", "version", 'write "1.0", or "1.2" for superpods', findings)
    if version in _OTHER_VERSIONS:
        findings.note(
            "version",
            f'"{version}" is {_OTHER_VERSIONS[version]}: only what holds for all versions '
            "was checked",
        )
        if version == "1.1":
            check_other_version(content, findings)
        elif generation in GENERATIONS:
            findings.fault("version", f'cards {generation} do not take version "2.0": write "1.0"')
        return version
    if version is not None and version not in VERSIONS:
        findings.fault(
            "version", f'{shown(version)} is no version of HCCL\'s: write "1.0" or "1.2"'
        )
    if version == "1.2" and generation in ("910", "A2"):
        findings.warning(
            "version", f'"1.2" is for superpods of A3 cards, not for {generation}: write "1.0"'
        )
    # With a version that cannot be, the other faults are still worth telling.
    return version if version in VERSIONS else "1.2" if "super_pod_list" in content else "1.0"


def _check_server_count(content: dict[str, Any], findings: Findings) -> None:
    if "server_count" not in content:
        findings.warning("server_count", "the key is missing, which HCCL's documents ask for")
        return
    count = take_number(content, "", "server_count", "write how many servers there are", findings)
    servers = content.get("server_list")
    if count is not None and servers and isinstance(servers, list) and count != len(servers):
        findings.fault(
            "server_count", f"{count} is not the length of server_list: write {len(servers)}"
        )


def _check_pod_ips(servers: Sequence[ReadServer], findings: Findings) -> None:
    without = [server for server in servers if not server.pod_ip]
    if without:
        findings.warning(
            key_path(without[0].where, "pod_ip"),
            "the key is missing, and msrun keeps its own order of ranks: write each server's "
            "address",
        )
