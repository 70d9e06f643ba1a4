"""One training step at full width, held against the loss and the gradients that the CPU gave.

Weights and batch are drawn by NumPy, so that they are the same everywhere. The stored figures are
written by ``python -m fcn4_dist.trial.step``, on the CPU in float32.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from mindspore import Parameter, Tensor, nn

from fcn4_dist import documents
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.model.build import build_network
from fcn4_dist.training.step import TrainingStep, build_step, step_controls

REFERENCE = Path(__file__).with_name("reference_step.json")
_CLASSES, _CLIPS, _BANDS, _FRAMES = 10, 2, 96, 1366
_VALUES_KEPT = 64
_STEPS_TO_WARM_UP, _STEPS_MEASURED = 2, 5
_SHARE_OF_FIRST_MOMENT = 0.1
"""Of the gradient, after one step of Adam."""


@dataclass(frozen=True)
class Gradient:
    """What is kept of an array of gradients or statistics.

    Attributes:
        norm: The root of the sum of its squares.
        values: Some of it, at places drawn once.
    """

    norm: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class StepResult(documents.Document):
    """What a step gives.

    Attributes:
        loss: The loss before it.
        gradients: By name of the weight.
        statistics: Moving means and variances of batch-norm after it, by name.
    """

    format = 1

    loss: float
    gradients: Mapping[str, Gradient]
    statistics: Mapping[str, Gradient]


def take_reference_step(settings: Settings, ranks: Ranks) -> StepResult:
    """Take the step, as training takes its first one; each rank has the same batch.

    Args:
        settings: Say what is computed in, and how it is compiled; all else is as it was stored.
        ranks: This rank; every one has to call this.
    """
    random = np.random.RandomState(1)
    network, step = _build(settings, ranks, random)
    loss = _take(step, random, _CLIPS)()
    return _result_of(loss, network, step.state())


def measure_step(settings: Settings, ranks: Ranks) -> float:
    """Measure the median seconds of a step of the job's own batch; every rank has to call this.

    Args:
        settings: As for :func:`take_reference_step`, and ``batch_size``.
        ranks: This rank.
    """
    random = np.random.RandomState(1)
    _, step = _build(settings, ranks, random)
    take = _take(step, random, settings.batch_size)
    seconds = []
    for _ in range(_STEPS_TO_WARM_UP + _STEPS_MEASURED):
        begun = time.perf_counter()
        take()
        seconds.append(time.perf_counter() - begun)
    return median(seconds[_STEPS_TO_WARM_UP:])


def deviations(got: StepResult, expected: StepResult) -> dict[str, tuple[float, float]]:
    """Tell how far a step is from another one.

    Few bits let a maximum be at another place, and its gradient with it, which turns an array of
    gradients and leaves its norm alone.

    Returns:
        By "loss" and by name of each weight and statistic: the difference of the norms as a share
        of the norm expected, and the norm of the difference likewise; infinite where something is
        not a number.
    """
    of_loss = abs(got.loss - expected.loss) / abs(expected.loss)
    differences = {"loss": (of_loss, of_loss)}
    for name, wanted in {**expected.gradients, **expected.statistics}.items():
        ours = got.gradients.get(name) or got.statistics[name]
        values = np.array(wanted.values)
        direction = np.linalg.norm(np.array(ours.values) - values) / np.linalg.norm(values)
        differences[name] = (abs(ours.norm - wanted.norm) / wanted.norm, float(direction))
    return {
        name: (_or_infinite(norm), _or_infinite(direction))
        for name, (norm, direction) in differences.items()
    }


def read_reference() -> StepResult:
    """Read what the CPU gave."""
    return documents.read(REFERENCE, StepResult)


def _build(
    settings: Settings, ranks: Ranks, random: np.random.RandomState
) -> tuple[nn.Cell, TrainingStep]:
    used = replace(
        Settings(),
        num_classes=_CLASSES,
        device_target=settings.device_target,
        jit_level=settings.jit_level,
        fused_first_block=settings.fused_first_block,
        pool_first=settings.pool_first,
        mixed_precision=settings.mixed_precision,
        amp_level=settings.amp_level,
        amp_dtype=settings.amp_dtype,
    )
    network = build_network(used, ranks.size)
    for parameter in sorted(network.trainable_params(), key=lambda each: each.name):
        parameter.set_data(Tensor(_drawn(parameter, random)))
    return network, build_step(network.set_train(True), None, used, ranks)


def _take(step: TrainingStep, random: np.random.RandomState, clips: int) -> Callable[[], float]:
    """Give what takes a step on a batch that is drawn now, and tells the loss before it."""
    features = random.standard_normal((clips, 1, _BANDS, _FRAMES)).astype(np.float32)
    labels = np.eye(_CLASSES, dtype=np.float32)[np.arange(clips) % _CLASSES]
    batch = Tensor(features), Tensor(labels), step_controls(learning_rate=0.0005)
    return lambda: float(step(*batch).asnumpy()[0])


def _or_infinite(value: float) -> float:
    return value if np.isfinite(value) else np.inf


def _drawn(parameter: Parameter, random: np.random.RandomState) -> np.ndarray:
    shape = parameter.shape
    if parameter.name.endswith("gamma"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    inputs = np.prod(shape[1:]) if len(shape) > 1 else 100
    return (random.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)


def _result_of(loss: float, network: nn.Cell, state: Iterable[Parameter]) -> StepResult:
    values = {parameter.name: parameter.asnumpy() for parameter in state}
    trained = sorted(parameter.name for parameter in network.trainable_params())
    return StepResult(
        loss,
        {name: _summary(values[f"moment1.{name}"] / _SHARE_OF_FIRST_MOMENT) for name in trained},
        {name: _summary(array) for name, array in sorted(values.items()) if "moving" in name},
    )


def _summary(array: np.ndarray) -> Gradient:
    flat = array.astype(np.float64).ravel()
    places = np.random.RandomState(2).randint(0, flat.size, _VALUES_KEPT)
    digits = [float(f"{value:.7g}") for value in flat[places]]
    return Gradient(float(f"{np.linalg.norm(flat):.7g}"), tuple(digits))


def _write_reference(path: Path) -> None:
    from fcn4_dist.cluster.ranks import join_ranks

    ranks = join_ranks("CPU", 0)
    plain = replace(Settings(), device_target="CPU", fused_first_block=False)
    documents.write(path, take_reference_step(plain, ranks))


if __name__ == "__main__":
    from fcn4_dist.cluster.device import prepare_environment

    prepare_environment("CPU")
    _write_reference(Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE)
