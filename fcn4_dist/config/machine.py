"""What computes: the device, the ranks of a distributed job, and what only Ascend cards have."""

from dataclasses import dataclass
from typing import ClassVar

from fcn4_dist.config.declaration import Affects, setting


@dataclass(frozen=True, kw_only=True)
class Device:
    """What the network runs on."""

    TITLE: ClassVar[str] = "Device"

    device_target: str = setting(
        "train eval", "auto", Affects.COMPUTATION, choices=("auto", "Ascend", "CPU")
    ).means(
        "back end the network runs on; auto: Ascend where anything says that there is a card (in "
        "/dev, a driver, CANN, their variables), else the CPU"
    )
    device_id: int = setting("train eval", 0, Affects.WORK, minimum=0, maximum=1023).means(
        "card of a single-card run, counted from 0 among those that CANN is shown; ignored in a "
        "distributed one"
    )
    reader_threads: int = setting("train eval", 0, Affects.WORK, minimum=0, maximum=1024).means(
        "threads that read shards ahead, for each rank; 0: as many as MindSpore takes"
    )
    jit_level: str = setting(
        "train eval", "auto", Affects.COMPUTATION, choices=("auto", "O0", "O1", "O2")
    ).means(
        "how MindSpore compiles: operator by operator (O0), with operators fused (O1), or for the "
        "graph engine of Ascend (O2); auto: what MindSpore takes for the card, O2 on the first "
        "910, O0 on others"
    )
    fused_first_block: bool = setting("train eval", True, Affects.COMPUTATION).means(
        "on the CPU, compute the first block (convolution, batch-norm, ReLU, max-pool) in one "
        "pass: the same network, faster and in half the memory; if not, or with sync_bn, "
        "MindSpore's operators compute it, as on Ascend"
    )
    pool_first: bool = setting("train eval", False, Affects.COMPUTATION).means(
        "where MindSpore's operators compute the first block, pool before batch-norm, and take its "
        "statistics from those of the features: the same network, with fewer bytes to move"
    )


@dataclass(frozen=True, kw_only=True)
class DistributedJob:
    """How several ranks are watched and ended."""

    TITLE: ClassVar[str] = "Distributed job"

    bind_cores: str = setting(
        "train eval", "auto", Affects.COMPUTATION, choices=("auto", "on", "off")
    ).means(
        "whether each rank of a host keeps to its own share of the cores (on Ascend those near its "
        "card), where msrun starts them: on, off, or auto (on Ascend A2 and A3, and training on "
        "the CPU; evaluation there does not, since the last bits of scores depend on the number of "
        "threads)"
    )
    step_timeout: float = setting(
        "train eval", 600.0, Affects.WORK, unit="s", minimum=0.1, maximum=10**7
    ).means(
        "a distributed job in which no step ends for so long is stopped, and the rank the others "
        "wait for is named; starting and compiling may take hccl_connect_timeout more"
    )
    grace_period: float = setting(
        "train", 25.0, Affects.WORK, unit="s", minimum=0, maximum=86400
    ).means(
        "time a distributed job has to write a checkpoint after SIGTERM; then its workers are "
        "killed"
    )


@dataclass(frozen=True, kw_only=True)
class Ascend:
    """What only Ascend cards have."""

    TITLE: ClassVar[str] = "Ascend"

    exact_float32: bool = setting("train eval", False).means(
        "compute float32 operators in float32 on Ascend A2 and A3, whose convolutions take HF32, "
        "of fewer bits, unless this is on; the first 910 has none but float16 convolutions"
    )
    deterministic: bool = setting("train eval", False, Affects.COMPUTATION).means(
        "have operators and HCCL's reductions on Ascend give the same bits each time, which costs "
        "speed (mindspore.set_deterministic, HCCL_DETERMINISTIC); the CPU does so anyway"
    )
    host_threads: int = setting("train eval", 0, Affects.WORK, minimum=0, maximum=1024).means(
        "threads by which MindSpore starts operators on Ascend, for each rank; 0: as many as it "
        "takes; on the CPU, a rank computes on the cores that it keeps to (bind_cores)"
    )
    hccl_connect_timeout: int = setting(
        "train eval", 1800, Affects.WORK, unit="s", minimum=120, maximum=7200
    ).means(
        "how long the ranks of an Ascend job wait for each other, while they compile too "
        "(HCCL_CONNECT_TIMEOUT)"
    )
    hccl_buffsize: int = setting(
        "train eval", 200, Affects.WORK, unit="MB", minimum=1, maximum=2**16
    ).means(
        "device memory for each buffer of HCCL (HCCL_BUFFSIZE); lower it where starting runs out "
        "of device memory"
    )
    all_reduce_buckets: int = setting("train", 0, Affects.COMPUTATION, minimum=0, maximum=4).means(
        "all-reduces by which Ascend averages the gradients of a step; with 2 or more, those of "
        "the last layers, most of the bytes, travel while those of the first are computed; 0: 2 on "
        "Ascend A2 and A3, 1 on the first 910"
    )
    sink_size: int = setting("train", 0, Affects.COMPUTATION, minimum=0, maximum=1000).means(
        "data sinking: steps that an Ascend card takes at a time, on batches that wait in a queue "
        "of its own; what is said of the next step (stopping, saving, diverging, step_timeout) "
        "then holds within so many steps; 0: the host hands over each batch"
    )
