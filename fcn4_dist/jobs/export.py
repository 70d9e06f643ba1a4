"""The command export: a checkpoint in, a model file and its description out."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fcn4_dist import documents
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.exporting import LARGEST_DIFFERENCE, Comparison, compare, comparison_windows
from fcn4_dist.files import check_writable, write_bytes
from fcn4_dist.host.cards import find_card_ids
from fcn4_dist.refusals import explain
from fcn4_dist.terminal import say, say_result
from fcn4_dist.text import count
from fcn4_dist.versions import EXTRAS, check_extra, package_versions

if TYPE_CHECKING:
    from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork

SUFFIXES = {"MINDIR": ".mindir", "ONNX": ".onnx", "AIR": ".air"}
# Of a model file besides its weights.
_FURTHER_BYTES = 100_000


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and where to.

    Attributes:
        checkpoint: The checkpoint.
        file_format: "MINDIR", "ONNX" or "AIR"; "" for what the ending of the output says, or ONNX.
        output: File to write; None for the name of the checkpoint with the format's ending, in the
            working directory.
        force: Whether to overwrite files.
        songs: Audio files on which the file is compared with the network; none for clips that come
            with the package.
        class_names: Names of the classes, for a checkpoint that does not say them.
        device_target: "Ascend", "CPU", or "" for the CPU, but for AIR files, which Ascend writes.
        device_id: The card.
    """

    checkpoint: Path
    file_format: str = ""
    output: Path | None = None
    force: bool = False
    songs: Sequence[Path] = ()
    class_names: tuple[str, ...] = ()
    device_target: str = ""
    device_id: int = 0


def export(request: ExportRequest) -> None:
    """Export a checkpoint, after comparing what was written with the network.

    Raises:
        InputError: If the request cannot be met.
        Fcn4DistError: If the exported file gives other logits; nothing is written then.
    """
    if not request.file_format:
        request = replace(request, file_format=_format_of(request.output))
    output = request.output or Path(f"{request.checkpoint.stem}{SUFFIXES[request.file_format]}")
    _check(request, output)
    from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork

    # Convolutions on Ascend are no exact ones (HF32, float16) to compare a file with.
    device_target = request.device_target or ("" if request.file_format == "AIR" else "CPU")
    network = CheckpointNetwork(
        request.checkpoint, request.class_names, device_target, request.device_id
    )
    # Beside the output, so that it is seen early whether there is room.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as folder:
        written = Path(folder) / f"model{SUFFIXES[request.file_format]}"
        _check_room(network, written, output)
        comparison = _write_and_compare(request, network, written)
        model = written.read_bytes()
    description = description_file(output)
    content = network.description.as_dict() | {
        "file": output.name,
        "file_format": request.file_format,
        "sha256": hashlib.sha256(model).hexdigest(),
        "exported_by": package_versions("mindspore", *_packages_for(request)),
    }
    if comparison is not None:
        content["largest_logit_difference"] = comparison.difference
    # The description comes first: a model file that is there has one.
    documents.write(description, content)
    write_bytes(output, model)
    say_result(f"{request.file_format}: {output}")
    say(f"description: {description}")


def description_file(output: Path) -> Path:
    """Name the description beside a model file."""
    return output.with_name(f"{output.name}.json")


def _format_of(output: Path | None) -> str:
    """Read the format from the ending of a file's name, or say that it is ONNX."""
    if output is None:
        say("format: ONNX, which most programs run; --file_format names another")
        return "ONNX"
    for name, suffix in SUFFIXES.items():
        if output.suffix.lower() == suffix:
            return name
    raise InputError(
        f"--output {output} does not end in {', '.join(SUFFIXES.values())}: name a file that does, "
        "or give --file_format"
    )


def _packages_for(request: ExportRequest) -> tuple[str, ...]:
    return EXTRAS["export"] if request.file_format == "ONNX" else ()


def _check(request: ExportRequest, output: Path) -> None:
    if request.file_format == "AIR" and not find_card_ids():
        raise InputError(
            "AIR files can be written on a machine with an Ascend card only, and this one shows "
            "none: export MINDIR, which Ascend runs, too"
        )
    if _packages_for(request):
        check_extra("export")
    suffix = SUFFIXES[request.file_format]
    if output.suffix.lower() != suffix:
        raise InputError(f"--output {output} must end in {suffix} for {request.file_format}")
    check_writable(output.parent, "output")
    for path in (output, description_file(output)):
        if path.is_dir():
            raise InputError(f"{path} is a folder: name another file with --output")
    # A description alone is what an interrupted export has left.
    if output.exists() and not request.force:
        raise InputError(
            f"{output} is there already: overwrite it with --force, or name another file with "
            "--output"
        )
    for song in request.songs:
        if not song.is_file():
            raise InputError(f"there is no audio file {song}")


def _check_room(network: "CheckpointNetwork", path: Path, output: Path) -> None:
    # Who writes the formats has other words for a full disk, or none.
    needed = sum(parameter.nbytes for parameter in network.cell.get_parameters()) + _FURTHER_BYTES
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, needed)
    except OSError as error:
        path.unlink(missing_ok=True)
        sentence = f"cannot write {output}: {explain(error, output, needed)}"
        raise Fcn4DistError(sentence) from error
    path.unlink()


def _write_and_compare(
    request: ExportRequest, network: "CheckpointNetwork", path: Path
) -> Comparison | None:
    from fcn4_dist.exporting import formats

    if request.file_format == "AIR":
        formats.write_air(network, path)
        say("AIR files run on Ascend's own runtime only: this one was not compared")
        return None
    write, run = {
        "ONNX": (formats.write_onnx, formats.run_onnx),
        "MINDIR": (formats.write_mindir, formats.run_mindir),
    }[request.file_format]
    windows = comparison_windows(network.description, request.songs)
    write(network, path)
    comparison = compare(run(path), network.logits, windows)
    say(
        "largest difference of a logit from the network's on "
        f"{count(comparison.windows, 'window')} of real audio: {comparison.difference:.2g}, "
        f"{comparison.relative:.2g} of the largest"
    )
    if comparison.failed:
        raise Fcn4DistError(
            f"the {request.file_format} file does not give the network's logits: the difference "
            f"is more than {LARGEST_DIFFERENCE:g} of the largest; nothing was written"
        )
    return comparison
