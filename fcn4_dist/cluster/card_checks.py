"""Whether this host has the cards a job wants, and the driver, CANN and MindSpore to use them."""

import os
from collections.abc import Mapping
from pathlib import Path

from fcn4_dist.cluster.device import NO_CARD
from fcn4_dist.cluster.host import Host
from fcn4_dist.cluster.topology import Starter, Topology
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

# From the version check of each MindSpore wheel: versions of CANN's compiler it accepts.
CANN_OF_MINDSPORE = {
    "2.7": ("7.8", "8.2", "8.3"),
    "2.8": ("8.2", "8.3", "8.5"),
    "2.9": ("8.2", "8.3", "8.5", "9.0"),
    "2.10": ("8.2", "8.3", "8.5", "9.0", "9.1"),
}
TRAINING_CARDS = ("910", "A2", "A3")


def check_cards(
    device_target: str,
    host: Host,
    environment: Mapping[str, str],
    version: str,
    precision: str = "float32",
) -> list[Finding]:
    """Look whether this host has cards that the installed MindSpore and CANN can use.

    Args:
        device_target: "Ascend" or "CPU".
        host: This host.
        environment: The variables workers will start from.
        version: Of MindSpore; "" if there is none.
        precision: What is to be computed in.
    """
    if device_target == "CPU":
        cores = len(os.sched_getaffinity(0))
        return [Finding(Level.OK, f"CPU with {cores} cores", check="device")]
    if not host.cards:
        return [Finding(Level.ERROR, *NO_CARD, check="device")]
    found = f"{len(host.cards)} Ascend cards ({listed(host.cards)})"
    kind = host.generation or "of unknown kind"
    findings = [Finding(Level.OK, f"{found}, {kind}", check="device")]
    findings.append(_check_generation(host.generation, version))
    if precision == "bfloat16" and host.generation == "910":
        sentence = "the first Ascend 910 has no bfloat16"
        mend = "give --amp_dtype float16"
        findings.append(Finding(Level.ERROR, sentence, mend, "precision"))
    findings.append(_check_cann(environment, version))
    return findings


def _cards_for_msrun(topology: Topology, settings: Settings, host: Host) -> str:
    if strangers := [card for card in topology.cards if card not in host.usable]:
        raise InputError(
            f"this host has no card {listed(strangers)} to use, only {_usable(host)}: name "
            "cards that are there with --devices, or make the rank table on this host"
        )
    if topology.local_ranks > len(host.usable):
        raise InputError(
            f"{topology.local_ranks} workers need as many cards, and this host has "
            f"{len(host.usable)} to use ({_usable(host)}): lower DEVICE_NUM"
        )
    used = topology.cards or host.usable[: topology.local_ranks]
    return f"{topology.local_ranks} on this host, on cards {listed(used)}"


def _cards_for_mpirun(topology: Topology, settings: Settings, host: Host) -> str:
    if topology.local_ranks > len(host.usable):
        raise InputError(
            f"mpirun started {topology.local_ranks} processes on this host, which has "
            f"{len(host.usable)} cards to use: lower the number of processes a host"
        )
    used = host.usable[: topology.local_ranks]
    return f"{topology.local_ranks} on this host, on cards {listed(used)}"


def _card_of_its_own(topology: Topology, settings: Settings, host: Host) -> str:
    # In a container the variable may number the cards anew: how many there are is what counts.
    cards = host.granted or host.cards
    if settings.device_id >= len(cards):
        why = ", by ASCEND_RT_VISIBLE_DEVICES" if host.granted else ""
        raise InputError(
            f"device_id is {settings.device_id}, and the cards this host has to use "
            f"({listed(cards)}{why}) are numbered from 0 to {len(cards) - 1}: give another "
            "--device_id"
        )
    return f"1 on this host, on card {cards[settings.device_id]}"


CARDS_FOR = {
    Starter.MSRUN: _cards_for_msrun,
    Starter.MPIRUN: _cards_for_mpirun,
    Starter.NOTHING: _card_of_its_own,
}


def _usable(host: Host) -> str:
    why = "" if host.granted is None else ", by ASCEND_RT_VISIBLE_DEVICES"
    return f"{listed(host.usable)}{why}"


def _check_generation(generation: str, version: str) -> Finding:
    level, sentence, mend = Level.OK, f"MindSpore {version} on {generation}", ""
    if not version:
        level, sentence = Level.NOTE, "not checked, as there is no MindSpore"
    elif not generation:
        level = Level.NOTE
        sentence = (
            f"npu-smi does not tell the kind of the cards; whether MindSpore {version} supports "
            "them was not checked"
        )
    elif generation not in TRAINING_CARDS:
        level = Level.ERROR
        sentence = (
            f"the cards are {generation}, and MindSpore trains on the Ascend 910, A2 and A3 only"
        )
        mend = "give --device_target CPU, or use another host"
    elif generation == "910" and _minor(version) not in ("2.7", "2.8"):
        level = Level.WARNING
        sentence = (
            f"MindSpore {version} counts the graph engine, which the first 910 needs, as deprecated"
        )
        mend = "install MindSpore 2.8.0 if compiling fails"
    elif generation == "910":
        sentence += ", on the graph engine"
    return Finding(level, sentence, mend, "card and MindSpore")


def _check_cann(environment: Mapping[str, str], version: str) -> Finding:
    home = environment.get("ASCEND_HOME_PATH", "")
    if not home or not Path(home).is_dir():
        found = sorted(Path("/usr/local/Ascend").glob("*/set_env.sh"))
        script = found[0] if found else "/usr/local/Ascend/ascend-toolkit/set_env.sh"
        reason = f"names {home}, which is no folder" if home else "is not set"
        sentence = f"CANN's environment is missing (ASCEND_HOME_PATH {reason})"
        return Finding(Level.ERROR, sentence, f"source {script}", "CANN")
    information = Path(home) / "compiler" / "version.info"
    cann = _version_in(information)
    accepted = CANN_OF_MINDSPORE.get(_minor(version))
    if not cann or not accepted:
        sentence = f"{home}; its version was not checked ({information})"
        return Finding(Level.NOTE, sentence, check="CANN")
    if _minor(cann) not in accepted:
        return Finding(
            Level.WARNING,
            f"CANN {cann} in {home} does not match MindSpore {version}, which takes "
            f"{', '.join(accepted)}",
            "source the set_env.sh of a matching CANN, or install a matching MindSpore",
            "CANN",
        )
    return Finding(Level.OK, f"{cann} in {home}", check="CANN")


def _version_in(information: Path) -> str:
    if not information.is_file():
        return ""
    lines = information.read_text("utf-8", "replace").splitlines()
    return next((line[8:].strip() for line in lines if line.startswith("Version=")), "")


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def listed(items: tuple[int, ...] | tuple[str, ...] | list[int]) -> str:
    """Write ids or addresses as a sentence has them."""
    return ", ".join(map(str, items))
