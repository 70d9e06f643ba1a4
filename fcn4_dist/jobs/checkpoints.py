"""The checkpoints command: what is in a folder of checkpoints, and whether it is whole."""

from dataclasses import asdict
from pathlib import Path

from fcn4_dist.checkpoints.container import DamagedError, read_text, read_values
from fcn4_dist.checkpoints.content import CheckpointDescription, verify_checkpoint
from fcn4_dist.checkpoints.folder import folders_of
from fcn4_dist.errors import InputError
from fcn4_dist.runs.trained import folder_of_checkpoints
from fcn4_dist.terminal import say_result, table
from fcn4_dist.text import Lines, count, json_text


def list_checkpoints(place: Path) -> None:
    """Print a line for each checkpoint, by its own word; nothing is verified.

    Args:
        place: A folder of checkpoints, that of a run, or one file.

    Raises:
        InputError: If there is no checkpoint.
    """
    rows = [["file", "epoch", "step", "global step", "ROC-AUC", "run", "MB"]]
    rows += [_row(path) for path in _files(place)]
    say_result(table(rows))


def show_checkpoints(place: Path) -> None:
    """Print all that checkpoints say of themselves, and the arrays they hold.

    Args:
        place: A folder of checkpoints, that of a run, or one file.

    Raises:
        InputError: If there is no checkpoint, or one cannot be read.
    """
    for path in _files(place):
        try:
            description = _description(path)
            values = read_values(path)
        except (DamagedError, OSError) as error:
            raise InputError(f"{path} is damaged: {_reason(error)}") from error
        say_result(str(path))
        if description:
            say_result(Lines(json_text(asdict(description), indent=2)))
        rows = [["array", "shape", "type"]]
        rows += [[name, str(value.shape), value.dtype.name] for name, value in values.items()]
        say_result(table(rows))


def verify_checkpoints(place: Path) -> int:
    """Read every checkpoint to the last bit, and print whether it is whole, and of its run.

    Args:
        place: A folder of checkpoints, that of a run, or one file.

    Returns:
        0 if all are whole, and those of a folder of one run, else 2.

    Raises:
        InputError: If there is no checkpoint.
    """
    damaged = 0
    for path in _files(place):
        try:
            if verify_checkpoint(path):
                say_result(f"{path}: whole")
            else:
                arrays = len(read_values(path))
                say_result(
                    f"{path}: {count(arrays, 'array')} of another program, which writes no checksum"
                )
        except (DamagedError, OSError) as error:
            damaged += 1
            say_result(f"{path}: damaged: {_reason(error)}")
    mixed = [
        told
        for folder in folders_of(folder_of_checkpoints(place))
        if (told := folder.told_of_several_runs())
    ]
    for told in mixed:
        say_result(told)
    return InputError.exit_code if damaged or mixed else 0


def _files(place: Path) -> list[Path]:
    place = folder_of_checkpoints(place)
    files = [place]
    if place.is_dir():
        files = sorted(path for path in place.glob("*.ckpt") if path.is_file())
    if not files or not files[0].is_file():
        raise InputError(f"{place} is no checkpoint, and no folder with any (*.ckpt)")
    return files


def _row(path: Path) -> list[str]:
    megabytes = f"{path.stat().st_size / 1e6:.1f}"
    try:
        description = _description(path)
    except (DamagedError, OSError) as error:
        return [path.name, f"damaged: {_reason(error)}", "", "", "", "", megabytes]
    if description is None:
        return [path.name, "of another program", "", "", "", "", megabytes]
    auc = description.metrics.get("roc_auc_macro")
    return [
        path.name,
        str(description.epoch),
        f"{description.step}/{description.steps_per_epoch}",
        str(description.global_step),
        "" if auc is None else f"{auc:.4f}",
        description.run_id[:8],
        megabytes,
    ]


def _description(path: Path) -> CheckpointDescription | None:
    text = read_text(path)
    return None if text is None else CheckpointDescription.from_json(text)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
