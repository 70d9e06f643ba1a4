"""Whether the weights of a checkpoint fit a network, told by their shapes alone. No MindSpore."""

from collections.abc import Mapping
from pathlib import Path

from fcn4_dist.checkpoints.container import DamagedError, read_shapes
from fcn4_dist.errors import InputError
from fcn4_dist.model import parameter_shapes

DENSE_NAMES = ("dense.weight", "dense.bias")
"""Of the one layer whose size follows from the number of classes."""

Shapes = Mapping[str, tuple[int, ...]]


def check_weights(path: Path, num_classes: int, width: float, *, fresh_dense: bool) -> None:
    """Refuse a checkpoint whose weights do not fit the network, without reading them.

    Args:
        path: The checkpoint.
        num_classes: Classes of the network.
        width: Factor on its channels.
        fresh_dense: Whether a dense layer of another size may be passed over.

    Raises:
        InputError: If a parameter is missing or has another shape, or the file cannot be read.
    """
    try:
        found = read_shapes(path)
    except (DamagedError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be used as a checkpoint: {reason}") from error
    for name, shape in parameter_shapes(num_classes, width).items():
        if not fits(name, shape, found, fresh_dense=fresh_dense):
            raise misfit(path, name, shape, found)


def fits(name: str, shape: tuple[int, ...], found: Shapes, *, fresh_dense: bool) -> bool:
    """Say whether a parameter of the network is in a checkpoint, or may be passed over."""
    return found.get(name) == shape or (fresh_dense and name in DENSE_NAMES and name in found)


def misfit(path: Path, name: str, shape: tuple[int, ...], found: Shapes) -> InputError:
    """Give the error that a parameter of the network is not in a checkpoint, or of another shape.

    Args:
        path: The checkpoint.
        name: The parameter.
        shape: Its shape in the network.
        found: The shapes in the checkpoint.
    """
    holds = f"holds shape {found[name]}" if name in found else "lacks it"
    return InputError(
        f"{path} does not fit the network: {name} has shape {shape} and the file {holds}; the "
        "settings num_classes and width must be those of the checkpoint"
    )
