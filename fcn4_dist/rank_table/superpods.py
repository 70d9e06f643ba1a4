"""The rules of ``super_pod_list``, which version 1.2 adds."""

from collections.abc import Sequence
from typing import Any

from fcn4_dist.rank_table.fields import key_path, shown, take_text
from fcn4_dist.rank_table.report import Findings
from fcn4_dist.rank_table.servers import ReadServer, take_objects


def take_superpods(
    content: dict[str, Any], servers: Sequence[ReadServer], findings: Findings
) -> dict[str, str]:
    """Read ``super_pod_list`` and check it against the servers.

    Args:
        content: The table, of version 1.2.
        servers: Its servers.
        findings: Where faults go.

    Returns:
        The superpod of each server's name; empty if there are none.
    """
    if "super_pod_list" not in content:
        findings.warning(
            "super_pod_list",
            "the key is missing, and HCCL takes the servers for no superpod: list the superpods, "
            'or use version "1.0"',
        )
        return {}
    pod_of: dict[str, str] = {}
    names = {server.server_id for server in servers}
    seen: set[str] = set()
    for where, entry in take_objects(content, "", "super_pod_list", "list the superpods", findings):
        pod = take_text(entry, where, "super_pod_id", "give the superpod a name", findings)
        if pod is not None and pod in seen:
            findings.fault(
                key_path(where, "super_pod_id"),
                f"there is another superpod {shown(pod)}: list each once, with all its servers",
            )
        seen.add(pod or "")
        for place, member in take_objects(
            entry, where, "server_list", "list the superpod's servers", findings
        ):
            _take_member(place, member, pod or where, names, pod_of, findings)
    _check_members(servers, pod_of, findings)
    _check_together(servers, pod_of, findings)
    return pod_of


def _take_member(
    where: str,
    member: dict[str, Any],
    pod: str,
    names: set[str | None],
    pod_of: dict[str, str],
    findings: Findings,
) -> None:
    place = key_path(where, "server_id")
    name = take_text(member, where, "server_id", "write a server_id of server_list", findings)
    if name is None:
        return
    if name not in names:
        findings.fault(place, f"{shown(name)} is no server of server_list: write one of those")
    elif name in pod_of:
        findings.fault(place, f"{shown(name)} is in a superpod already: a server belongs to one")
    else:
        pod_of[name] = pod


def _check_members(
    servers: Sequence[ReadServer], pod_of: dict[str, str], findings: Findings
) -> None:
    seen: dict[tuple[str, int], str] = {}
    for server in servers:
        pod = pod_of.get(server.server_id or "")
        if server.server_id is not None and pod is None:
            findings.fault(
                key_path(server.where, "server_id"),
                f"{shown(server.server_id)} is in no superpod: add it to one in super_pod_list",
            )
        for device in server.devices:
            place = key_path(device.where, "super_device_id")
            if device.super_device_id is None:
                if not device.has_super_device_id:
                    findings.fault(
                        place,
                        "the key is missing: write the SDID that 'npu-smi info -t spod-info' shows",
                    )
            elif pod is not None:
                other = seen.setdefault((pod, device.super_device_id), device.where)
                if other != device.where:
                    findings.fault(
                        place,
                        f"{device.super_device_id} is the number of {other} in the same superpod: "
                        "write each card's own",
                    )


def _check_together(
    servers: Sequence[ReadServer], pod_of: dict[str, str], findings: Findings
) -> None:
    passed: list[str] = []
    for server in servers:
        pod = pod_of.get(server.server_id or "")
        if pod is None or passed[-1:] == [pod]:
            continue
        if pod in passed:
            findings.fault(
                server.where,
                f"it belongs to superpod {shown(pod)}, and a server of another stands between: "
                "list the servers of a superpod together",
            )
        passed.append(pod)
