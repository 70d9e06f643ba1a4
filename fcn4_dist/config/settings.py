"""The settings: names, defaults, meanings, units and allowed values, each in one place.

The YAML loader, the flags, ``--help``, the README's table and the checks are all made from the
declarations below. Names and defaults are those of the known FCN-4 trainers for MindSpore.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.config.declaration import declared_settings, setting
from fcn4_dist.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a job, checked when constructed.

    Raises:
        SettingsError: If a value has the wrong type or is impossible.
    """

    # The collection
    dataset: str = setting(
        "preprocess",
        "folder",
        "what kind of collection it is; the README's section on audio lists them",
    )
    num_classes: int = setting("preprocess train eval", 10, "number of genres or tags", minimum=1)
    audio_path: str = setting(
        "synth preprocess",
        "data/genres_original/",
        "audio clips: a folder for each class, or what the annotations' paths begin at",
        is_path=True,
    )
    info_path: str = setting("preprocess", "data/", "folder of the annotations file", is_path=True)
    info_name: str = setting(
        "preprocess",
        "annotations_final.csv",
        "annotations file: the labels of each clip; read for magnatagatune and csv, written for "
        "a folder of classes",
    )
    tag_list: str = setting(
        "preprocess",
        "count",
        "which num_classes tags of MagnaTagATune: the most frequent ones (count), or the fifty "
        "of the ModelZoo's FCN-4 in its order (modelzoo)",
        choices=("count", "modelzoo"),
    )
    split: str = setting(
        "preprocess",
        "auto",
        "how training, validation and test clips are told apart: published (that of the "
        "collection), random (stratified by val_ratio and seed), kfold (fold of folds), or auto "
        "(published where that is the collection's usual one, else random)",
        choices=("auto", "published", "random", "kfold"),
    )
    val_ratio: float = setting(
        "preprocess", 0.2, "share of the clips that go to validation", above=0, below=1
    )
    folds: int = setting("preprocess", 5, "folds of a kfold split", minimum=2)
    fold: int = setting(
        "preprocess",
        1,
        "the fold of a kfold split that is the validation set, from 1; the others are the "
        "training set",
        minimum=1,
    )
    group_pattern: str = setting(
        "preprocess",
        "",
        "regular expression for a clip's group (artist, song) in its id: its first parenthesis, "
        "or all it matches; a group is never on both sides of a random or kfold split; empty: "
        "the groups the collection brings",
        optional=True,
    )
    val_pattern: str = setting(
        "preprocess",
        "",
        "clips whose id (path below audio_path) matches this pattern, like '*/5-*', are the "
        "validation set; empty: a seeded stratified split by val_ratio",
        optional=True,
    )
    clips_per_class: int = setting(
        "synth", 100, "clips made for each of the ten classes", minimum=1
    )
    synth_seconds: float = setting("synth", 30.0, "length of a made clip", unit="s", minimum=0.1)

    # Features
    npy_path: str = setting(
        "preprocess", "data/npy/", "folder of the features (.npy files)", is_path=True
    )
    get_npy: bool = setting("preprocess", True, "run the audio -> npy stage")
    get_mindrecord: bool = setting("preprocess", True, "run the npy -> MindRecord stage")
    sample_rate: int = setting(
        "preprocess train eval",
        12000,
        "sample rate clips are resampled to",
        unit="Hz",
        minimum=1,
    )
    window_seconds: float = setting(
        "preprocess train eval",
        29.12,
        "length of the network's input; longer clips are cut to their centre, shorter ones padded "
        "with silence at the end",
        unit="s",
        above=0,
    )
    clip_seconds: float = setting(
        "preprocess train eval",
        0.0,
        "how much of each clip the shards keep, from its centre, if more than one window: training "
        "takes another window of it in each epoch, at random, and evaluation all of it, window by "
        "window, of which a clip's score is the mean; 0: one window (window_seconds)",
        unit="s",
        minimum=0,
    )
    n_fft: int = setting(
        "preprocess train eval", 512, "length of the FFT", unit="samples", minimum=2
    )
    hop_length: int = setting(
        "preprocess train eval", 256, "samples between two frames", unit="samples", minimum=1
    )
    n_mels: int = setting("preprocess train eval", 96, "mel bands", minimum=1)
    log_mel: str = setting(
        "preprocess train eval",
        "amplitude_to_db",
        "decibels of the mel power: amplitude_to_db (20 log10, so they come out doubled, as in "
        "the known trainers) or power_to_db (10 log10); both keep the upper 80 dB",
        choices=("amplitude_to_db", "power_to_db"),
    )

    num_workers: int = setting(
        "preprocess",
        0,
        "processes at work on this host (under mpirun: for each rank); 0: one for each core",
        minimum=0,
    )
    clip_timeout: float = setting(
        "preprocess",
        60.0,
        "time one clip may take; then it is skipped",
        unit="s",
        above=0,
    )
    strict: bool = setting(
        "preprocess", False, "fail if a clip has to be skipped, before shards are written"
    )

    # MindRecord shards
    feature_dtype: str = setting(
        "preprocess",
        "float32",
        "type of the features in the shards; float16 halves them, within 0.06 dB",
        choices=("float32", "float16"),
    )
    num_consumer: int = setting("preprocess", 4, "MindRecord shards (files) of each set", minimum=1)
    mr_path: str = setting(
        "preprocess train eval",
        "data/",
        "folder the MindRecord shards are written to",
        is_path=True,
    )
    mr_name: tuple[str, ...] = setting(
        "preprocess",
        ("train", "val"),
        "names of the training and the validation set's shards, and of the test set's as a third "
        "one (test, if it is not given)",
    )
    data_dir: str = setting(
        "train eval",
        "",
        "folder the MindRecord shards are read from; empty: mr_path",
        optional=True,
        is_path=True,
    )
    train_filename: str = setting(
        "train", "train.mindrecord0", "one shard of the training set; means all of them"
    )
    val_filename: str = setting(
        "eval", "val.mindrecord0", "one shard of the validation set; means all of them"
    )

    # Device
    device_target: str = setting(
        "train eval", "Ascend", "back end the network runs on", choices=("Ascend", "CPU")
    )
    device_id: int = setting(
        "train eval", 0, "card of a single-card run; ignored in a distributed one", minimum=0
    )

    # Workers of a distributed job
    step_timeout: float = setting(
        "train eval",
        600.0,
        "a distributed job in which no step ends for so long is stopped, and the rank the others "
        "wait for is named; starting and compiling may take hccl_connect_timeout more",
        unit="s",
        above=0,
    )
    bind_cores: str = setting(
        "train eval",
        "auto",
        "whether each rank of a host keeps to its own share of the cores (on Ascend those near its "
        "card), where msrun starts them: on, off, or auto (on Ascend A2 and A3, and training on "
        "the CPU; evaluation there does not, since the last bits of scores depend on the number of "
        "threads)",
        choices=("auto", "on", "off"),
    )
    host_threads: int = setting(
        "train eval",
        0,
        "threads by which MindSpore starts operators on Ascend, for each rank; 0: as many as it "
        "takes; on the CPU, a rank computes on the cores that it keeps to (bind_cores)",
        minimum=0,
    )
    reader_threads: int = setting(
        "train eval",
        0,
        "threads that read shards ahead, for each rank; 0: as many as MindSpore takes",
        minimum=0,
    )
    hccl_connect_timeout: int = setting(
        "train eval",
        1800,
        "how long the ranks of an Ascend job wait for each other, while they compile too "
        "(HCCL_CONNECT_TIMEOUT)",
        unit="s",
        minimum=120,
        maximum=7200,
    )
    hccl_socket_ifname: str = setting(
        "train eval",
        "",
        "network interface over which the hosts of an Ascend job meet (HCCL_SOCKET_IFNAME); empty: "
        "HCCL chooses",
        optional=True,
    )
    hccl_buffsize: int = setting(
        "train eval",
        200,
        "device memory for each buffer of HCCL (HCCL_BUFFSIZE); lower it where starting runs out "
        "of device memory",
        unit="MB",
        minimum=1,
    )

    # Network and training
    width: float = setting(
        "train eval",
        1.0,
        "factor on the channels 128, 384, 768, 2048 of the four layers; evaluation takes that of "
        "the checkpoint, if it says",
        above=0,
        maximum=16,
    )
    lr: float = setting("train", 0.0005, "learning rate of Adam, or the highest of it", above=0)
    lr_scaling: str = setting(
        "train",
        "none",
        "factor on lr by the global batch (batch_size x accumulation_steps x cards): a 32nd of it "
        "(linear), the root of that (sqrt), or none",
        choices=("none", "linear", "sqrt"),
    )
    lr_schedule: str = setting(
        "train",
        "constant",
        "the learning rate after its warm-up: constant, or cosine (falling to 0 at the last step)",
        choices=("constant", "cosine"),
    )
    warmup_epochs: float = setting(
        "train",
        0.0,
        "epochs in which the learning rate rises from 0 to lr, step by step",
        minimum=0,
    )
    weight_decay: float = setting(
        "train",
        0.0,
        "share of the convolutions' and the dense layer's weights that a step at learning rate 1 "
        "would take away (decoupled, as in AdamW)",
        minimum=0,
        maximum=1,
    )
    ema_decay: float = setting(
        "train",
        0.0,
        "decay of the exponential moving average of the weights, taken at each step, that is "
        "validated, saved and used instead of the last weights; 0: none",
        minimum=0,
        below=1,
    )
    label_smoothing: float = setting(
        "train",
        0.0,
        "how far labels are drawn from 0 and 1 to one half: 0.1 makes them 0.05 and 0.95",
        minimum=0,
        below=1,
    )
    mixup: float = setting(
        "train",
        0.0,
        "alpha of mixup: each sample is blended with another of the epoch, labels too, at a share "
        "drawn from Beta(alpha, alpha); 0: none",
        minimum=0,
    )
    time_shift: float = setting(
        "train",
        0.0,
        "each sample is rolled along time, by at most so much to either side, at random: what "
        "leaves at one end comes in at the other",
        unit="s",
        minimum=0,
    )
    freq_mask: int = setting(
        "train",
        0,
        "SpecAugment: mel bands that each of two masks hides in a sample at most",
        unit="mel bands",
        minimum=0,
    )
    time_mask: float = setting(
        "train",
        0.0,
        "SpecAugment: time that each of two masks hides in a sample at most",
        unit="s",
        minimum=0,
    )
    batch_size: int = setting("train eval", 32, "clips in a batch, per card", minimum=1)
    accumulation_steps: int = setting(
        "train",
        1,
        "batches of each card whose gradients are added up before a step is taken: a global batch "
        "so many times larger in the memory of one batch (batch-norm sees one batch at a time)",
        minimum=1,
    )
    all_reduce_buckets: int = setting(
        "train",
        0,
        "all-reduces by which Ascend averages the gradients of a step; with 2 or more, those of "
        "the last layers, most of the bytes, travel while those of the first are computed; 0: 2 on "
        "Ascend A2 and A3, 1 on the first 910",
        minimum=0,
        maximum=4,
    )
    sink_size: int = setting(
        "train",
        0,
        "data sinking: steps that an Ascend card takes at a time, on batches that wait in a queue "
        "of its own; what is said of the next step (stopping, saving, diverging, step_timeout) "
        "then holds within so many steps; 0: the host hands over each batch",
        minimum=0,
        maximum=1000,
    )
    epoch_size: int = setting("train", 10, "epochs", minimum=1)
    loss_scale: float = setting("train", 1024.0, "fixed loss scale", above=0, maximum=2**24)
    mixed_precision: bool = setting(
        "train eval",
        False,
        "compute in amp_dtype, with float32 weights, where the device can (Ascend)",
    )
    amp_level: str = setting(
        "train eval",
        "O2",
        "what mixed_precision is for: all but batch-norm (O2), or all layers (O3)",
        choices=("O2", "O3"),
    )
    amp_dtype: str = setting(
        "train eval",
        "auto",
        "what mixed_precision computes in; auto: bfloat16 on Ascend A2 and A3, float16 on the "
        "first 910, which has no bfloat16",
        choices=("auto", "float16", "bfloat16"),
    )
    jit_level: str = setting(
        "train eval",
        "auto",
        "how MindSpore compiles: operator by operator (O0), with operators fused (O1), or for the "
        "graph engine of Ascend (O2); auto: what MindSpore takes for the card, O2 on the first "
        "910, O0 on others",
        choices=("auto", "O0", "O1", "O2"),
    )
    fused_first_block: bool = setting(
        "train eval",
        True,
        "on the CPU, compute the first block (convolution, batch-norm, ReLU, max-pool) in one "
        "pass: the same network, faster and in half the memory; if not, or with sync_bn, "
        "MindSpore's operators compute it, as on Ascend",
    )
    sync_bn: bool = setting(
        "train", False, "batch-norm statistics over the global batch instead of each rank's share"
    )
    seed: int = setting(
        "synth preprocess train",
        1,
        "seed of the made clips, the split, the initial weights, the order of samples and their "
        "augmentation",
        minimum=0,
        maximum=2**32 - 1,
    )

    # Checkpoints and results
    pre_trained: bool = setting(
        "train", False, "start from the weights of checkpoint_path/model_name"
    )
    resume: str = setting(
        "train",
        "",
        "go on from a checkpoint as if the run had never stopped: auto (the newest whole one in "
        "checkpoint_path, or a new run if there is none), or a file or folder; empty: a new run",
        optional=True,
        is_path=True,
        keywords=("auto",),
    )
    val_interval: int = setting(
        "train",
        1,
        "epochs between two validations while training, which decide what the best checkpoint is; "
        "0: none",
        minimum=0,
    )
    patience: int = setting(
        "train",
        0,
        "validations without a better macro ROC-AUC after which training ends; 0: never",
        minimum=0,
    )
    grace_period: float = setting(
        "train",
        25.0,
        "time a distributed job has to write a checkpoint after SIGTERM; then its workers are "
        "killed",
        unit="s",
        minimum=0,
    )
    checkpoint_path: str = setting(
        "train eval", "weight/", "folder of the checkpoints", is_path=True
    )
    prefix: str = setting(
        "train eval",
        "MusicTagger",
        "checkpoints are named {prefix}-{epoch}_{step}.ckpt; the step counts within the epoch",
    )
    model_name: str = setting(
        "train eval",
        "MusicTagger-10_24.ckpt",
        "checkpoint to evaluate or to start from: a file in checkpoint_path, best, or last; where "
        "the documented default is not there, the best by validation, or else the last",
    )
    save_step: int = setting(
        "train",
        2000,
        "steps between two checkpoints; one is saved at each epoch's end besides",
        unit="steps",
        minimum=1,
    )
    keep_checkpoint_max: int = setting(
        "train", 10, "checkpoints kept of this run; the oldest go first", minimum=1
    )
    profile: int = setting(
        "train",
        0,
        "steps of rank 0, from its third one on (with sink_size, its third call), of which "
        "MindSpore's timeline and a table of where the time goes are written to the folder profile "
        "in run_dir; 0: none",
        unit="steps",
        minimum=0,
    )
    run_dir: str = setting(
        "train eval",
        "",
        "folder of the job's settings, scores and, if it was launched, the log of every rank; "
        "empty: a new one, runs/COMMAND-TIME",
        optional=True,
        is_path=True,
    )

    def __post_init__(self) -> None:
        for name, declaration in SETTINGS.items():
            declaration.check(getattr(self, name))
        if len(self.set_names) != 3 or len(set(self.set_names)) != 3:
            given = ", ".join(self.mr_name)
            raise SettingsError("mr_name", f"must be two or three different names, got [{given}]")
        if self.fold > self.folds:
            raise SettingsError("fold", f"must be at most folds ({self.folds}), got {self.fold}")
        if 0 < self.clip_seconds < self.window_seconds:
            raise SettingsError(
                "clip_seconds",
                f"must be 0 or at least window_seconds ({self.window_seconds:g}), got "
                f"{self.clip_seconds:g}",
            )
        if self.sink_size and self.accumulation_steps > 1:
            raise SettingsError("sink_size", "and accumulation_steps are both given: choose one")
        if self.patience and not self.val_interval:
            raise SettingsError("patience", "needs validations: give val_interval, too")
        if self.val_pattern and self.split != "auto":
            raise SettingsError("val_pattern", "and split are both given: choose one of them")
        if not (self.get_npy or self.get_mindrecord):
            raise SettingsError("get_npy", "and get_mindrecord are both off: nothing to do")
        if self.resume and self.pre_trained:
            raise SettingsError("resume", "and pre_trained are both given: choose one of them")
        for key, names in (("prefix", [self.prefix]), ("mr_name", self.mr_name)):
            for name in names:
                if "/" in name:
                    raise SettingsError(key, f"must be a name, not a path, got {name!r}")

    @property
    def set_names(self) -> tuple[str, ...]:
        """Names of the training, validation and test set's shards."""
        if len(self.mr_name) != 2:
            return self.mr_name
        return (*self.mr_name, "test_set" if "test" in self.mr_name else "test")

    @property
    def shard_folder(self) -> str:
        """Folder training and evaluation read their shards from."""
        return self.data_dir or self.mr_path

    @property
    def batch_per_rank(self) -> int:
        """Clips of a global batch that one rank sees."""
        return self.batch_size * self.accumulation_steps

    @property
    def amp_in_use(self) -> str:
        """``amp_level`` if mixed precision is asked for, and the device can; else ""."""
        return self.amp_level if self.mixed_precision and self.device_target == "Ascend" else ""

    @property
    def sink_in_use(self) -> int:
        """``sink_size`` if the device can; else 0."""
        return self.sink_size if self.device_target == "Ascend" else 0

    @property
    def fusion_in_use(self) -> bool:
        """``fused_first_block`` if the device and batch-norm allow it."""
        return self.fused_first_block and self.device_target == "CPU" and not self.sync_bn

    @property
    def precision(self) -> str:
        """What most of the network computes in: "float32", "float16" or "bfloat16"."""
        return self.amp_dtype if self.amp_in_use else "float32"

    def with_absolute_paths(self) -> "Settings":
        """Resolve relative paths now, so that the working directory may change afterwards."""
        values = asdict(self)
        for name, entry in SETTINGS.items():
            if entry.is_path and values[name] and values[name] not in entry.keywords:
                values[name] = str(Path(values[name]).absolute())
        return Settings(**values)

    def as_dict(self) -> dict[str, Any]:
        """Give the settings as plain values that YAML and JSON can hold."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


SETTINGS = declared_settings(Settings)
