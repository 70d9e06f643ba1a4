"""The exponential moving average of the weights: where it is kept, and its names in checkpoints."""

from collections.abc import Iterable

from mindspore import Parameter, Tensor, nn

_AVERAGE = "average."
_LAST = "last."


def name_as_average(network: nn.Cell) -> None:
    """Give the parameters of a second network names of their own beside those of the trained."""
    for parameter in network.get_parameters():
        parameter.name = _AVERAGE + parameter.name


def start_average(average: nn.Cell, network: nn.Cell) -> None:
    """Let the average begin as the network is."""
    for parameter, value in zip(average.get_parameters(), network.get_parameters(), strict=True):
        parameter.set_data(Tensor(value.asnumpy()))


def names_in_checkpoint(state: Iterable[Parameter]) -> dict[str, str]:
    """Tell under which name a checkpoint holds each parameter.

    The plain names are those of the weights to be used: where there is an average, it has them,
    and the last weights, with which training goes on, have a prefix.

    Args:
        state: All parameters that training changes.

    Returns:
        Name of a parameter -> its name in a checkpoint.
    """
    names = {parameter.name for parameter in state}
    return {
        name: name.removeprefix(_AVERAGE)
        if name.startswith(_AVERAGE)
        else (_LAST + name if _AVERAGE + name in names else name)
        for name in names
    }
