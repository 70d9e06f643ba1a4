"""The secret by which the launchers of a job know each other, where a person or a site gives one.

Nobody says the secret itself: each side shows that it has it by an HMAC (RFC 2104, SHA-256) over
what the other has just drawn, which serves for no other connection and no other place in the job.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fcn4_dist.errors import InputError

SECRET_VARIABLE = "FCN4_DIST_SECRET"
SECRET_FILE_VARIABLE = "FCN4_DIST_SECRET_FILE"
SECRET_VARIABLES = (SECRET_VARIABLE, SECRET_FILE_VARIABLE)
_SHORTEST, _LONGEST = 16, 4096
_MAKE_ONE = "make one with 'openssl rand -hex 32', the same for every node"


@dataclass(frozen=True)
class Secret:
    """What the nodes of a job have in common, and nobody else knows.

    Attributes:
        key: The bytes; empty where there is no secret, so that anybody can show to have it.
    """

    key: bytes = field(default=b"", repr=False)

    def __bool__(self) -> bool:
        return bool(self.key)

    def proof(self, *facts: str | int) -> str:
        """Show that one has the secret, by what follows from it and some facts."""
        return sealed(self.key, json.dumps(facts).encode())


def sealed(key: bytes, data: bytes) -> str:
    """Give what only someone with the key can: 64 hexadecimal digits that belong to the data."""
    return hmac.digest(key, data, "sha256").hex()


def same(one: str, other: str) -> bool:
    """Compare two seals in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def find_secret(environment: Mapping[str, str]) -> Secret:
    """Read the secret that the environment holds or names a file of.

    Args:
        environment: Variables of this process.

    Raises:
        InputError: If it cannot be read, or could be guessed.
    """
    text, file = (environment.get(name, "") for name in SECRET_VARIABLES)
    if text and file:
        raise InputError(f"{SECRET_VARIABLE} and {SECRET_FILE_VARIABLE} are both set: unset one")
    given = [name for name in SECRET_VARIABLES if name in environment]
    if file:
        text = _read(file)
    elif not text and not given:
        return Secret()
    # As editors and shells end a file.
    key = text.strip().encode("utf-8", "surrogateescape")
    if len(key) < _SHORTEST:
        where = f"the file {file}, which {SECRET_FILE_VARIABLE} names," if file else given[0]
        raise InputError(
            f"{where} holds {len(key)} bytes, and a secret that nobody guesses has at least "
            f"{_SHORTEST}: {_MAKE_ONE}, or unset it to do without"
        )
    return Secret(key)


def _read(file: str) -> str:
    beginning = f"cannot read the secret in {file}, which {SECRET_FILE_VARIABLE} names"
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{beginning}: {reason}") from error
    if len(text) > _LONGEST:
        raise InputError(f"{beginning}: it has more than {_LONGEST} characters; {_MAKE_ONE}")
    return text
