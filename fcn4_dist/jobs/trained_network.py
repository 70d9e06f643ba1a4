"""A network with the weights of a checkpoint, on every rank."""

from fcn4_dist.checkpoints import CheckpointFolder
from fcn4_dist.checkpoints.content import Checkpoint, check_description, read_checkpoint
from fcn4_dist.checkpoints.loading import load_into_network
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.model.build import build_fcn4, use_jit_level
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.records import Manifest
from fcn4_dist.terminal import say, warn


def load_trained_network(settings: Settings, manifest: Manifest, ranks: Ranks) -> tuple[Fcn4, str]:
    """Build the network a checkpoint was made of; only rank 0 needs to have the file.

    Args:
        settings: Name the checkpoint.
        manifest: Of the shards to be scored; the checkpoint has to fit them.
        ranks: This rank; all ranks have to call this.

    Returns:
        The network, and the path of the checkpoint (on rank 0).

    Raises:
        InputError: If there is no such checkpoint or it does not fit.
    """

    def read() -> Checkpoint:
        path = CheckpointFolder.from_settings(settings).find(settings.model_name, warn)
        checkpoint = read_checkpoint(path)
        check_description(checkpoint.description, path, manifest.class_names, manifest.parameters)
        return checkpoint

    checkpoint = ranks.on_main(read)
    description = checkpoint.description if checkpoint else None
    width = description.width if description else settings.width
    network = build_fcn4(
        settings.num_classes,
        ranks.broadcast(width),
        amp_level=settings.amp_in_use,
        amp_dtype=settings.amp_dtype,
        fused_first_block=settings.fusion_in_use,
    )
    use_jit_level(network, settings.jit_level)

    def load() -> None:
        assert checkpoint
        load_into_network(network, checkpoint, fresh_dense=False)

    ranks.on_main(load)
    ranks.broadcast_parameters(network.get_parameters())
    if checkpoint:
        place = f"epoch {description.epoch}, step {description.step}" if description else "foreign"
        say(f"weights from {checkpoint.path} ({place})")
        window = description.window_seconds if description else settings.window_seconds
        if window != settings.window_seconds:
            warn(
                f"they were trained on windows of {window:g} s, and score windows of "
                f"{settings.window_seconds:g} s: --window_seconds {window:g} scores the same"
            )
    return network, str(checkpoint.path) if checkpoint else ""
