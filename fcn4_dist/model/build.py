"""Building the network: in which form of the same function, and how it is compiled."""

from functools import partial

from mindspore import JitConfig, nn
from mindspore import dtype as mstype

from fcn4_dist.config import Settings
from fcn4_dist.model.batch_norm import GlobalBatchNorm2d
from fcn4_dist.model.fcn4 import Fcn4
from fcn4_dist.model.geometry import channels
from fcn4_dist.model.pooled_fcn4 import IN_FLOAT32, GivenBatchNorm2d, PooledFcn4


def build_fcn4(
    num_classes: int,
    width: float,
    *,
    amp_level: str = "",
    amp_dtype: str = "float16",
    batch_norm_ranks: int = 1,
    fused_first_block: bool = False,
    pool_first: bool = False,
) -> Fcn4:
    """Build the network.

    Args:
        num_classes: Number of genres or tags.
        width: Factor on the channels, see :func:`fcn4_dist.model.channels`.
        amp_level: What computes in ``amp_dtype``, with float32 weights: all but batch-norm
            ("O2"), all layers ("O3"), or nothing ("").
        amp_dtype: "float16", or "bfloat16", in which Ascend has no batch-norm and no max-pool:
            these stay in float32 at either level.
        batch_norm_ranks: Ranks whose samples batch-norm's statistics are made of in training: 1
            for this rank's own, or all of them.
        fused_first_block: Compute the first block in one pass, on the CPU, in float32 and with
            each rank's own statistics.
        pool_first: Else, pool before batch-norm in the first block.
    """
    if fused_first_block:
        # Numba takes its time to be imported.
        from fcn4_dist.model.cpu_fcn4 import CpuFcn4

        return CpuFcn4(num_classes, channels(width))
    synchronised = partial(GlobalBatchNorm2d, ranks=batch_norm_ranks)
    batch_norm = synchronised if batch_norm_ranks > 1 else nn.BatchNorm2d
    if pool_first:
        network: Fcn4 = PooledFcn4(num_classes, channels(width), batch_norm, batch_norm_ranks)
    else:
        network = Fcn4(num_classes, channels(width), batch_norm)
    if amp_level:
        _mix_precision(network, amp_level, amp_dtype)
    return network


def build_network(settings: Settings, world_size: int) -> Fcn4:
    """Build the network that the settings ask for.

    Args:
        settings: The settings of the job.
        world_size: Number of ranks.
    """
    return build_fcn4(
        settings.num_classes,
        settings.width,
        amp_level=settings.amp_in_use,
        amp_dtype=settings.amp_dtype,
        batch_norm_ranks=world_size if settings.sync_bn else 1,
        fused_first_block=settings.fusion_in_use,
        pool_first=settings.pool_first,
    )


def use_jit_level(cell: nn.Cell, jit_level: str) -> None:
    """Say how a cell is compiled, before it is.

    Args:
        cell: What is going to be called.
        jit_level: "O0", "O1" or "O2"; "auto" leaves it to MindSpore.
    """
    if jit_level != "auto":
        cell.set_jit_config(JitConfig(jit_level=jit_level))


def _mix_precision(network: Fcn4, amp_level: str, amp_dtype: str) -> None:
    # Of what types Ascend has each operator is in docs/operator_types.md.
    dtype = getattr(mstype, amp_dtype)
    norms = (nn.BatchNorm2d, GivenBatchNorm2d)
    exact: tuple[type[nn.Cell], ...] = (GlobalBatchNorm2d, *IN_FLOAT32)
    if amp_dtype == "bfloat16":
        exact += (*norms, nn.MaxPool2d)
    elif amp_level == "O2":
        exact += norms
    for cell in network.cells():
        if isinstance(cell, exact):
            cell.to_float(mstype.float32)
        elif not isinstance(cell, norms):
            # Batch-norm takes what it is given; its parameters are to stay float32.
            cell.to_float(dtype)
