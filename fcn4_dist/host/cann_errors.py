"""CANN's error codes: what each that a training can meet means, and what to do.

Codes and titles are those of CANN's error code reference (hiascend.com, "Error Codes", 8.3 to
9.1), of the messages in the sources of CANN's runtime and HCCL (error_code.json, the error table
of hcomm), and of MindSpore's "CANN Common Error Analysis"; the sentences are our own.
"""

from dataclasses import dataclass

BEGINNING = "CANN's error"
REFERENCE = "https://www.hiascend.com/document"
_INNER = "9999"


@dataclass(frozen=True)
class CannError:
    """One of CANN's error codes.

    Attributes:
        code: As "EI0006".
        meaning: What has happened, as the end of "CANN's error EI0006: …".
        mend: What to do.
        follows: Whether the rank that has it waited for another rank, so that the cause is to be
            looked for there first.
    """

    code: str
    meaning: str
    mend: str
    follows: bool = False

    def __str__(self) -> str:
        return f"{BEGINNING} {self.code}, {self.meaning}: {self.mend}"


def cann_error(code: str) -> CannError:
    """Give what is known of a code; of an unknown one, the part of CANN that it is of.

    Args:
        code: As "EI0006".
    """
    if code in _BY_CODE:
        return _BY_CODE[code]
    part = _PARTS.get(code[:2], "of CANN")
    if code.endswith(_INNER):
        return CannError(code, f"an inner error {part}", _SEND_IN)
    return CannError(code, f"an error {part}", f"look the code up at {REFERENCE}")


_OTHER_RANK = (
    "look at the rank that was waited for, which is dead or late; the variable HCCL_EXEC_TIMEOUT "
    "makes the wait longer"
)
_TABLE = "check the table with 'fcn4-dist rank-table check', or start without one"
_FREE_CARD = "end other processes on the card ('npu-smi info' lists them)"
_LESS_MEMORY = f"{_FREE_CARD}, or lower --batch_size"
_CARDS_HERE = (
    "see that --device_id, --devices and ASCEND_RT_VISIBLE_DEVICES name cards of this host"
)
_LINK = "'hccn_tool -i N -link -g' and 'hccn_tool -i N -net_health -g' tell of card N's link"
_DRIVER = "hold the driver's version against CANN's (docs/ascend.md)"
_SEND_IN = "send in the rank's log and its plog"
_PORTS = (
    "set HCCL_IF_BASE_PORT to the first of 32 other ports, and reserve them "
    "(net.ipv4.ip_local_reserved_ports)"
)

CANN_ERRORS = (
    CannError(
        "E30003",
        "too many processes on the card",
        f"{_FREE_CARD}, wait 10 s and start again",
    ),
    CannError(
        "E30008",
        "an operator on the card's own CPU took too long; with sink_size that is often the wait "
        "for the next batch",
        "see the share of time that the steps before waited for data, or leave sink_size out",
    ),
    CannError(
        "E39999",
        "an operator on the card's own CPU failed, or the card could not be opened",
        f"{_FREE_CARD}, start again, and if it stays so {_SEND_IN}",
    ),
    CannError(
        "E40021",
        "an operator could not be compiled for this card",
        "hold CANN's version against MindSpore's (docs/ascend.md), and if they match send in the "
        "rank's log, which names the operator",
    ),
    CannError(
        "EE1001",
        "CANN's runtime was given what it does not take, such as the number of a card that is "
        "not there",
        _CARDS_HERE,
    ),
    CannError(
        "EE1002",
        "the card did not end its work in time",
        _OTHER_RANK,
        follows=True,
    ),
    CannError(
        "EE8888",
        "CANN's runtime was called in a wrong way",
        f"{_CARDS_HERE}, and if they do {_SEND_IN}",
    ),
    CannError("EE9999", "an inner error of CANN's runtime", _SEND_IN),
    CannError(
        "EI0001",
        "a variable of HCCL has a value that it does not take",
        "unset or mend the variable that the line names",
    ),
    CannError(
        "EI0002",
        "a collective waited for another rank longer than HCCL_EXEC_TIMEOUT",
        _OTHER_RANK,
        follows=True,
    ),
    CannError(
        "EI0003",
        "a collective was called with what it does not take",
        _SEND_IN,
    ),
    CannError("EI0004", "HCCL cannot use the rank table", _TABLE),
    CannError(
        "EI0005",
        "ranks called unlike collectives",
        "start the same version of this package with the same settings on every host, as "
        "'fcn4-dist launch' does",
    ),
    CannError(
        "EI0006",
        "another rank did not answer within hccl_connect_timeout while links were made",
        "look at the ranks without this error, which are dead or late; if all have it, at the "
        f"card network: {_LINK}",
        follows=True,
    ),
    CannError(
        "EI0007",
        "memory, streams or notifies of the card are used up",
        f"{_LESS_MEMORY} or --hccl_buffsize",
    ),
    CannError("EI0008", "hosts have unlike versions of CANN", "install the same on every host"),
    CannError(
        "EI0009",
        "the link to another card could not be set up",
        f"{_LINK}; 'hccn_tool -i N -ip -g' of its address",
    ),
    CannError(
        "EI0010",
        "cards of this host cannot reach each other's memory",
        "see 'npu-smi info' for faulty cards, or set HCCL_INTRA_ROCE_ENABLE=1",
    ),
    CannError(
        "EI0011",
        "HCCL found no memory on the card",
        f"{_LESS_MEMORY} or --hccl_buffsize",
    ),
    CannError(
        "EI0012",
        "copying to another card broke off",
        f"look at the rank on the other card first; then {_LINK}",
        follows=True,
    ),
    CannError(
        "EI0013",
        "the network card of a card reported lost packets, or the other rank's end",
        f"look at the rank on the other card first; then {_LINK}",
        follows=True,
    ),
    CannError("EI0014", "the rank table does not fit the cards that are there", _TABLE),
    CannError(
        "EI0015",
        "not all ranks have met over the hosts' network within hccl_connect_timeout",
        "look at the ranks without this error; see that HCCL_SOCKET_IFNAME names the right "
        "interface on every host, and that no firewall closes ports 60000 to 60031",
        follows=True,
    ),
    CannError(
        "EI0016",
        "a setting of the cards is unlike or has a value that HCCL does not take, such as TLS",
        "'hccn_tool -i N -tls -g' has to say the same for every card of every host",
    ),
    CannError("EI0017", "the rank table lacks something", _TABLE),
    CannError("EI0019", "a port that HCCL wants on this host is in use", _PORTS),
    CannError(
        "EI0020",
        "a port that HCCL wants on the card is in use",
        f"{_FREE_CARD}: a card takes one rank",
    ),
    CannError(
        "EJ0001",
        "an earlier job still holds the card",
        f"{_FREE_CARD}, wait 10 s and start again",
    ),
    CannError(
        "EJ0002",
        "the card's network port is down",
        f"{_LINK}; see the cable and the switch",
    ),
    CannError(
        "EJ0003",
        "the card's port is taken, as by an earlier job",
        f"{_FREE_CARD}, wait 10 s and start again",
    ),
    CannError(
        "EJ0004",
        "the card's address cannot be used",
        "'hccn_tool -i N -ip -g' tells it; it has to be that of the rank table and of "
        "/etc/hccn.conf",
    ),
    CannError(
        "EK0001",
        "the profiler was given what it does not take",
        "give a --run_dir of plain letters, or leave --profile out",
    ),
    CannError(
        "EL0001",
        "the driver does not find the card, or it is faulty",
        "see 'npu-smi info'; in a container, that /dev/davinciN is there",
    ),
    CannError(
        "EL0002",
        "there is no card of that number",
        _CARDS_HERE,
    ),
    CannError("EL0003", "the driver was given what it does not take", _DRIVER),
    CannError("EL0004", "the card's memory is full", _LESS_MEMORY),
    CannError(
        "EL0005",
        "the card is busy, or is being reset",
        f"{_FREE_CARD}, wait a minute and start again",
    ),
    CannError("EL0006", "the card has nothing left to give", _FREE_CARD),
    CannError(
        "EL0007",
        "no right to use the card",
        "be root or of the driver's group (HwHiAiUser), and in a container give it the devices",
    ),
    CannError("EL0009", "the card has no streams left", _FREE_CARD),
    CannError("EL0014", "the driver cannot do that", _DRIVER),
    CannError(
        "EL0015",
        "the card is given to another container, or is not this user's",
        "end the container that has it, or take another card with --devices",
    ),
    CannError(
        "EZ9999",
        "an operator failed on the card",
        "start again, and if it stays so send in the rank's log, which names the operator",
    ),
)
"""Those that a training of this package can meet."""

_BY_CODE = {error.code: error for error in CANN_ERRORS}
_PARTS = {
    "E1": "of the graph engine",
    "E2": "of the graph engine's fusion",
    "E3": "of the card's own CPU",
    "E4": "in compiling an operator",
    **dict.fromkeys(("E5", "E6", "E7", "E8"), "in the types or shapes of an operator"),
    **dict.fromkeys(("E9", "EA", "EB"), "in compiling an operator"),
    "EE": "of CANN's runtime",
    "EH": "of CANN's interface (AscendCL)",
    "EI": "of the communication library (HCCL)",
    "EJ": "of the cards' network (HCCP)",
    "EK": "of the profiler",
    "EL": "of the driver",
    "EP": "of CANN's dump",
    "EZ": "of an operator",
}
