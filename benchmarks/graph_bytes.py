"""Bytes and least time of a training step, counted from its graph as compiled, in two forms.

Usage: python benchmarks/graph_bytes.py [--width 1.0]

The step is compiled, not run, for two sizes of a batch; what differs is what each sample costs. An
operator moves what goes into it and what comes out; batch-norm in training goes over its input, and
over both of its gradient's, a second time, since a mean has to be known before it is taken off.
What is only another view of the same bytes moves nothing. The time of an operator is at least the
larger of its operations by the card's peak rate and its bytes by the memory's rate (expected: no
card was at hand). "pooled" is pool_first True.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaling import CLASSES, DEVICES, FRAMES, MELS, Device

from fcn4_dist.terminal import say, table

PRECISIONS = {"float32": "", "float16 but batch-norm (O2)": "O2", "float16 (O3)": "O3"}
BATCHES = (2, 4)
_BYTES = {"Float16": 2, "Float32": 4, "Bool": 1, "Int32": 4, "Int64": 8}
_VIEWS = {"Depend", "Load", "MakeTuple", "Reshape", "TensorMove", "TupleGetItem", "UpdateState"}
_TWICE = {"BatchNorm": 1, "BatchNormGrad": 2}
"""Operators that read some of their inputs twice, and how many."""
_PRODUCTS = {"Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"}
_NODE = re.compile(r"^ *%\d+\([^)]*\) = (?:PrimFunc_)?([^(]+)\(.*\n +: (.*) -> (.*)$", re.MULTILINE)
_TYPES = re.compile(r"Tensor\[(\w+)\](?:\*(\d+))?")
_SHAPES = re.compile(r"\(((?:\d+(?:, \d+)*)?)\)")


@dataclass(frozen=True)
class Operation:
    """An operator of a graph.

    Attributes:
        flops: Of matrix products.
        moved: Bytes that it reads and writes.
        unpooled: Whether the values before the first pool are among them.
    """

    flops: float
    moved: float
    unpooled: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--compile", nargs=3, metavar=("FORM", "LEVEL", "BATCH"))
    options = parser.parse_args()
    if options.compile:
        _compile(*options.compile, options.width)
        return
    rows = [
        [
            "precision",
            "form",
            "MB a sample",
            "of values before the first pool",
            *(x.name for x in DEVICES),
        ]
    ]
    for title, level in PRECISIONS.items():
        for form in ("plain", "pooled"):
            small, large = (_operations(form, level, each, options.width) for each in BATCHES)
            whole = sum(x.moved for x in large) - sum(x.moved for x in small)
            first = sum(x.moved for x in large if x.unpooled)
            first -= sum(x.moved for x in small if x.unpooled)
            samples = BATCHES[1] - BATCHES[0]
            floors = [(_floor(large, each) - _floor(small, each)) / samples for each in DEVICES]
            shown = [f"{each / samples / 1e6:.1f}" for each in (whole, first)]
            # The cards' rates are those of float16.
            times = [f"{each * 1e3:.3f} ms" if level else "" for each in floors]
            rows.append([title, form, *shown, *times])
    say(table(rows))


def _compile(form: str, level: str, batch: str, width: float) -> None:
    import numpy as np
    from mindspore import Tensor

    from fcn4_dist.cluster.ranks import join_ranks
    from fcn4_dist.model.build import build_fcn4
    from fcn4_dist.training.step import TrainingStep, step_controls

    ranks = join_ranks("CPU", 0)
    features = Tensor(np.zeros((int(batch), 1, MELS, FRAMES), np.float32))
    labels = Tensor(np.zeros((int(batch), CLASSES), np.float32))
    network = build_fcn4(CLASSES, width, amp_level=level, pool_first=form == "pooled")
    step = TrainingStep(network.set_train(True), ranks, 1024.0)
    step.compile(features, labels, step_controls(learning_rate=0.0005))


def _operations(form: str, level: str, batch: int, width: float) -> list[Operation]:
    with tempfile.TemporaryDirectory() as folder:
        saving = {
            "MS_DEV_SAVE_GRAPHS": "1",
            "MS_DEV_SAVE_GRAPHS_PATH": folder,
            # The graph as it is after all passes of the front end, before those of a back end.
            "MS_DEV_DUMP_IR_PASSES": "validate",
        }
        command = [sys.executable, __file__, "--width", str(width)]
        command += ["--compile", form, level, str(batch)]
        subprocess.run(command, check=True, env=os.environ | saving, stdout=subprocess.DEVNULL)
        (file,) = Path(folder).rglob("*_validate_*.ir")
        return list(_parse(file.read_text()))


def _parse(text: str) -> Iterator[Operation]:
    for name, inputs, outputs in _NODE.findall(text):
        if name in _VIEWS:
            continue
        given, made = _tensors(inputs), _tensors(outputs)
        tensors = given + given[: _TWICE.get(name, 0)] + made
        moved = sum(size * math.prod(shape) for size, shape in tensors)
        maps = [shape for _, shape in given + made if len(shape) == 4]
        flops = 0.0
        if name in _PRODUCTS:
            # Each value of the map behind a convolution is the product of a patch and a kernel.
            kernel = next(shape for shape in maps if shape[2:] == (3, 3))
            values = next(math.prod(shape) for shape in maps if shape[1] == kernel[0])
            flops = 2.0 * values * math.prod(kernel[1:])
        unpooled = any(shape[1] > 1 and shape[2:] == (MELS, FRAMES) for shape in maps)
        yield Operation(flops, moved, unpooled)


def _tensors(side: str) -> list[tuple[int, tuple[int, ...]]]:
    """Give the bytes of a value and the shape of each tensor."""
    types = [name for name, count in _TYPES.findall(side) for name in [name] * int(count or 1)]
    shapes = [tuple(map(int, filter(None, shape.split(", ")))) for shape in _SHAPES.findall(side)]
    return [(_BYTES[name], shape) for name, shape in zip(types, shapes, strict=True)]


def _floor(operations: list[Operation], device: Device) -> float:
    return sum(max(x.flops / device.flops, x.moved / device.memory) for x in operations)


if __name__ == "__main__":
    main()
