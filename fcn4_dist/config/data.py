"""What is learnt from: the collection, its features, the shards they are kept in."""

from dataclasses import dataclass
from typing import ClassVar

from fcn4_dist.config.declaration import Affects, setting


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Which clips there are, their labels, and which set each belongs to."""

    TITLE: ClassVar[str] = "Collection"

    dataset: str = setting(
        "preprocess",
        "folder",
        "what the collection is: a folder for each class, GTZAN, MagnaTagATune, a CSV file of "
        "paths and labels, or what synth makes",
        Affects.INPUT,
        chosen_elsewhere=True,
    )
    num_classes: int = setting(
        "preprocess train eval", 10, "number of genres or tags", Affects.RESULT, minimum=1
    )
    audio_path: str = setting(
        "synth preprocess",
        "data/genres_original/",
        "audio clips: a folder for each class, or what the annotations' paths begin at",
        Affects.INPUT,
        is_path=True,
    )
    info_path: str = setting(
        "preprocess", "data/", "folder of the annotations file", Affects.INPUT, is_path=True
    )
    info_name: str = setting(
        "preprocess",
        "annotations_final.csv",
        "annotations file: the labels of each clip; read for magnatagatune and csv, written for a "
        "folder of classes",
        Affects.INPUT,
    )
    tag_list: str = setting(
        "preprocess",
        "count",
        "which num_classes tags of MagnaTagATune: the most frequent ones (count), or the fifty of "
        "the ModelZoo's FCN-4 in its order (modelzoo)",
        Affects.INPUT,
        choices=("count", "modelzoo"),
    )
    split: str = setting(
        "preprocess",
        "auto",
        "how training, validation and test clips are told apart: published (that of the "
        "collection), random (stratified by val_ratio and seed), kfold (fold of folds), or auto "
        "(published for magnatagatune and for a CSV file with a split column, else random)",
        Affects.FOLD,
        choices=("auto", "published", "random", "kfold"),
    )
    val_ratio: float = setting(
        "preprocess",
        0.2,
        "share of the clips that go to validation",
        Affects.INPUT,
        above=0,
        below=1,
    )
    folds: int = setting("preprocess", 5, "folds of a kfold split", Affects.INPUT, minimum=2)
    fold: int = setting(
        "preprocess",
        1,
        "the fold of a kfold split that is the validation set, from 1; the others are the training "
        "set",
        Affects.FOLD,
        minimum=1,
    )
    group_pattern: str = setting(
        "preprocess",
        "",
        "regular expression for a clip's group (artist, song) in its id: its first parenthesis, or "
        "all it matches; a group is never on both sides of a random or kfold split; empty: the "
        "groups the collection brings",
        Affects.INPUT,
        optional=True,
    )
    val_pattern: str = setting(
        "preprocess",
        "",
        "clips whose id (path below audio_path) matches this pattern, like '*/5-*', are the "
        "validation set; empty: a seeded stratified split by val_ratio",
        Affects.FOLD,
        optional=True,
    )


@dataclass(frozen=True, kw_only=True)
class Features:
    """How a clip becomes a log-mel feature."""

    TITLE: ClassVar[str] = "Features"

    npy_path: str = setting(
        "preprocess", "data/npy/", "folder of the features (.npy files)", Affects.WORK, is_path=True
    )
    get_npy: bool = setting("preprocess", True, "run the audio -> npy stage", Affects.WORK)
    get_mindrecord: bool = setting(
        "preprocess", True, "run the npy -> MindRecord stage", Affects.FOLD
    )
    sample_rate: int = setting(
        "preprocess train eval",
        12000,
        "sample rate clips are resampled to",
        Affects.INPUT,
        unit="Hz",
        minimum=1,
    )
    window_seconds: float = setting(
        "preprocess train eval",
        29.12,
        "length of the network's input; longer clips are cut to their centre, shorter ones padded "
        "with silence at the end",
        Affects.RESULT,
        unit="s",
        above=0,
    )
    clip_seconds: float = setting(
        "preprocess train eval",
        0.0,
        "how much of each clip the shards keep, from its centre, if more than one window: training "
        "takes another window of it in each epoch, at random, and evaluation all of it, window by "
        "window, of which a clip's score is the mean; 0: one window (window_seconds)",
        Affects.INPUT,
        unit="s",
        minimum=0,
    )
    n_fft: int = setting(
        "preprocess train eval", 512, "length of the FFT", Affects.INPUT, unit="samples", minimum=2
    )
    hop_length: int = setting(
        "preprocess train eval",
        256,
        "samples between two frames",
        Affects.INPUT,
        unit="samples",
        minimum=1,
    )
    n_mels: int = setting("preprocess train eval", 96, "mel bands", Affects.INPUT, minimum=1)
    log_mel: str = setting(
        "preprocess train eval",
        "amplitude_to_db",
        "decibels of the mel power: amplitude_to_db (20 log10, so they come out doubled, as in the "
        "known trainers) or power_to_db (10 log10); both keep the upper 80 dB",
        Affects.INPUT,
        choices=("amplitude_to_db", "power_to_db"),
    )
    processes: int = setting(
        "preprocess",
        0,
        "processes at work on this host (under mpirun: for each rank); 0: one for each core",
        Affects.WORK,
        minimum=0,
        earlier_names=("num_workers",),
    )
    clip_timeout: float = setting(
        "preprocess",
        60.0,
        "time one clip may take; then it is skipped",
        Affects.INPUT,
        unit="s",
        above=0,
    )
    strict: bool = setting(
        "preprocess",
        False,
        "fail if a clip has to be skipped, before shards are written",
        Affects.WORK,
    )


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Where features are kept for training and evaluation."""

    TITLE: ClassVar[str] = "MindRecord shards"

    feature_dtype: str = setting(
        "preprocess",
        "float32",
        "type of the features in the shards; float16 halves them, within 0.06 dB",
        Affects.INPUT,
        choices=("float32", "float16"),
    )
    num_consumer: int = setting(
        "preprocess", 4, "MindRecord shards (files) of each set", Affects.INPUT, minimum=1
    )
    mr_path: str = setting(
        "preprocess train eval",
        "data/",
        "folder the MindRecord shards are written to",
        Affects.FOLD,
        is_path=True,
    )
    mr_name: tuple[str, ...] = setting(
        "preprocess",
        ("train", "val"),
        "names of the training and the validation set's shards, and of the test set's as a third "
        "one (test, if it is not given)",
        Affects.INPUT,
    )
    data_dir: str = setting(
        "train eval",
        "",
        "folder the MindRecord shards are read from; empty: mr_path",
        Affects.FOLD,
        optional=True,
        is_path=True,
    )
    train_filename: str = setting(
        "train",
        "train.mindrecord0",
        "one shard of the training set; means all of them",
        Affects.FOLD,
    )
    val_filename: str = setting(
        "eval",
        "val.mindrecord0",
        "one shard of the validation set; means all of them",
        Affects.FOLD,
    )
