"""From a file to its JSON object, with every fault on the way."""

import json
from pathlib import Path
from typing import Any

from fcn4_dist.rank_table.fields import key_path, shown
from fcn4_dist.rank_table.report import Findings


def load_content(path: Path, findings: Findings) -> dict[str, Any] | None:
    """Read the JSON object of a rank table.

    Args:
        path: The file.
        findings: Where faults go.

    Returns:
        The object; None if the file holds none.
    """
    _check_name(path, findings)
    text = _read_text(path, findings)
    if text is None:
        return None
    if not text.strip():
        findings.fault("", "the file is empty: make the table again")
        return None
    try:
        content = json.loads(text, object_pairs_hook=_Object, parse_constant=_refuse_constant)
        repeated = _repeated_keys(content, "")
    except RecursionError:
        findings.fault("", "the file is nested too deeply for a rank table: make it again")
        return None
    except ValueError as error:
        findings.fault("", f"the file is not JSON ({error}): {_mend(text)}")
        return None
    for where in repeated:
        findings.fault(where, "the key is there more than once, and only one counts: keep one")
    if not isinstance(content, dict):
        findings.fault("", f"the file holds {shown(content)}, and a rank table is a JSON object")
        return None
    return content


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys were there more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = (
            [name for name in self if names.count(name) > 1] if len(names) > len(self) else []
        )


def _check_name(path: Path, findings: Findings) -> None:
    if not path.name.endswith(".json"):
        findings.fault("", "the file name does not end in .json: HCCL refuses it, rename the file")
    elif path.name.count(".json") > 1:
        # HCCL looks for the first ".json" and wants nothing behind it.
        findings.fault("", "the file name has .json more than once: HCCL refuses it, rename it")


def _read_text(path: Path, findings: Findings) -> str | None:
    try:
        if not path.is_file():
            problem = "there is no such file" if not path.exists() else "this is no regular file"
            findings.fault("", f"{problem}: name a rank table")
            return None
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        findings.fault("", "the file is not UTF-8 text: save it as UTF-8")
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        findings.fault("", f"the file cannot be read ({reason}): name another, or mend its rights")
    return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _mend(text: str) -> str:
    if any(line.strip().startswith(("//", "#")) or " //" in line for line in text.splitlines()):
        return "JSON has no comments, take them out"
    return "mend that place, or make the table again"


def _repeated_keys(value: Any, where: str) -> list[str]:
    if isinstance(value, list):
        inner = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, _Object):
        inner = [(key_path(where, name), item) for name, item in value.items()]
    else:
        return []
    own = [key_path(where, name) for name in value.repeated] if isinstance(value, _Object) else []
    return own + [found for place, item in inner for found in _repeated_keys(item, place)]
