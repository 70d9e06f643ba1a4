"""FCN-4, the fully convolutional music tagger of Choi, Fazekas and Sandler (ISMIR 2016).

Layers and parameter names are those of the MindSpore ModelZoo's trainer, so its checkpoints load.
"""

from collections.abc import Callable, Sequence

from mindspore import Tensor, jit, nn, ops
from mindspore import dtype as mstype

from fcn4_dist.model.geometry import POOLS


class Fcn4(nn.Cell):
    """Four 3x3 convolutions with batch-norm, ReLU and max-pool, then one dense layer.

    The pools come before the ReLU: the maximum of what is cut off below zero is the maximum cut
    off, to the bit and in its gradient, and in the first block the ReLU has an eighth of the values
    to go over.

    Args:
        num_classes: Number of genres or tags.
        channels: Output channels of the four convolutions, see
            :func:`fcn4_dist.model.channels`.
        batch_norm: Gives the batch-norm of a number of channels.
    """

    def __init__(
        self,
        num_classes: int,
        channels: Sequence[int],
        batch_norm: Callable[[int], nn.Cell] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        first, second, third, fourth = channels
        self.conv1 = _convolution(1, first)
        self.bn1 = batch_norm(first)
        self.conv2 = _convolution(first, second)
        self.bn2 = batch_norm(second)
        self.conv3 = _convolution(second, third)
        self.bn3 = batch_norm(third)
        self.conv4 = _convolution(third, fourth)
        self.bn4 = batch_norm(fourth)
        self.dense = nn.Dense(fourth, num_classes)
        self.relu = nn.ReLU()
        self.pool1, self.pool2, self.pool3 = (
            nn.MaxPool2d(kernel_size=pool, stride=pool) for pool in POOLS
        )
        self.pool_rest = ops.ReduceMax()

    def construct(self, features: Tensor) -> Tensor:
        """Compute the logits of a batch.

        Args:
            features: Log-mel spectrograms of shape (batch, 1, n_mels, frames).

        Returns:
            Logits of shape (batch, num_classes); a sigmoid makes them probabilities.
        """
        x = self.first_block(features)
        x = self.relu(self.pool2(self.bn2(self.conv2(x))))
        x = self.relu(self.pool3(self.bn3(self.conv3(x))))
        x = self.relu(self.bn4(self.conv4(x)))
        # Whatever it computes in, NumPy and the loss get float32.
        return self.dense(self.pool_rest(x, (2, 3))).astype(mstype.float32)

    def first_block(self, features: Tensor) -> Tensor:
        """Compute the first block."""
        return self.relu(self.pool1(self.bn1(self.conv1(features))))


class BinaryCrossEntropy(nn.Cell):
    """Binary cross-entropy of logits, averaged over samples and classes."""

    def __init__(self) -> None:
        super().__init__()
        self.cross_entropy = ops.BCEWithLogitsLoss(reduction="mean")

    # Where MindSpore computes operator by operator on the CPU (PyNative mode), it would divide the
    # gradient by the size of the first batch of the process, whatever the size of this one:
    # tests/model/test_kept_divisor.py. As a graph of its own it has a divisor of its own.
    @jit
    def construct(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: Of shape (batch, num_classes).
            labels: float32 in 0..1, of the same shape.

        Returns:
            A scalar.
        """
        ones = ops.ones_like(logits)
        return self.cross_entropy(logits, labels, ones, ones)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, pad_mode="same", has_bias=False)
