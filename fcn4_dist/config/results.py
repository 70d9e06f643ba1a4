"""What is kept of a job."""

from dataclasses import dataclass
from typing import ClassVar

from fcn4_dist.config.declaration import Affects, setting
from fcn4_dist.config.forms import Form


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Which checkpoint a job begins with, and which it leaves."""

    TITLE: ClassVar[str] = "Checkpoints"

    pre_trained: bool = setting("train", False, Affects.INPUT).means(
        "start from the weights of checkpoint_path/model_name"
    )
    resume: str = setting(
        "train", "", Affects.FOLD, optional=True, form=Form.PATH, keywords=("auto",)
    ).means(
        "go on from a checkpoint as if the run had never stopped: auto (the newest whole one in "
        "checkpoint_path, or a new run if there is none), or a file or folder; empty: a new run"
    )
    model: str = setting(
        "eval", "", Affects.FOLD, optional=True, form=Form.PATH, keywords=("best", "last")
    ).means(
        "a trained network: the folder of a run or of checkpoints, for its best one or else its "
        "last; a checkpoint of this package or of the ModelZoo's FCN-4; for tag also an ONNX file "
        "of export; or best or last, of checkpoint_path"
    )
    checkpoint_path: str = setting("train eval", "weight/", Affects.FOLD, form=Form.PATH).means(
        "folder of the checkpoints"
    )
    prefix: str = setting("train eval", "MusicTagger", Affects.INPUT, form=Form.BEGINNING).means(
        "checkpoints are named {prefix}-{epoch}_{step}.ckpt; the step counts within the epoch"
    )
    model_name: str = setting(
        "train eval",
        "MusicTagger-10_24.ckpt",
        Affects.INPUT,
        form=Form.FILE,
        keywords=("best", "last"),
    ).means(
        "checkpoint to evaluate or to start from: a file in checkpoint_path, best, or last; where "
        "the documented default is not there, the best by validation, or else the last"
    )
    class_names: str = setting("eval", "", Affects.INPUT, optional=True).means(
        "names of the classes of a checkpoint that does not say them: gtzan or magnatagatune for "
        "the ModelZoo's of that collection, or the names in the checkpoint's order, separated by "
        "commas, or a file with a name a line"
    )
    save_step: int = setting(
        "train", 2000, Affects.WORK, unit="steps", minimum=1, maximum=10**9
    ).means("steps between two checkpoints; one is saved at each epoch's end besides")
    keep_checkpoint_max: int = setting("train", 10, Affects.WORK, minimum=1, maximum=10**6).means(
        "checkpoints kept of this run; the oldest go first"
    )


@dataclass(frozen=True, kw_only=True)
class Results:
    """How training is judged while it goes on, and where a job's results are."""

    TITLE: ClassVar[str] = "Results"

    val_interval: int = setting("train", 1, Affects.LENGTH, minimum=0, maximum=10**6).means(
        "epochs between two validations while training, which decide what the best checkpoint is; "
        "0: none"
    )
    patience: int = setting("train", 0, Affects.LENGTH, minimum=0, maximum=10**6).means(
        "validations after which training ends if none was better than the best before, by macro "
        "ROC-AUC, of equals by cross-entropy; 0: never"
    )
    profile: int = setting("train", 0, Affects.WORK, unit="steps", minimum=0, maximum=10**4).means(
        "steps of rank 0, from its third one on (with sink_size, its third call), of which "
        "MindSpore's timeline and a table of where the time goes are written to the folder profile "
        "in run_dir; 0: none"
    )
    run_dir: str = setting("train eval", "", Affects.WORK, optional=True, form=Form.PATH).means(
        "folder of the job's settings, scores and the log of every rank; "
        "empty: a new one, runs/COMMAND-TIME"
    )
