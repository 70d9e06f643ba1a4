"""From a checkpoint into a network's parameters, and back. Needs MindSpore."""

from collections.abc import Iterable, Mapping

import numpy as np
from mindspore import Parameter, Tensor, nn

from fcn4_dist.checkpoints.content import Checkpoint
from fcn4_dist.checkpoints.fitting import fits, misfit


def load_into_network(network: nn.Cell, checkpoint: Checkpoint, *, fresh_dense: bool) -> list[str]:
    """Put the weights of a checkpoint into a network.

    Args:
        network: The network to change.
        checkpoint: Where the weights come from; what it holds besides is not used.
        fresh_dense: Whether a dense layer of another size may stay as it is (for another number
            of classes).

    Returns:
        Names of the parameters that were left as they are.

    Raises:
        InputError: If a parameter is missing or has another shape.
    """
    left = []
    found = _shapes(checkpoint)
    for parameter in network.get_parameters():
        name, shape = parameter.name, tuple(parameter.shape)
        if not fits(name, shape, found, fresh_dense=fresh_dense):
            raise misfit(checkpoint.path, name, shape, found)
        if found[name] == shape:
            parameter.set_data(Tensor(checkpoint.values[name], parameter.dtype))
        else:
            left.append(name)
    return left


def load_state(
    state: Iterable[Parameter], checkpoint: Checkpoint, names: Mapping[str, str]
) -> None:
    """Put everything that training changes back to where it was.

    Args:
        state: All parameters that training changes.
        checkpoint: Where the values come from.
        names: Name of a parameter -> its name in the checkpoint.

    Raises:
        InputError: If one is missing or has another shape.
    """
    found = _shapes(checkpoint)
    for parameter in state:
        name, shape = names[parameter.name], tuple(parameter.shape)
        if not fits(name, shape, found, fresh_dense=False):
            raise misfit(checkpoint.path, name, shape, found)
        parameter.set_data(Tensor(checkpoint.values[name], parameter.dtype))


def parameter_values(parameters: Iterable[Parameter]) -> dict[str, np.ndarray]:
    """Copy the values of parameters, by name."""
    return {parameter.name: parameter.asnumpy().copy() for parameter in parameters}


class HostCopy:
    """A copy of parameters in memory of its own, taken again and again.

    The memory is touched once, at the beginning: fresh memory for every copy would cost training
    several times the copy itself.

    Args:
        parameters: What is copied.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._parameters = list(parameters)
        self._values = parameter_values(self._parameters)

    def take(self) -> dict[str, np.ndarray]:
        """Copy the values as they are now; those of the copy before are overwritten."""
        for parameter in self._parameters:
            np.copyto(self._values[parameter.name], parameter.asnumpy())
        return dict(self._values)


def _shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in checkpoint.values.items()}
