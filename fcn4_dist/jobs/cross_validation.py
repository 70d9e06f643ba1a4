"""The command cross-validate: every fold preprocessed, trained and scored, then one table."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fcn4_dist import documents
from fcn4_dist.config import Affects, LoadedSettings, Settings, differences
from fcn4_dist.config.forms import unexpanded
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.evaluation import PREDICTIONS_NAME, compute_metrics, read_predictions, summary_text
from fcn4_dist.jobs.auto_settings import choose_device, say_device
from fcn4_dist.jobs.fold_steps import StepRunner
from fcn4_dist.jobs.folds import write_folds
from fcn4_dist.jobs.preprocess import read_and_count
from fcn4_dist.jobs.shown_settings import say_settings
from fcn4_dist.jobs.stages import check_stages
from fcn4_dist.runs.cross_validation import CrossValidationRecord, fold_folder
from fcn4_dist.runs.folder import choose_run_folder, save_settings, settings_file
from fcn4_dist.runs.occupancy import CROSS_VALIDATION_NAME, check_unoccupied
from fcn4_dist.terminal import Progress, say
from fcn4_dist.text import count

_STEPS = 3
"""Of a fold: preprocess, train, eval."""
LOG_NAME = "steps.log"
# How the work is done may be changed: what stopped a run may have to be mended there.
_THE_SAME_IN_ALL = set(Affects) - {Affects.FOLD, Affects.WORK}


def cross_validate(loaded: LoadedSettings, device_num: int | None) -> None:
    """Run a k-fold cross-validation in ``run_dir``; begun before, it goes on where it was.

    Args:
        loaded: The settings; what is of a single fold (``fold``, the folders of shards and
            checkpoints) is seen to here.
        device_num: Workers of each training and evaluation; None for a single one, not launched.

    Raises:
        InputError: If a setting does not go with a cross-validation, or the folder holds another.
        Fcn4DistError: If a step fails.
    """
    loaded = choose_device(_of_all_folds(loaded))
    say_device(loaded)
    check_stages(loaded.settings, device_num)
    loaded = choose_run_folder(loaded, "cross-validate")
    loaded = _counted(loaded)
    settings = loaded.settings
    folder = Path(settings.run_dir)
    _check_same(folder, settings, device_num)
    config = save_settings(loaded)
    say_settings(loaded, None, config)
    say(f"what the steps of a fold print goes to {fold_folder(folder, 1).parent}/fold-N/{LOG_NAME}")
    folders = [fold_folder(folder, fold) for fold in range(1, settings.folds + 1)]
    with Progress("cross-validation", _STEPS * settings.folds, "steps") as progress:
        runner = StepRunner(progress)
        for fold, of_fold in enumerate(folders, start=1):
            title = f"fold {fold} of {settings.folds}"
            # They are whole if they are there, and all that is needed of a fold.
            if (of_fold / "eval" / PREDICTIONS_NAME).exists():
                progress.count(_STEPS)
                say(f"{title} is finished: {of_fold}")
                continue
            for name, arguments in _steps(config, fold, of_fold, device_num):
                if code := runner.run(f"{title}: {name}", arguments, of_fold / LOG_NAME):
                    error = Fcn4DistError(
                        f"fold {fold}: {name} ended with exit code {code}; the same command with "
                        f"--run_dir {folder} goes on from there"
                    )
                    error.exit_code = code
                    raise error
            say(f"{title}: {_main_figures(of_fold)}")
    say()
    write_folds([of_fold / "eval" for of_fold in folders], folder)


def _main_figures(of_fold: Path) -> str:
    scored = read_predictions(of_fold / "eval" / PREDICTIONS_NAME)
    metrics = compute_metrics(scored.labels, scored.scores, scored.class_names)
    return f"{summary_text(metrics)}, {count(metrics.clips, 'clip')}"


def _of_all_folds(loaded: LoadedSettings) -> LoadedSettings:
    """Settle what is the same for all folds, whatever a settings file says of a single job."""
    settings, origins = loaded.settings, loaded.origins
    # In a settings file, where other jobs need it, it has no effect.
    of_a_fold = {
        name: setting.default
        for name, setting in settings.declarations.items()
        if setting.affected(settings) is Affects.FOLD
    }
    for name in of_a_fold:
        if origins.get(name) == f"--{name}" and (name, settings.split) != ("split", "kfold"):
            raise InputError(f"--{name}: a cross-validation sees to it in each fold: leave it out")
    if settings.pre_trained:
        raise InputError(
            f"{origins['pre_trained']}: pre_trained does not go with a cross-validation, as the "
            "weights may have been trained on the clips of a fold: leave it out"
        )
    train, val, _ = settings.set_names
    own = of_a_fold | {
        "split": "kfold",
        "train_filename": f"{train}.mindrecord0",
        "val_filename": f"{val}.mindrecord0",
    }
    if settings.model_name == settings.declarations["model_name"].default:
        # Chosen by the fold that is scored, the best checkpoint would flatter.
        own["model_name"] = "last"
    return replace(
        loaded,
        settings=replace(settings, **own),
        origins={**origins, **dict.fromkeys(own, "cross-validate")},
    )


def _counted(loaded: LoadedSettings) -> LoadedSettings:
    """Find the number of classes, if it is not given, for all folds; only once."""
    record = Path(loaded.settings.run_dir) / CROSS_VALIDATION_NAME
    if loaded.is_given("num_classes"):
        return loaded
    if record.exists():
        begun = documents.read(record, CrossValidationRecord).settings
        number = begun.get("num_classes", loaded.settings.num_classes)
        return loaded.found({"num_classes": number}, str(record))
    return read_and_count(loaded)[0]


def _check_same(folder: Path, settings: Settings, device_num: int | None) -> None:
    """Refuse to go on with what other settings have begun to train."""
    record = folder / CROSS_VALIDATION_NAME
    asked = settings.as_dict() | {"device_num": device_num}
    if record.exists():
        begun = documents.read(record, CrossValidationRecord).settings
        differing = differences(begun, settings, _THE_SAME_IN_ALL)
        if begun.get("device_num") != device_num:
            differing.append(f"device_num {begun.get('device_num')} instead of {device_num}")
        # Shards are written again in any case.
        if differing and any(folder.glob("fold-*/weight/*.ckpt")):
            raise InputError(
                f"{folder} holds a cross-validation with other settings ({', '.join(differing)}): "
                "name another folder with --run_dir, or remove this one"
            )
    elif settings_file(settings).exists() or any(folder.glob("fold-*")):
        raise InputError(
            f"{folder} holds another job, or lacks its {CROSS_VALIDATION_NAME}: name another "
            "folder with --run_dir"
        )
    else:
        check_unoccupied(folder)
    documents.write(record, CrossValidationRecord(asked))


def _steps(
    config: Path, fold: int, folder: Path, device_num: int | None
) -> Iterator[tuple[str, list[str]]]:
    """Give the name and the arguments of each command of a fold."""
    shards = ["--config", unexpanded(config), "--mr_path", unexpanded(folder / "mindrecord")]
    job = [*shards, "--checkpoint_path", unexpanded(folder / "weight")]
    # On this host alone, also where a site has given the job several.
    launch = ["launch", "--nnodes", "1", "--device_num", str(device_num)] if device_num else []
    yield "preprocess", ["preprocess", *shards, "--fold", str(fold)]
    train = ["train", *job, "--run_dir", unexpanded(folder / "train"), "--resume", "auto"]
    yield "train", [*launch, *train]
    yield "eval", [*launch, "eval", *job, "--run_dir", unexpanded(folder / "eval")]
