"""Compiles what training and evaluation run on several ranks, and keeps the compiler's graphs.

The ranks would all compile the same; rank 0 does. ``graphs.json`` names for each graph the file
with the compiler's text of it.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from fcn4_dist.cluster.device import prepare_environment

FOLDER = Path(sys.argv[1])
prepare_environment("CPU")
os.environ["MS_DEV_SAVE_GRAPHS"] = "1"
os.environ["MS_DEV_SAVE_GRAPHS_PATH"] = str(FOLDER)
# The graph as it is after all passes of the front end, before those of a back end.
os.environ["MS_DEV_DUMP_IR_PASSES"] = "validate"

import numpy as np  # noqa: E402
from mindspore import Tensor, amp, nn, ops  # noqa: E402
from mindspore.ops import constexpr  # noqa: E402

from fcn4_dist.cluster.ranks import Ranks, join_ranks  # noqa: E402
from fcn4_dist.exporting.formats import write_mindir  # noqa: E402
from fcn4_dist.model.build import build_fcn4  # noqa: E402
from fcn4_dist.model.fcn4 import Fcn4  # noqa: E402
from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork  # noqa: E402
from fcn4_dist.training.loss_scaling import DynamicLossScale  # noqa: E402
from fcn4_dist.training.sinking import RememberedStep  # noqa: E402
from fcn4_dist.training.step import TrainingStep, step_controls  # noqa: E402

FEATURES = Tensor(np.zeros((2, 1, 24, 160), np.float32))
LABELS = Tensor(np.zeros((2, 3), np.float32))
CONTROLS = step_controls(learning_rate=0.0005)


class SunkStep(nn.Cell):
    """A step that takes its batch from the card's queue, as ``ms.data_sink`` makes it."""

    def __init__(self, step: RememberedStep) -> None:
        super().__init__(auto_prefix=False)
        batch = (FEATURES, LABELS, CONTROLS)
        types, shapes = [each.dtype for each in batch], [each.shape for each in batch]
        self.next_batch = ops.GetNext(types, shapes, len(batch), "queue")
        self.step = step

    def construct(self) -> Tensor:
        features, labels, controls = self.next_batch()
        return self.step(features, labels, controls)


class Fcn4WithFmax(nn.Cell):
    """FCN-4 behind an operator that MindSpore has on the CPU alone."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build(1)

    def construct(self, features: Tensor) -> Tensor:
        return self.network(ops.fmax(features, features * 2))


def main() -> None:
    ranks = join_ranks("CPU", 0)
    if not ranks.is_main:
        return
    size = ranks.size
    graphs = {
        "training": lambda: compile_training(build(1), ranks),
        "training, sync_bn": lambda: compile_training(build(size), ranks),
        "training, float16": lambda: compile_training(build(1, "O2"), ranks),
        "training, sync_bn, float16": lambda: compile_training(build(size, "O2"), ranks),
        "training, bfloat16": lambda: compile_training(build(1, "O2", "bfloat16"), ranks),
        "training, sync_bn, bfloat16": lambda: compile_training(
            build(size, "O2", "bfloat16"), ranks
        ),
        "training, pool_first": lambda: compile_training(build(1, pool_first=True), ranks),
        "training, sync_bn, pool_first, float16": lambda: compile_training(
            build(size, "O2", pool_first=True), ranks
        ),
        "training, pool_first, all float16": lambda: compile_training(
            build(1, "O3", pool_first=True), ranks
        ),
        "training, sync_bn, pool_first, bfloat16": lambda: compile_training(
            build(size, "O2", "bfloat16", pool_first=True), ranks
        ),
        "training, all float16": lambda: compile_training(build(1, "O3"), ranks),
        "training, sync_bn, all float16": lambda: compile_training(build(size, "O3"), ranks),
        "training, all bfloat16": lambda: compile_training(build(1, "O3", "bfloat16"), ranks),
        "training, weight decay and average": lambda: compile_training(
            build(1), ranks, weight_decay=0.1, average=build(1)
        ),
        "training, accumulation": lambda: compile_training(build(1), ranks, accumulation=2),
        "training, dynamic loss scale": lambda: compile_dynamic(ranks, "AllFinite"),
        "training, dynamic loss scale, rank table": lambda: compile_dynamic(ranks),
        "training, dynamic loss scale, first 910": lambda: compile_dynamic(
            ranks, "NPUGetFloatStatusV2"
        ),
        "accumulation": lambda: compile_accumulation(build(1), ranks),
        "evaluation": lambda: compile_evaluation(build(1)),
        "evaluation, pool_first, float16": lambda: compile_evaluation(
            build(1, "O2", pool_first=True)
        ),
        "evaluation, float16": lambda: compile_evaluation(build(1, "O2")),
        "evaluation, all float16": lambda: compile_evaluation(build(1, "O3")),
        "export": lambda: compile_export(build(1)),
        "training with Fmax": lambda: compile_training(Fcn4WithFmax(), ranks),
        "training, sinking": lambda: compile_sinking(build(1), ranks),
        # Last: MindSpore keeps the buckets for what it compiles from then on.
        "training, all-reduces": lambda: compile_training(build(1), ranks, all_reduce_buckets=3),
    }
    # The compiler makes this folder for each rank.
    saved = FOLDER / "rank_0"
    files = {name: file_of(compile_graph, saved) for name, compile_graph in graphs.items()}
    (FOLDER / "graphs.json").write_text(json.dumps(files))


def build(
    batch_norm_ranks: int,
    amp_level: str = "",
    amp_dtype: str = "float16",
    *,
    pool_first: bool = False,
) -> Fcn4:
    return build_fcn4(
        3,
        0.02,
        amp_level=amp_level,
        amp_dtype=amp_dtype,
        batch_norm_ranks=batch_norm_ranks,
        pool_first=pool_first,
    )


def compile_training(network: nn.Cell, ranks: Ranks, **options: Any) -> None:
    step = TrainingStep(network.set_train(True), ranks, 1024.0, **options)
    step.compile(FEATURES, LABELS, CONTROLS)


def compile_dynamic(ranks: Ranks, overflow_by: str = "IsFinite") -> None:
    """Compile a step with a dynamic loss scale as MindSpore does on Ascend.

    How ``amp.all_finite`` looks for overflows is up to the card: the first 910 notes them in a
    flag, A2 and A3 have an operator of MindSpore's own, which is not used where a rank table is in
    the environment.
    """
    asked = {
        "_ascend_target": constexpr(lambda: overflow_by != "IsFinite"),
        "_ascend_910a_target": constexpr(lambda: overflow_by == "NPUGetFloatStatusV2"),
        "_enable_all_finite": constexpr(lambda: overflow_by == "AllFinite"),
    }
    network = build(1, "O2").set_train(True)
    step = TrainingStep(network, ranks, DynamicLossScale(network, 1024.0))
    with patch.multiple(amp, **asked):
        step.compile(FEATURES, LABELS, CONTROLS)


def compile_sinking(network: nn.Cell, ranks: Ranks) -> None:
    step = TrainingStep(network.set_train(True), ranks, 1024.0)
    SunkStep(RememberedStep(step, 3)).compile()


def compile_export(network: nn.Cell) -> None:
    checkpoint = cast(
        CheckpointNetwork,
        SimpleNamespace(cell=network, description=SimpleNamespace(input_shape=FEATURES.shape[1:])),
    )
    write_mindir(checkpoint, FOLDER / "model.mindir")


def compile_accumulation(network: nn.Cell, ranks: Ranks) -> None:
    step = TrainingStep(network.set_train(True), ranks, 1024.0, accumulation=2)
    step.accumulate.compile(FEATURES, LABELS)


def compile_evaluation(network: nn.Cell) -> None:
    network.set_train(False).compile(FEATURES)


def file_of(compile_graph: Callable[[], None], saved: Path) -> str:
    """Name the file of the graph that is compiled."""
    before = set(saved.glob("*_validate_*.ir"))
    # The CPU has no kernels for bfloat16 and no queue, which it finds when the front end is done.
    with suppress(TypeError, RuntimeError):
        compile_graph()
    (file,) = set(saved.glob("*_validate_*.ir")) - before
    return str(file)


if __name__ == "__main__":
    main()
