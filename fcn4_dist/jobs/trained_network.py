"""A network with the weights of a checkpoint, on every rank."""

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import check_description, load_into_network, read_checkpoint
from fcn4_dist.cluster.worker import Worker
from fcn4_dist.config import Settings
from fcn4_dist.model.fcn4 import Fcn4, build_fcn4
from fcn4_dist.records import Manifest
from fcn4_dist.terminal import say


def load_trained_network(
    settings: Settings, manifest: Manifest, worker: Worker
) -> tuple[Fcn4, str]:
    """Build the network a checkpoint was made of; only rank 0 needs to have the file.

    Args:
        settings: Name the checkpoint.
        manifest: Of the shards to be scored; the checkpoint has to fit them.
        worker: This rank; all ranks have to call this.

    Returns:
        The network, and the path of the checkpoint (on rank 0).

    Raises:
        InputError: If there is no such checkpoint or it does not fit.
    """
    checkpoint = None
    width = str(settings.width)
    if worker.is_main:
        path = CheckpointFolder.from_settings(settings).find(settings.model_name)
        checkpoint = read_checkpoint(path)
        check_description(checkpoint.description, path, manifest.class_names, manifest.parameters)
        if checkpoint.description:
            width = repr(checkpoint.description.width)
            said = f"epoch {checkpoint.description.epoch}, step {checkpoint.description.step}"
        else:
            said = "no description in the file"
        say(f"weights from {path} ({said})")
    network = build_fcn4(
        settings.num_classes,
        float(worker.broadcast_text(width)),
        mixed_precision=settings.float16,
    )
    if checkpoint:
        load_into_network(network, checkpoint, fresh_dense=False)
    worker.broadcast_parameters(network.get_parameters())
    return network, str(checkpoint.path) if checkpoint else ""
