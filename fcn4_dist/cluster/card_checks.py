"""Whether this host has the cards a job wants, and whether they are well and free."""

import os
from collections.abc import Mapping, Sequence

from fcn4_dist.cluster.device import NO_CARD
from fcn4_dist.cluster.topology import Starter, Topology
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level
from fcn4_dist.host.cann import check_cann, minor_version
from fcn4_dist.host.hccn import find_link_states, find_network_health, find_tls_switches
from fcn4_dist.host.host import VISIBLE_VARIABLE, Host

TRAINING_CARDS = ("910", "A2", "A3")
# Of the states of a card's way to its gateway, those that say nothing is wrong or looked for.
_NETWORK_IS_WELL = ("Success", "Init", "Detect ip set")


def check_cards(
    device_target: str,
    host: Host,
    environment: Mapping[str, str],
    version: str,
) -> list[Finding]:
    """Look whether this host has cards that the installed MindSpore and CANN can use.

    Args:
        device_target: "Ascend" or "CPU".
        host: This host.
        environment: The variables workers will start from.
        version: Of MindSpore; "" if there is none.
    """
    if device_target == "CPU":
        cores = len(os.sched_getaffinity(0))
        return [Finding(Level.OK, f"CPU with {cores} cores", check="device")]
    if not host.cards:
        return [Finding(Level.ERROR, *NO_CARD, check="device")]
    findings = [Finding(Level.OK, _describe(host), check="device"), *_check_driver(host)]
    findings.append(_check_generation(host.generation, version))
    if VISIBLE_VARIABLE in environment:
        findings += _check_visible(environment[VISIBLE_VARIABLE], host)
    findings.append(check_cann(environment, version))
    return findings


def check_precision(settings: Settings, host: Host, ranks: int) -> list[Finding]:
    """Look whether the cards can compute as exactly, and as repeatably, as is asked for.

    Args:
        settings: What is to be computed in, and on which device.
        host: This host.
        ranks: Of all hosts.
    """
    if settings.device_target == "CPU" or host.generation != "910":
        return []
    findings = []
    if settings.precision == "bfloat16":
        sentence = "the first Ascend 910 has no bfloat16"
        findings.append(Finding(Level.ERROR, sentence, "give --amp_dtype float16", "precision"))
    if settings.exact_float32:
        sentence = "the first Ascend 910 has none but float16 convolutions"
        findings.append(Finding(Level.ERROR, sentence, "leave --exact_float32 out", "precision"))
    if settings.deterministic and ranks > 1:
        sentence = (
            "HCCL documents HCCL_DETERMINISTIC for Ascend A2 and A3 only: on several of the first "
            "910, averaged gradients may differ in their last bits"
        )
        findings.append(Finding(Level.WARNING, sentence, check="precision"))
    return findings


def check_cards_of_workers(
    topology: Topology, settings: Settings, host: Host, starter: Starter
) -> list[Finding]:
    """Look whether there is a card for each worker, and whether these are well and free.

    Args:
        topology: The workers.
        settings: Name the card of a worker that nothing starts.
        host: This host; it has cards.
        starter: What is to start the workers.
    """
    try:
        used = _CARDS_FOR[starter](topology, settings, host)
    except InputError as error:
        return [Finding(Level.ERROR, str(error), check="workers")]
    sentence = f"{len(used)} on this host, on {_cards(used)}"
    findings = [Finding(Level.OK, sentence, check="workers")]
    findings += _check_health(used, host) + _check_processes(used, host)
    if settings.profile and (topology.visible_cards or host.granted is not None):
        findings.append(_PROFILE_OF_SOME)
    if topology.ranks > 1:
        findings += _check_tls(used)
    if topology.ranks > topology.local_ranks:
        findings += _check_network(used, host)
    return findings


_PROFILE_OF_SOME = Finding(
    Level.WARNING,
    f"from CANN 8.3 on its profiler is documented not to work with {VISIBLE_VARIABLE}, by which "
    "the cards are chosen here",
    "use the first cards of the host without it and without --devices, or leave --profile out",
    "profile",
)


def listed(items: Sequence[int] | Sequence[str]) -> str:
    """Write ids or addresses as a sentence has them."""
    return ", ".join(map(str, items))


def _describe(host: Host) -> str:
    cards = f"{len(host.cards)} Ascend card{'s' * (len(host.cards) > 1)} ({listed(host.cards)})"
    logical = host.logical(host.cards)
    numbers = "" if logical == host.cards else f"; CANN numbers them {listed(logical)}"
    return f"{cards}, {host.generation or 'of unknown kind'}{numbers}"


def _check_driver(host: Host) -> list[Finding]:
    driver = host.driver
    findings = []
    if driver.missing:
        # Some containers do without the others.
        level = Level.ERROR if "/dev/davinci_manager" in driver.missing else Level.WARNING
        sentence = f"{listed(driver.missing)} missing, by which all cards are used"
        mend = "start the container with --device for each of them, or load the driver"
        findings.append(Finding(level, sentence, mend, "driver"))
    if driver.closed:
        others = f" and {len(driver.closed) - 3} more like these" if len(driver.closed) > 3 else ""
        sentence = f"this user may not open {listed(driver.closed[:3])}{others}"
        mend = (
            "join the group that owns them (ls -l /dev/davinci_manager; most often HwHiAiUser) and "
            "log in again"
        )
        findings.append(Finding(Level.ERROR, sentence, mend, "driver"))
    if host.npu_smi.failure and not findings:
        sentence = f"npu-smi fails: {host.npu_smi.failure}"
        mend = (
            "the cards may be another container's, or the driver another than the one that is "
            "loaded (restart after an upgrade); MindSpore will hardly find them either"
        )
        findings.append(Finding(Level.WARNING, sentence, mend, "driver"))
    if driver.version and not findings:
        findings.append(Finding(Level.OK, driver.version, check="driver"))
    return findings


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
    elif generation == "910" and minor_version(version) not in ("2.7", "2.8"):
        level = Level.WARNING
        sentence = (
            f"MindSpore {version} counts the graph engine, which the first 910 needs, as deprecated"
        )
        mend = "install MindSpore 2.8.0 if compiling fails"
    elif generation == "910":
        sentence += ", on the graph engine"
    return Finding(level, sentence, mend, "card and MindSpore")


def _check_visible(text: str, host: Host) -> list[Finding]:
    read = ",".join(map(str, host.read_visible(text)))
    # None at all is what nobody means.
    if read and read == text:
        return []
    known = host.logical(host.cards)
    sentence = f"CANN reads {VISIBLE_VARIABLE}={text} as {read or 'no card at all'}"
    mend = (
        f"unset it, or write numbers of {listed(known)} that ascend, with commas and nothing else "
        "between them"
    )
    if known != host.cards:
        mend += f" (they count the cards that --devices and /dev call {listed(host.cards)})"
    return [Finding(Level.ERROR, sentence, mend, "visible cards")]


def _check_health(used: Sequence[int], host: Host) -> list[Finding]:
    told = {card: host.npu_smi.health[card] for card in used if card in host.npu_smi.health}
    sick = [f"{state} of card {card}" for card, state in told.items() if state != "OK"]
    if not sick:
        return [Finding(Level.OK, "npu-smi finds nothing wrong", check="health")] if told else []
    sentence = f"npu-smi says {listed(sick)}"
    mend = (
        "'npu-smi info -t health -i NPU' tells the fault; if the job fails there, leave these "
        "cards out with --devices"
    )
    return [Finding(Level.WARNING, sentence, mend, "health")]


def _check_processes(used: Sequence[int], host: Host) -> list[Finding]:
    busy = [
        f"card {card} by {title}" for card in used for title in host.npu_smi.processes.get(card, ())
    ]
    if not busy:
        return []
    mend = "end what should not run any more, or choose other cards with --devices"
    return [Finding(Level.WARNING, f"in use already: {listed(busy)}", mend, "health")]


def _check_tls(used: Sequence[int]) -> list[Finding]:
    told = find_tls_switches(used)
    if len(set(told.values())) < 2:
        return []
    on = [card for card, switch in told.items() if switch != "0"]
    off = [card for card, switch in told.items() if switch == "0"]
    sentence = f"TLS is on for {_cards(on)} and off for {_cards(off)}, which HCCL may refuse"
    mend = "'hccn_tool -i CARD -tls -s enable 0' (or 1) for each, on every host"
    return [Finding(Level.WARNING, sentence, mend, "card network")]


def _check_network(used: Sequence[int], host: Host) -> list[Finding]:
    down = [card for card, state in find_link_states(used).items() if state == "DOWN"]
    health = find_network_health(used)
    lost = [
        f"{state} of card {card}"
        for card, state in health.items()
        if state not in _NETWORK_IS_WELL and card not in down
    ]
    findings = []
    if down:
        sentence = f"the network link of {_cards(down)} is down, and the job has other hosts"
        mend = "look at their cables and the switch; 'hccn_tool -i CARD -link -g' tells"
        # The hosts of a superpod have another way to each other.
        level = Level.WARNING if host.generation == "A3" else Level.ERROR
        findings.append(Finding(level, sentence, mend, "card network"))
    if lost:
        sentence = f"hccn_tool says {listed(lost)}, which may not reach the other hosts"
        mend = "look at their gateway and detection address ('hccn_tool -i CARD -netdetect -g')"
        findings.append(Finding(Level.WARNING, sentence, mend, "card network"))
    return findings


def _cards_for_msrun(topology: Topology, settings: Settings, host: Host) -> tuple[int, ...]:
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
    return topology.cards or host.usable[: topology.local_ranks]


def _cards_for_mpirun(topology: Topology, settings: Settings, host: Host) -> tuple[int, ...]:
    if topology.local_ranks > len(host.usable):
        raise InputError(
            f"mpirun started {topology.local_ranks} processes on this host, which has "
            f"{len(host.usable)} cards to use: lower the number of processes a host"
        )
    return host.usable[: topology.local_ranks]


def _card_of_its_own(topology: Topology, settings: Settings, host: Host) -> tuple[int, ...]:
    if not host.usable:
        raise InputError(
            f"{VISIBLE_VARIABLE} leaves none of this host's cards to use: unset it, or have it "
            "name some"
        )
    if settings.device_id >= len(host.usable):
        raise InputError(
            f"device_id is {settings.device_id}, and the cards this host has to use "
            f"({_usable(host)}) are numbered from 0 to {len(host.usable) - 1}: give another "
            "--device_id"
        )
    return (host.usable[settings.device_id],)


_CARDS_FOR = {
    Starter.MSRUN: _cards_for_msrun,
    Starter.MPIRUN: _cards_for_mpirun,
    Starter.NOTHING: _card_of_its_own,
}


def _cards(ids: Sequence[int]) -> str:
    return f"card{'s' * (len(ids) > 1)} {listed(ids)}"


def _usable(host: Host) -> str:
    why = "" if host.granted is None else f", by {VISIBLE_VARIABLE}"
    return f"{listed(host.usable) or 'none'}{why}"
