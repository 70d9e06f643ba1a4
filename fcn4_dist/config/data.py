"""What is learnt from: the collection, its features, the shards they are kept in."""

from dataclasses import dataclass
from typing import ClassVar

from fcn4_dist.config.declaration import Affects, setting
from fcn4_dist.config.forms import Form

MOST_CLASSES = 10_000
"""Far more than any tagger's; the scores of a clip still fit a line of a file."""
MOST_FOLDS = 1000
"""Each is a training."""
MOST_PROCESSES = 1024
"""More than any host has cores."""
MOST_SHARDS = 1000
"""Files that MindRecord makes a set of (FileWriter, shard_num)."""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Which clips there are, their labels, and which set each belongs to."""

    TITLE: ClassVar[str] = "Collection"

    dataset: str = setting("preprocess", "folder", Affects.INPUT, chosen_elsewhere=True).means(
        "what kind of collection it is; docs/collections.md lists them"
    )
    num_classes: int = setting(
        "preprocess train eval", 10, minimum=1, maximum=MOST_CLASSES, of_shards=True
    ).means(
        "number of genres or tags; preprocess counts them if it is not given, and takes the "
        "default for the most frequent tags of MagnaTagATune"
    )
    audio_path: str = setting(
        "synth preprocess", "data/genres_original/", Affects.INPUT, form=Form.PATH
    ).means("audio clips: a folder for each class, or what the annotations' paths begin at")
    info_path: str = setting("preprocess", "data/", Affects.INPUT, form=Form.PATH).means(
        "folder of the annotations file"
    )
    info_name: str = setting(
        "preprocess", "annotations_final.csv", Affects.INPUT, form=Form.FILE
    ).means(
        "annotations file: the labels of each clip; read for magnatagatune and csv, written for a "
        "folder of classes"
    )
    subset: str = setting(
        "preprocess", "", Affects.INPUT, optional=True, chosen_elsewhere=True
    ).means(
        "which part of a collection that has parts, as docs/collections.md lists them; empty: all "
        "that is there"
    )
    tag_list: str = setting("preprocess", "count", Affects.INPUT, chosen_elsewhere=True).means(
        "which labels are the classes, where a collection has several kinds, as "
        "docs/collections.md lists them; of MagnaTagATune the num_classes most frequent tags "
        "(count), or the fifty of the ModelZoo's FCN-4 in its order (modelzoo)"
    )
    label_pattern: str = setting("preprocess", "", Affects.INPUT, optional=True).means(
        "regular expression for a clip's labels in its id (path below audio_path), where they are "
        "in the names of files: what each of its parentheses matches is a label, or, if it has a "
        "name, that name; without any, all that it matches; empty: a clip's folder is its class"
    )
    split: str = setting(
        "preprocess", "auto", Affects.FOLD, choices=("auto", "published", "random", "kfold")
    ).means(
        "how training, validation and test clips are told apart: published (that of the "
        "collection, or fold of its folds; validation is drawn from training where none is "
        "published), random (stratified by val_ratio and seed), kfold (fold of folds), or auto "
        "(published where that is the collection's usual one, else random)"
    )
    val_ratio: float = setting("preprocess", 0.2, Affects.INPUT, above=0, below=1).means(
        "share of the clips that go to validation"
    )
    folds: int = setting("preprocess", 5, Affects.INPUT, minimum=2, maximum=MOST_FOLDS).means(
        "how many folds a kfold split draws"
    )
    fold: int = setting("preprocess", 1, Affects.FOLD, minimum=0, maximum=MOST_FOLDS).means(
        "the fold that is the validation set, of a kfold split from 1, or of published folds as "
        "they are numbered; the others are the training set; or the number of a published split"
    )
    group_pattern: str = setting("preprocess", "", Affects.INPUT, optional=True).means(
        "regular expression for a clip's group (artist, song) in its id: its first parenthesis, or "
        "all it matches; a group is never on both sides of sets that are drawn, and reported where "
        "it is on both sides of sets that are given; empty: the groups the collection brings"
    )
    val_pattern: str = setting("preprocess", "", Affects.FOLD, optional=True).means(
        "clips whose id (path below audio_path) matches this pattern, like '*/5-*', are the "
        "validation set; empty: a seeded stratified split by val_ratio"
    )


@dataclass(frozen=True, kw_only=True)
class Features:
    """How a clip becomes a log-mel feature."""

    TITLE: ClassVar[str] = "Features"

    npy_path: str = setting("preprocess", "data/npy/", Affects.WORK, form=Form.PATH).means(
        "folder of the features (.npy files)"
    )
    get_npy: bool = setting("preprocess", True, Affects.WORK).means("run the audio -> npy stage")
    get_mindrecord: bool = setting("preprocess", True, Affects.FOLD).means(
        "run the npy -> MindRecord stage"
    )
    sample_rate: int = setting(
        "preprocess train eval",
        12000,
        Affects.INPUT,
        unit="Hz",
        minimum=1000,
        maximum=10**6,
        of_shards=True,
    ).means("sample rate clips are resampled to")
    window_seconds: float = setting(
        "preprocess train eval", 29.12, unit="s", above=0, maximum=86400, of_shards=True
    ).means(
        "length of the network's input; longer clips are cut to their centre, shorter ones padded "
        "with silence at the end"
    )
    clip_seconds: float = setting(
        "preprocess train eval",
        0.0,
        Affects.INPUT,
        unit="s",
        minimum=0,
        maximum=86400,
        of_shards=True,
    ).means(
        "how much of each clip the shards keep, from its centre, if more than one window: training "
        "takes another window of it in each epoch, at random, and evaluation all of it, window by "
        "window, of which a clip's score is the mean; 0: one window (window_seconds)"
    )
    n_fft: int = setting(
        "preprocess train eval",
        512,
        Affects.INPUT,
        unit="samples",
        minimum=2,
        maximum=2**17,
        of_shards=True,
    ).means("length of the FFT")
    hop_length: int = setting(
        "preprocess train eval",
        256,
        Affects.INPUT,
        unit="samples",
        minimum=1,
        maximum=2**20,
        of_shards=True,
    ).means("samples between two frames")
    n_mels: int = setting(
        "preprocess train eval", 96, Affects.INPUT, minimum=1, maximum=2**12, of_shards=True
    ).means("mel bands")
    log_mel: str = setting(
        "preprocess train eval",
        "amplitude_to_db",
        Affects.INPUT,
        choices=("amplitude_to_db", "power_to_db"),
        of_shards=True,
    ).means(
        "decibels of the mel power: amplitude_to_db (20 log10, so they come out doubled, as in the "
        "known trainers) or power_to_db (10 log10); both keep the upper 80 dB"
    )
    processes: int = setting(
        "preprocess",
        0,
        Affects.WORK,
        minimum=0,
        maximum=MOST_PROCESSES,
        earlier_names=("num_workers",),
    ).means("processes at work on this host (under mpirun: for each rank); 0: one for each core")
    clip_timeout: float = setting(
        "preprocess", 60.0, Affects.INPUT, unit="s", minimum=0.1, maximum=86400
    ).means("time one clip may take; then it is skipped")
    silence_level: float = setting(
        "preprocess", -70.0, Affects.INPUT, unit="dBFS", minimum=-200, maximum=0
    ).means(
        "a clip of which no 0.4 s are as loud as this (RMS of the mono mix, without its mean) is "
        "silent and left out of the shards; -70 is where ITU-R BS.1770 takes audio for silence, "
        "-200 keeps every clip"
    )
    strict: bool = setting("preprocess", False, Affects.WORK).means(
        "fail if a clip has to be skipped, before shards are written"
    )


@dataclass(frozen=True, kw_only=True)
class Shards:
    """Where features are kept for training and evaluation."""

    TITLE: ClassVar[str] = "MindRecord shards"

    feature_dtype: str = setting(
        "preprocess", "float32", Affects.INPUT, choices=("float32", "float16")
    ).means("type of the features in the shards; float16 halves them, within 0.06 dB")
    num_consumer: int = setting(
        "preprocess", 4, Affects.INPUT, minimum=1, maximum=MOST_SHARDS
    ).means("MindRecord shards (files) of each set")
    mr_path: str = setting("preprocess train eval", "data/", Affects.FOLD, form=Form.PATH).means(
        "folder the MindRecord shards are written to"
    )
    mr_name: tuple[str, ...] = setting(
        "preprocess", ("train", "val"), Affects.INPUT, form=Form.BEGINNING
    ).means(
        "names of the training and the validation set's shards, and of the test set's as a third "
        "one (test, if it is not given)"
    )
    data_dir: str = setting("train eval", "", Affects.FOLD, optional=True, form=Form.PATH).means(
        "folder the MindRecord shards are read from; empty: mr_path"
    )
    train_filename: str = setting("train", "train.mindrecord0", Affects.FOLD, form=Form.FILE).means(
        "one shard of the training set; means all of them"
    )
    val_filename: str = setting(
        "train eval", "val.mindrecord0", Affects.FOLD, form=Form.FILE
    ).means("one shard of the validation set, or for eval of any; means all of them")
