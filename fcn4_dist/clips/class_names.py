"""Names of the classes of a checkpoint that does not say them, such as the ModelZoo's."""

from collections import Counter
from pathlib import Path

from fcn4_dist.clips.esc50 import ESC50_CLASSES
from fcn4_dist.clips.fsdkaggle2018 import FSDKAGGLE2018_CLASSES
from fcn4_dist.clips.gtzan import GTZAN_GENRES
from fcn4_dist.clips.irmas import MODELZOO_IRMAS
from fcn4_dist.clips.magnatagatune import MODELZOO_TAGS
from fcn4_dist.config.forms import as_chosen, expanded, fault_of
from fcn4_dist.errors import InputError
from fcn4_dist.findings import counted
from fcn4_dist.text import shorten

MODELZOO_CLASSES = {
    "gtzan": GTZAN_GENRES,
    "magnatagatune": MODELZOO_TAGS,
    "esc50": ESC50_CLASSES,
    "fsdkaggle2018": FSDKAGGLE2018_CLASSES,
    "irmas": MODELZOO_IRMAS,
    "emospeech": (
        *("help", "bacho", "stop", "no", "go", "yes", "unknown", "background"),
        *("scream", "safe", "gunshots", "glass break"),
        *("happy", "angry", "fearful", "calm", "None"),
    ),
}
"""Classes of the ModelZoo's FCN-4 for a collection, in its order.

Several have as many, and UrbanSound8K's copy numbers its ten from a set, in another order in each
process: the number of a checkpoint's outputs does not tell what they are.
"""

_LONGEST_NAME = 255


def parse_class_names(text: str) -> tuple[str, ...]:
    """Read names of classes.

    Args:
        text: A key of ``MODELZOO_CLASSES``; or the names, separated by commas; or the path of a
            file with a name a line. "" for no names.

    Raises:
        InputError: If the file cannot be read, or a name is empty, too long, not printable or there
            twice.
    """
    if (collection := as_chosen(text, MODELZOO_CLASSES)) in MODELZOO_CLASSES:
        return MODELZOO_CLASSES[collection]
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    # What has a comma may be too long for the name of a file, or no name of any.
    if len(names) == 1:
        names = _names_in(text) or names
    _check(names)
    return tuple(names)


def unnamed(path: Path, classes: int) -> InputError:
    """Give the error that nobody says what the classes of a checkpoint are.

    Args:
        path: The checkpoint.
        classes: How many it has.
    """
    known = [name for name, names in MODELZOO_CLASSES.items() if len(names) == classes]
    flags = "".join(f"--class_names {name} if it is the ModelZoo's for it, " for name in known)
    return InputError(
        f"{path} does not say what its {classes} classes are, nor does their number: give {flags}"
        f"{'else ' if known else ''}--class_names with the names in its order, separated by commas "
        "(or a file with a name a line)"
    )


def _names_in(text: str) -> list[str]:
    path = Path(text)
    try:
        path = Path(expanded(text))
        if not path.is_file():
            return []
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeError) else str(error)
        reason = getattr(error, "strerror", None) or reason
        raise InputError(
            f"cannot read the names of --class_names from {shorten(text)}: {reason}"
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _check(names: list[str]) -> None:
    odd = [name[:_LONGEST_NAME] for name in names if not _can_be(name)]
    if odd:
        raise InputError(
            f"names of classes must be printable and of 1 to {_LONGEST_NAME} characters, unlike "
            f"{counted(list(map(repr, odd)))}: mend --class_names"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(
            f"--class_names has names more than once: {counted(twice)}; give each class its own"
        )


def _can_be(name: str) -> bool:
    return not fault_of(name) and 0 < len(name) <= _LONGEST_NAME
