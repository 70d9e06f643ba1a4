"""What is kept of a job."""

from dataclasses import dataclass
from typing import ClassVar

from fcn4_dist.config.declaration import Affects, setting


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Which checkpoint a job begins with, and which it leaves."""

    TITLE: ClassVar[str] = "Checkpoints"

    pre_trained: bool = setting(
        "train", False, "start from the weights of checkpoint_path/model_name", Affects.INPUT
    )
    resume: str = setting(
        "train",
        "",
        "go on from a checkpoint as if the run had never stopped: auto (the newest whole one in "
        "checkpoint_path, or a new run if there is none), or a file or folder; empty: a new run",
        Affects.FOLD,
        optional=True,
        is_path=True,
        keywords=("auto",),
    )
    checkpoint_path: str = setting(
        "train eval", "weight/", "folder of the checkpoints", Affects.FOLD, is_path=True
    )
    prefix: str = setting(
        "train eval",
        "MusicTagger",
        "checkpoints are named {prefix}-{epoch}_{step}.ckpt; the step counts within the epoch",
        Affects.INPUT,
    )
    model_name: str = setting(
        "train eval",
        "MusicTagger-10_24.ckpt",
        "checkpoint to evaluate or to start from: a file in checkpoint_path, best, or last; where "
        "the documented default is not there, the best by validation, or else the last",
        Affects.INPUT,
    )
    save_step: int = setting(
        "train",
        2000,
        "steps between two checkpoints; one is saved at each epoch's end besides",
        Affects.WORK,
        unit="steps",
        minimum=1,
    )
    keep_checkpoint_max: int = setting(
        "train", 10, "checkpoints kept of this run; the oldest go first", Affects.WORK, minimum=1
    )


@dataclass(frozen=True, kw_only=True)
class Results:
    """How training is judged while it goes on, and where a job's results are."""

    TITLE: ClassVar[str] = "Results"

    val_interval: int = setting(
        "train",
        1,
        "epochs between two validations while training, which decide what the best checkpoint is; "
        "0: none",
        Affects.LENGTH,
        minimum=0,
    )
    patience: int = setting(
        "train",
        0,
        "validations without a better macro ROC-AUC after which training ends; 0: never",
        Affects.LENGTH,
        minimum=0,
    )
    profile: int = setting(
        "train",
        0,
        "steps of rank 0, from its third one on (with sink_size, its third call), of which "
        "MindSpore's timeline and a table of where the time goes are written to the folder profile "
        "in run_dir; 0: none",
        Affects.WORK,
        unit="steps",
        minimum=0,
    )
    run_dir: str = setting(
        "train eval",
        "",
        "folder of the job's settings, scores and, if it was launched, the log of every rank; "
        "empty: a new one, runs/COMMAND-TIME",
        Affects.WORK,
        optional=True,
        is_path=True,
    )
