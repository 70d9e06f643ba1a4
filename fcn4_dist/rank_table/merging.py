"""Join the tables of several hosts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fcn4_dist.errors import InputError
from fcn4_dist.rank_table.checking import (
    check_content,
    read_content,
    refuse_faults,
)
from fcn4_dist.rank_table.report import Findings


def merge_rank_tables(paths: Sequence[Path], generation: str = "") -> dict[str, Any]:
    """Join tables into one, with ranks in the dictionary order of the servers' names.

    Args:
        paths: The tables, in any order.
        generation: "910", "A2" or "A3"; "" leaves their own rules unchecked.

    Returns:
        The joined table's JSON object.

    Raises:
        InputError: If one does not pass the check, or they do not go together.
    """
    if len(paths) < 2:
        raise InputError("there is nothing to merge: name two tables or more")
    contents = {path: _read(path, generation) for path in paths}
    _check_versions(contents)
    _check_servers(contents)
    merged = _merge(list(contents.values()))
    findings = Findings()
    check_content(merged, generation, findings)
    refuse_faults(findings.report(), f"the join of {', '.join(map(str, paths))}")
    return merged


def merged_name(content: Mapping[str, Any]) -> str:
    """Name a joined table as the ModelZoo's tool does: hccl_2s_16p.json."""
    servers = content["server_list"]
    return f"hccl_{len(servers)}s_{sum(len(server['device']) for server in servers)}p.json"


def _read(path: Path, generation: str) -> dict[str, Any]:
    content, _ = read_content(path, generation)
    return content


def _check_versions(contents: Mapping[Path, dict[str, Any]]) -> None:
    versions = {content["version"]: path for path, content in contents.items()}
    if len(versions) > 1:
        found = ", ".join(f"{version} in {path}" for version, path in versions.items())
        raise InputError(f"the tables have several versions ({found}): generate them alike")
    with_pods = {"super_pod_list" in content for content in contents.values()}
    if len(with_pods) > 1:
        raise InputError("some tables have super_pod_list and some not: generate them alike")


def _check_servers(contents: Mapping[Path, dict[str, Any]]) -> None:
    seen: dict[str, Path] = {}
    for path, content in contents.items():
        for server in content["server_list"]:
            name = server["server_id"]
            if name in seen:
                raise InputError(
                    f"server {name} is in {seen[name]} and in {path}: name each server's table once"
                )
            seen[name] = path


def _merge(contents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pods: dict[str, list[str]] = {}
    for content in contents:
        for pod in content.get("super_pod_list", []):
            members = pods.setdefault(pod["super_pod_id"], [])
            members += [member["server_id"] for member in pod["server_list"]]
    # A superpod stays together, so its first server decides where it stands.
    first_of_pod = {name: min(members) for members in pods.values() for name in members}
    servers = sorted(
        (server for content in contents for server in content["server_list"]),
        key=lambda server: (
            first_of_pod.get(server["server_id"], server["server_id"]),
            server["server_id"],
        ),
    )
    merged: dict[str, Any] = {
        "version": contents[0]["version"],
        "server_count": str(len(servers)),
        "server_list": _renumbered(servers),
    }
    if pods:
        merged["super_pod_list"] = [
            {
                "super_pod_id": pod,
                "server_list": [{"server_id": name} for name in sorted(members)],
            }
            for pod, members in sorted(pods.items(), key=lambda item: min(item[1]))
        ]
    merged["status"] = "completed"
    return merged


def _renumbered(servers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    renumbered = []
    rank = 0
    for server in servers:
        devices = []
        for device in sorted(server["device"], key=lambda entry: int(entry["rank_id"])):
            devices.append({**device, "rank_id": str(rank)})
            rank += 1
        renumbered.append({**server, "device": devices})
    return renumbered
