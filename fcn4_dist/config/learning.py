"""How the network learns."""

from dataclasses import dataclass
from typing import Any, ClassVar

from fcn4_dist.config.declaration import Affects, setting


def _epochs_affect(settings: Any) -> Affects:
    # A cosine is as long as the run.
    return Affects.RESULT if settings.lr_schedule == "cosine" else Affects.LENGTH


def _amp_dtype_affects(settings: Any) -> Affects:
    # Left open, it does not say what was computed in.
    return Affects.COMPUTATION if settings.amp_dtype == "auto" else Affects.RESULT


@dataclass(frozen=True, kw_only=True)
class Network:
    """The network, and what it computes in."""

    TITLE: ClassVar[str] = "Network"

    width: float = setting(
        "train eval",
        1.0,
        "factor on the channels 128, 384, 768, 2048 of the four layers; evaluation takes that of "
        "the checkpoint, if it says",
        Affects.RESULT,
        above=0,
        maximum=16,
    )
    mixed_precision: bool = setting(
        "train eval",
        False,
        "compute in amp_dtype, with float32 weights, where the device can (Ascend)",
        Affects.RESULT,
    )
    amp_level: str = setting(
        "train eval",
        "O2",
        "what mixed_precision is for: all but batch-norm (O2), or all layers (O3)",
        Affects.RESULT,
        choices=("O2", "O3"),
    )
    amp_dtype: str = setting(
        "train eval",
        "auto",
        "what mixed_precision computes in; auto: bfloat16 on Ascend A2 and A3, float16 on the "
        "first 910, which has no bfloat16",
        _amp_dtype_affects,
        choices=("auto", "float16", "bfloat16"),
    )
    sync_bn: bool = setting(
        "train",
        False,
        "batch-norm statistics over the global batch instead of each rank's share",
        Affects.RESULT,
    )


@dataclass(frozen=True, kw_only=True)
class Training:
    """Batches, epochs and the optimiser."""

    TITLE: ClassVar[str] = "Training"

    seed: int = setting(
        "synth preprocess train",
        1,
        "seed of the made clips, the split, the initial weights, the order of samples and their "
        "augmentation",
        Affects.RESULT,
        minimum=0,
        maximum=2**32 - 1,
    )
    batch_size: int = setting(
        "train eval", 32, "clips in a batch, per card", Affects.GLOBAL_BATCH, minimum=1
    )
    accumulation_steps: int = setting(
        "train",
        1,
        "batches of each card whose gradients are added up before a step is taken: a global batch "
        "so many times larger in the memory of one batch (batch-norm sees one batch at a time)",
        Affects.GLOBAL_BATCH,
        minimum=1,
    )
    epoch_size: int = setting("train", 10, "epochs", _epochs_affect, minimum=1)
    lr: float = setting(
        "train", 0.0005, "learning rate of Adam, or the highest of it", Affects.RESULT, above=0
    )
    lr_scaling: str = setting(
        "train",
        "none",
        "factor on lr by the global batch (batch_size x accumulation_steps x cards): a 32nd of it "
        "(linear), the root of that (sqrt), or none",
        Affects.RESULT,
        choices=("none", "linear", "sqrt"),
    )
    loss_scale: float = setting(
        "train", 1024.0, "fixed loss scale", Affects.RESULT, above=0, maximum=2**24
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Schedule, regularisation and augmentation; all of it is off by default."""

    TITLE: ClassVar[str] = "Recipe"

    lr_schedule: str = setting(
        "train",
        "constant",
        "the learning rate after its warm-up: constant, or cosine (falling to 0 at the last step)",
        Affects.RESULT,
        choices=("constant", "cosine"),
    )
    warmup_epochs: float = setting(
        "train",
        0.0,
        "epochs in which the learning rate rises from 0 to lr, step by step",
        Affects.RESULT,
        minimum=0,
    )
    weight_decay: float = setting(
        "train",
        0.0,
        "share of the convolutions' and the dense layer's weights that a step at learning rate 1 "
        "would take away (decoupled, as in AdamW)",
        Affects.RESULT,
        minimum=0,
        maximum=1,
    )
    ema_decay: float = setting(
        "train",
        0.0,
        "decay of the exponential moving average of the weights, taken at each step, that is "
        "validated, saved and used instead of the last weights; 0: none",
        Affects.RESULT,
        minimum=0,
        below=1,
    )
    label_smoothing: float = setting(
        "train",
        0.0,
        "how far labels are drawn from 0 and 1 to one half: 0.1 makes them 0.05 and 0.95",
        Affects.RESULT,
        minimum=0,
        below=1,
    )
    mixup: float = setting(
        "train",
        0.0,
        "alpha of mixup: each sample is blended with another of the epoch, labels too, at a share "
        "drawn from Beta(alpha, alpha); 0: none",
        Affects.RESULT,
        minimum=0,
    )
    time_shift: float = setting(
        "train",
        0.0,
        "each sample is turned around in time, by at most so much to either side, at random",
        Affects.RESULT,
        unit="s",
        minimum=0,
    )
    freq_mask: int = setting(
        "train",
        0,
        "SpecAugment: mel bands that each of two masks hides in a sample at most",
        Affects.RESULT,
        unit="mel bands",
        minimum=0,
    )
    time_mask: float = setting(
        "train",
        0.0,
        "SpecAugment: time that each of two masks hides in a sample at most",
        Affects.RESULT,
        unit="s",
        minimum=0,
    )
