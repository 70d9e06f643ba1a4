"""A checkpoint's network, run by MindSpore."""

from pathlib import Path

import numpy as np

from fcn4_dist.checkpoints.content import read_checkpoint
from fcn4_dist.cluster.device import check_device, check_mindspore, prepare_environment
from fcn4_dist.cluster.signs import sign_of_ascend
from fcn4_dist.tagging.model_description import Network, describe_checkpoint
from fcn4_dist.versions import check_extra

_WINDOWS_OF_A_CARD = 8


class CheckpointNetwork(Network):
    """The network of a checkpoint; MindSpore is imported when it is made.

    Args:
        path: Checkpoint of this package, or of the ModelZoo's FCN-4.
        class_names: Names of the classes, where the checkpoint does not say them.
        device_target: "Ascend", "CPU", or "auto" or "" for Ascend where anything says that there
            is a card, else the CPU.
        device_id: The card.

    Attributes:
        cell: The network itself, not in training.

    Raises:
        InputError: If the checkpoint, the device or MindSpore is not there or does not fit.
    """

    def __init__(
        self,
        path: Path,
        class_names: tuple[str, ...] = (),
        device_target: str = "",
        device_id: int = 0,
    ) -> None:
        checkpoint = read_checkpoint(path)
        check_mindspore()
        check_extra("ascend")
        super().__init__(describe_checkpoint(checkpoint, class_names), path)
        if device_target in ("", "auto"):
            device_target = "Ascend" if sign_of_ascend() else "CPU"
        check_device(device_target)
        if device_target == "Ascend":
            self.windows_at_once = _WINDOWS_OF_A_CARD
        prepare_environment(device_target)

        from fcn4_dist.checkpoints.loading import load_into_network
        from fcn4_dist.cluster.ranks import join_ranks
        from fcn4_dist.model.build import build_fcn4

        join_ranks(device_target, device_id)
        self.cell = build_fcn4(len(self.description.class_names), self.description.width)
        load_into_network(self.cell, checkpoint, fresh_dense=False)
        self.cell.set_train(False)

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Compute the logits of some windows; another number of them is compiled anew."""
        from mindspore import Tensor

        return self.cell(Tensor(windows)).asnumpy()
