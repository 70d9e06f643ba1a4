"""Writing a network in the formats other programs run, and running what was written."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork
from fcn4_dist.tagging.onnx_network import DESCRIPTION_KEY, OnnxNetwork
from fcn4_dist.text import json_text

if TYPE_CHECKING:
    import onnx

_BATCH = "batch"


def write_onnx(network: CheckpointNetwork, path: Path) -> None:
    """Write a network as ONNX: ``features`` of any number of windows to ``scores`` and ``logits``.

    The description is in the file's metadata.
    """
    import onnx

    ms.onnx.export(
        _WithSigmoid(network),
        _one_window(network),
        file_name=str(path),
        input_names=["features"],
        output_names=["scores"],
        dynamic_axes={"features": {0: _BATCH}},
    )
    model = onnx.load(str(path))
    _name_logits(model.graph, len(network.description.class_names))
    entry = model.metadata_props.add()
    entry.key, entry.value = DESCRIPTION_KEY, json_text(network.description.as_dict())
    onnx.checker.check_model(model, full_check=True)
    # MindSpore writes no more than its owner may read.
    path.unlink()
    onnx.save(model, str(path))


def write_mindir(network: CheckpointNetwork, path: Path) -> None:
    """Write a network as MindIR: windows in any number to scores and logits."""
    cell = _WithSigmoid(network, with_logits=True)
    windows = Tensor(shape=[None, *network.description.input_shape], dtype=ms.float32)
    ms.export(cell, windows, file_name=str(path), file_format="MINDIR")


def write_air(network: CheckpointNetwork, path: Path) -> None:
    """Write a network as AIR, on an Ascend card only: one window to its scores."""
    cell, window = _WithSigmoid(network), _one_window(network)
    ms.export(cell, window, file_name=str(path), file_format="AIR")


def run_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load what :func:`write_onnx` wrote with onnxruntime, to compute logits."""
    return OnnxNetwork(path).logits


def run_mindir(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load what :func:`write_mindir` wrote with MindSpore, to compute logits."""
    cell = nn.GraphCell(ms.load(str(path)))
    return lambda windows: cell(Tensor(windows))[1].asnumpy()


class _WithSigmoid(nn.Cell):
    """A network that gives scores."""

    def __init__(self, network: CheckpointNetwork, *, with_logits: bool = False) -> None:
        super().__init__()
        self.network = network.cell
        self.sigmoid = ops.Sigmoid()
        self.with_logits = with_logits
        self.set_train(False)

    def construct(self, features: Tensor) -> Tensor:
        """Compute scores, and the logits if they are wanted."""
        logits = self.network(features)
        scores = self.sigmoid(logits)
        return (scores, logits) if self.with_logits else scores


def _one_window(network: CheckpointNetwork) -> Tensor:
    return Tensor(np.zeros((1, *network.description.input_shape), dtype=np.float32))


def _name_logits(graph: "onnx.GraphProto", classes: int) -> None:
    """Make the input of the sigmoid an output, too.

    MindSpore writes the nodes of a network with two outputs in an order no runtime takes.
    """
    import onnx

    sigmoids = [node for node in graph.node if node.op_type == "Sigmoid"]
    if len(sigmoids) != 1:
        raise Fcn4DistError(
            f"MindSpore {ms.__version__} wrote an ONNX graph with {len(sigmoids)} sigmoids in the "
            "place of one: this is unexpected, please report it"
        )
    inner = sigmoids[0].input[0]
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == inner:
                    names[index] = "logits"
    del graph.output[:]
    for name in ("scores", "logits"):
        graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [_BATCH, classes])
        )
