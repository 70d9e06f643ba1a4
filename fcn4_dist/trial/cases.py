"""What is tried of the operators: inputs, the cells that run them, and what NumPy gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mindspore import Parameter, Tensor, amp, nn, ops
from mindspore import dtype as mstype

from fcn4_dist.model.fcn4 import BinaryCrossEntropy
from fcn4_dist.model.geometry import POOLS
from fcn4_dist.trial import references
from fcn4_dist.trial.references import Array

TYPES = ("float32", "float16", "bfloat16")
_LEARNING_RATE, _LOSS_SCALE = 0.01, 1024.0
_Draw = Callable[[np.random.RandomState], Sequence[Array]]


@dataclass(frozen=True)
class Case:
    """Some operators that are tried together.

    Attributes:
        operators: The one that gives each output, by the name it has in a compiled graph.
        draw: Draws the inputs; all but those in ``kept`` are rounded to the type that is tried.
        build: Makes what is run, for a type: a cell that gives all outputs.
        expect: Gives the same by NumPy.
        types: That there are of it.
        multiplies: Whether matrix products are in it, which Ascend may compute in fewer bits.
        kept: Places of the inputs that are float32 whatever is tried.
    """

    operators: tuple[str, ...]
    draw: _Draw
    build: Callable[[str], nn.Cell]
    expect: Callable[..., Sequence[Array]]
    types: tuple[str, ...] = TYPES
    multiplies: bool = False
    kept: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """Names of the operators."""
        return ", ".join(dict.fromkeys(self.operators))


def round_to(kind: str, values: Array) -> Array:
    """Round float32 values to those that another type has."""
    if kind == "float16":
        return values.astype(np.float16).astype(np.float32)
    if kind == "bfloat16":
        bits = values.view(np.uint32)
        # To the nearest; a tie goes to the even one.
        return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)
    return values


class _WithGradients(nn.Cell):
    """Gives what a function gives, and its gradients by all it takes, given that by its output."""

    def __init__(self, function: nn.Cell) -> None:
        super().__init__()
        self.function = function
        self.gradients = ops.GradOperation(get_all=True, sens_param=True)

    def construct(self, *inputs_and_upstream: Tensor) -> tuple[Tensor, ...]:
        output = self.function(*inputs_and_upstream[:-1])
        return (output, *self.gradients(self.function)(*inputs_and_upstream))


class _Function(nn.Cell):
    """A function as a cell."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def construct(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class _BatchNorm(nn.Cell):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ops.BatchNorm(is_training=True, epsilon=1e-5, momentum=0.1)
        self.mean = Parameter(np.zeros(channels, np.float32), requires_grad=False)
        self.variance = Parameter(np.ones(channels, np.float32), requires_grad=False)

    def construct(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return self.norm(x, gamma, beta, self.mean, self.variance)[0]


class _Normalisation(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.norm = ops.BatchNorm(is_training=False, epsilon=1e-5)

    def construct(self, *inputs: Tensor) -> tuple[Tensor]:
        return (self.norm(*inputs)[0],)


class _Dense(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.multiply, self.add = ops.MatMul(transpose_b=True), ops.BiasAdd()

    def construct(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return self.add(self.multiply(x, weight), bias)


class _LargestOfMap(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.largest = ops.ReduceMax()

    def construct(self, x: Tensor) -> Tensor:
        return self.largest(x, (2, 3))


class _Loss(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.loss = BinaryCrossEntropy()
        self.gradient = ops.GradOperation(sens_param=True)

    def construct(self, logits: Tensor, labels: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
        loss = self.loss(logits, labels)
        return loss, self.gradient(self.loss)(logits, labels, upstream)


class _AdamStep(nn.Cell):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = Parameter(np.zeros(size, np.float32), name="weight")
        self.optimizer = nn.Adam([self.weight], _LEARNING_RATE, loss_scale=_LOSS_SCALE)

    def construct(self, weight: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        begun = ops.depend(gradient, ops.assign(self.weight, weight))
        done = self.optimizer((begun,))
        return (
            ops.depend(self.weight, done) * 1,
            ops.depend(self.optimizer.moment1[0], done) * 1,
            ops.depend(self.optimizer.moment2[0], done) * 1,
        )


class _Cast(nn.Cell):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = getattr(mstype, kind)

    def construct(self, x: Tensor) -> tuple[Tensor]:
        return (x.astype(self.kind),)


class _Assignments(nn.Cell):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.value = Parameter(np.zeros(size, np.float32), name="value")
        self.count = Parameter(np.zeros(1, np.int32), name="count")
        self.add, self.subtract = ops.AssignAdd(), ops.AssignSub()

    def construct(self, x: Tensor, y: Tensor, z: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
        done = ops.assign(self.value, x)
        done = self.add(self.value, ops.depend(y, done))
        done = self.subtract(self.value, ops.depend(z, done))
        counted = self.add(self.count, ops.depend(one, done))
        return ops.depend(self.value, done) * 1, counted.astype(mstype.float32)


class _Overflow(nn.Cell):
    """Watches for overflows, as dynamic loss scaling does: before one, and behind it."""

    def construct(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        before = amp.all_finite((x,))
        large = ops.depend(x, before) * 1e30 * 1e30
        behind = amp.all_finite((large.sum(),))
        filled = ops.masked_fill(x, y > 0, 0.0)
        return before, behind, filled, ops.maximum(x, y), ops.minimum(x, y)


def _normal(*shapes: tuple[int, ...]) -> _Draw:
    return lambda random: [random.standard_normal(shape).astype(np.float32) for shape in shapes]


def _different(shape: tuple[int, ...], upstream: tuple[int, ...]) -> _Draw:
    """Draw an input in whose windows no two values are equal, in bfloat16 neither."""

    def draw(random: np.random.RandomState) -> list[Array]:
        batch, channels, height, width = shape
        # 255 neighbours are all whole numbers that bfloat16 has.
        ranks = np.arange(height * width) % 255 - 127
        maps = [random.permutation(ranks) for _ in range(batch * channels)]
        x = np.stack(maps).reshape(shape).astype(np.float32)
        return [x, random.standard_normal(upstream).astype(np.float32)]

    return draw


def _convolution(inputs: int, outputs: int) -> Case:
    size = (2, outputs, 12, 10)
    return Case(
        operators=("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"),
        draw=_normal((2, inputs, 12, 10), (outputs, inputs, 3, 3), size),
        build=lambda kind: _WithGradients(_Function(ops.Conv2D(outputs, 3, pad_mode="same"))),
        expect=references.convolution,
        multiplies=True,
    )


def _max_pool(pool: tuple[int, int]) -> Case:
    rows, columns = pool
    return Case(
        operators=("MaxPool", "MaxPoolGrad"),
        draw=_different((2, 16, 3 * rows, 2 * columns), (2, 16, 3, 2)),
        build=lambda kind: _WithGradients(_Function(ops.MaxPool(pool, pool))),
        expect=lambda x, upstream: references.max_pool(x, upstream, pool),
        types=("float32", "float16"),
    )


def _sum_and_order(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return ops.addn((x, y)), x < y


def _arithmetic(x: Any, y: Any) -> tuple[Any, ...]:
    return x + y, x - y, x * y, x / y, -x, x * 0.1


def _draw_for_division(random: np.random.RandomState) -> list[Array]:
    x, y = (random.standard_normal((6, 32)).astype(np.float32) for _ in range(2))
    return [x, np.sign(y) * (np.abs(y) + 0.5)]


def _draw_statistics(random: np.random.RandomState) -> list[Array]:
    x, *others = _normal((2, 16, 6, 10), (16,), (16,), (16,), (16,))(random)
    return [x, *others[:3], np.abs(others[3]) + 0.5]


def _draw_for_loss(random: np.random.RandomState) -> list[Array]:
    logits = random.standard_normal((6, 10)).astype(np.float32) * 4
    labels = random.randint(0, 2, logits.shape).astype(np.float32)
    return [logits, labels, np.array(_LOSS_SCALE, np.float32)]


def _arrangement(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    pair = ops.stack((x[0], y[0]))
    return pair, ops.concat((x[1:], y)), x.reshape(-1, 16)


def _mean(x: Tensor) -> tuple[Tensor]:
    return (ops.ReduceMean()(x, (0, 2, 3)),)


def _add_to_channels(x: Tensor, bias: Tensor) -> tuple[Tensor]:
    return (ops.BiasAdd()(x, bias),)


def _sigmoid(x: Tensor) -> tuple[Tensor]:
    return (ops.sigmoid(x),)


def _cast(other: str, of: tuple[str, ...]) -> Case:
    return Case(
        operators=("Cast",),
        draw=_normal((6, 32)),
        build=lambda kind: _Cast(other),
        expect=lambda x: (round_to(other, x.astype(np.float32)),),
        types=of,
    )


CASES = (
    _convolution(1, 16),
    _convolution(16, 32),
    Case(
        operators=("BatchNorm", "BatchNormGrad", "BatchNormGrad", "BatchNormGrad"),
        draw=_normal((4, 16, 6, 10), (16,), (16,), (4, 16, 6, 10)),
        build=lambda kind: _WithGradients(_BatchNorm(16)),
        expect=references.batch_norm,
        types=("float32", "float16"),
        kept=(1, 2),
    ),
    Case(
        operators=("BatchNorm",),
        draw=_draw_statistics,
        build=lambda kind: _Normalisation(),
        expect=references.normalisation,
        types=("float32", "float16"),
        kept=(1, 2, 3, 4),
    ),
    *map(_max_pool, POOLS),
    Case(
        operators=("ReLU", "ReluGrad"),
        draw=_normal((2, 16, 6, 10), (2, 16, 6, 10)),
        build=lambda kind: _WithGradients(_Function(ops.ReLU())),
        expect=references.relu,
    ),
    Case(
        # The gradient of the first is made of the others.
        operators=("ReduceMax", "Equal, SumExt, Div, Mul, Cast, Reshape"),
        draw=_different((2, 32, 3, 5), (2, 32)),
        build=lambda kind: _WithGradients(_LargestOfMap()),
        expect=references.largest_of_map,
    ),
    Case(
        operators=("MatMul, BiasAdd", "MatMul", "MatMul", "BiasAddGrad"),
        draw=_normal((6, 32), (10, 32), (10,), (6, 10)),
        build=lambda kind: _WithGradients(_Dense()),
        expect=references.dense,
        multiplies=True,
    ),
    Case(
        operators=("BCEWithLogitsLoss", "BinaryCrossEntropyWithLogitsBackward"),
        draw=_draw_for_loss,
        build=lambda kind: _Loss(),
        expect=references.cross_entropy,
        types=("float32",),
    ),
    Case(
        operators=("Adam", "Adam", "Adam"),
        draw=_normal((64,), (64,)),
        build=lambda kind: _AdamStep(64),
        expect=lambda weight, gradient: references.adam_step(
            weight, gradient, _LEARNING_RATE, _LOSS_SCALE
        ),
        types=("float32",),
    ),
    Case(
        operators=("IsFinite", "IsFinite", "MaskedFill", "Maximum", "Minimum"),
        draw=_normal((6, 32), (6, 32)),
        build=lambda kind: _Overflow(),
        expect=lambda x, y: (
            np.array(1.0),
            np.array(0.0),
            np.where(y > 0, 0, x),
            np.maximum(x, y),
            np.minimum(x, y),
        ),
        types=("float32",),
    ),
    Case(
        operators=("Add", "Sub", "Mul", "Div", "Neg", "Muls"),
        draw=_draw_for_division,
        build=lambda kind: _Function(_arithmetic),
        expect=_arithmetic,
        types=("float32",),
    ),
    Case(
        operators=("AddN", "Less"),
        draw=_normal((64,), (64,)),
        build=lambda kind: _Function(_sum_and_order),
        expect=lambda x, y: (x + y, x < y),
        types=("float32",),
    ),
    Case(
        operators=("ReduceMean",),
        draw=_normal((2, 16, 6, 10)),
        build=lambda kind: _Function(_mean),
        expect=lambda x: (x.mean((0, 2, 3)),),
        types=("float32",),
    ),
    Case(
        operators=("BiasAdd",),
        draw=_normal((2, 16, 6, 10), (16,)),
        build=lambda kind: _Function(_add_to_channels),
        expect=lambda x, bias: (x + bias[:, np.newaxis, np.newaxis],),
        types=("float32",),
    ),
    Case(
        operators=("Assign, AssignAdd, AssignSub", "AssignAdd"),
        draw=lambda random: [*_normal((64,), (64,), (64,))(random), np.ones(1, np.int32)],
        build=lambda kind: _Assignments(64),
        expect=lambda x, y, z, one: (x + y - z, one),
        types=("float32",),
    ),
    Case(
        operators=("Stack, StridedSlice", "Concat, StridedSlice", "Reshape"),
        draw=_normal((6, 32), (6, 32)),
        build=lambda kind: _Function(_arrangement),
        expect=lambda x, y: (
            np.stack((x[0], y[0])),
            np.concatenate((x[1:], y)),
            x.reshape(-1, 16),
        ),
        types=("float32",),
    ),
    Case(
        operators=("Sigmoid",),
        draw=_normal((6, 10)),
        build=lambda kind: _Function(_sigmoid),
        expect=lambda x: (1 / (1 + np.exp(-x)),),
        types=("float32",),
    ),
    _cast("float32", of=("float16", "bfloat16")),
    _cast("float16", of=("float32",)),
    _cast("bfloat16", of=("float32",)),
)
