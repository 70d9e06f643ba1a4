"""A trained network as a file for other programs."""

from pathlib import Path

from fcn4_dist.api.command import run_program
from fcn4_dist.api.naming import Network, Place, path_of
from fcn4_dist.config.forms import unexpanded


def export(
    model: Network,
    output: Place,
    *,
    class_names: str = "",
    force: bool = False,
    quiet: bool = False,
) -> Path:
    """Write a trained network as ONNX, MindIR or AIR, in a process of its own.

    The file is kept if it gives the network's own logits on real audio.

    Args:
        model: As of :func:`fcn4_dist.evaluate`.
        output: The file; its ending says what is written: .onnx, .mindir or .air.
        class_names: For a checkpoint that does not name its classes, as of :func:`load`.
        force: Whether to overwrite a file that is there.
        quiet: Whether to show nothing but warnings.

    Returns:
        The file; its description stands beside it.

    Raises:
        InputError: If the checkpoint or the file cannot be used.
        Fcn4DistError: If what was written gives other logits.

    Examples:
        >>> fcn4_dist.export("run", "fcn4.onnx", quiet=True)
        PosixPath('fcn4.onnx')
    """
    path = path_of(output, "output")
    words = ["export", f"--model={unexpanded(path_of(model, 'model').absolute())}"]
    words += [f"--output={unexpanded(path.absolute())}"]
    words += [f"--class_names={class_names}"] if class_names else []
    run_program([*words, *(["--force"] if force else [])], quiet=quiet)
    return path
