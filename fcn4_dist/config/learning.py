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


def _loss_scaling_affects(settings: Any) -> Affects:
    # Left open, it follows from what was computed in; a checkpoint tells.
    return Affects.COMPUTATION if settings.loss_scaling == "auto" else Affects.RESULT


@dataclass(frozen=True, kw_only=True)
class Network:
    """The network, and what it computes in."""

    TITLE: ClassVar[str] = "Network"

    width: float = setting("train eval", 1.0, above=0, minimum=1e-4, maximum=16).means(
        "factor on the channels 128, 384, 768, 2048 of the four layers; evaluation takes that of "
        "the checkpoint, if it says"
    )
    mixed_precision: bool = setting("train eval", False).means(
        "compute in amp_dtype, with float32 weights, where the device can (Ascend)"
    )
    amp_level: str = setting("train eval", "O2", choices=("O2", "O3")).means(
        "what mixed_precision is for: all but batch-norm (O2), or all layers (O3)"
    )
    amp_dtype: str = setting(
        "train eval", "auto", _amp_dtype_affects, choices=("auto", "float16", "bfloat16")
    ).means(
        "what mixed_precision computes in; auto: float16; bfloat16, which the first 910 has not, "
        "leaves max-pools and batch-norm in float32"
    )
    sync_bn: bool = setting("train", False).means(
        "batch-norm statistics over the global batch instead of each rank's share"
    )


@dataclass(frozen=True, kw_only=True)
class Training:
    """Batches, epochs and the optimiser."""

    TITLE: ClassVar[str] = "Training"

    seed: int = setting("synth preprocess train", 1, minimum=0, maximum=2**32 - 1).means(
        "seed of the made clips, the split, the initial weights, the order of samples and their "
        "augmentation"
    )
    batch_size: int = setting(
        "train eval", 32, Affects.GLOBAL_BATCH, minimum=1, maximum=2**16
    ).means("clips in a batch, per card")
    accumulation_steps: int = setting(
        "train", 1, Affects.GLOBAL_BATCH, minimum=1, maximum=10_000
    ).means(
        "batches of each card whose gradients are added up before a step is taken: a global batch "
        "so many times larger in the memory of one batch (batch-norm sees one batch at a time)"
    )
    epoch_size: int = setting("train", 10, _epochs_affect, minimum=1, maximum=10**6).means("epochs")
    lr: float = setting("train", 0.0005, above=0, minimum=1e-12, maximum=10).means(
        "learning rate of Adam, or the highest of it"
    )
    lr_scaling: str = setting("train", "none", choices=("none", "linear", "sqrt")).means(
        "factor on lr by the global batch (batch_size x accumulation_steps x cards): a 32nd of it "
        "(linear), the root of that (sqrt), or none"
    )
    loss_scale: float = setting("train", 1024.0, above=0, minimum=2**-24, maximum=2**24).means(
        "factor on the loss, taken off the gradients again; where loss_scaling is dynamic, that of "
        "the first step"
    )
    loss_scaling: str = setting(
        "train", "auto", _loss_scaling_affects, choices=("auto", "fixed", "dynamic")
    ).means(
        "fixed: loss_scale at every step; dynamic: a step that overflows on any rank is skipped on "
        "all and halves the scale, 2000 steps without an overflow double it; auto: dynamic where "
        "mixed_precision computes in float16, else fixed"
    )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Schedule, regularisation and augmentation; all of it is off by default."""

    TITLE: ClassVar[str] = "Recipe"

    lr_schedule: str = setting("train", "constant", choices=("constant", "cosine")).means(
        "the learning rate after its warm-up: constant, or cosine (falling to 0 at the last step)"
    )
    warmup_epochs: float = setting("train", 0.0, minimum=0, maximum=10**6).means(
        "epochs in which the learning rate rises from 0 to lr, step by step"
    )
    weight_decay: float = setting("train", 0.0, minimum=0, maximum=1).means(
        "share of the convolutions' and the dense layer's weights that a step at learning rate 1 "
        "would take away (decoupled, as in AdamW)"
    )
    ema_decay: float = setting("train", 0.0, minimum=0, maximum=0.999999).means(
        "decay of the exponential moving average of the weights, taken at each step, that is "
        "validated, saved and used instead of the last weights; 0: none"
    )
    label_smoothing: float = setting("train", 0.0, minimum=0, maximum=0.99).means(
        "how far labels are drawn from 0 and 1 to one half: 0.1 makes them 0.05 and 0.95"
    )
    mixup: float = setting("train", 0.0, minimum=0, maximum=1000).means(
        "alpha of mixup: each sample is blended with another of the epoch, labels too, at a share "
        "drawn from Beta(alpha, alpha); 0: none"
    )
    time_shift: float = setting("train", 0.0, unit="s", minimum=0, maximum=86400).means(
        "each sample is rolled along time, by at most so much to either side, at random: what "
        "leaves at one end comes in at the other"
    )
    freq_mask: int = setting("train", 0, unit="mel bands", minimum=0, maximum=2**12).means(
        "SpecAugment: mel bands that each of two masks hides in a sample at most"
    )
    time_mask: float = setting("train", 0.0, unit="s", minimum=0, maximum=86400).means(
        "SpecAugment: time that each of two masks hides in a sample at most"
    )
