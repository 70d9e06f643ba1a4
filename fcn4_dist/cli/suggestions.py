"""What was probably meant by a word that a command line should not have."""

import os
from collections.abc import Container, Iterable, Mapping, Sequence

from fcn4_dist.config import SYNONYMS, nearest_of, with_underscores
from fcn4_dist.config.forms import shown
from fcn4_dist.text import shell_word, shorten

FLAGS_BY_MEANING: Mapping[str, tuple[str, ...]] = {
    "arch": ("width",),
    "architecture": ("width",),
    "augment": ("mixup",),
    "b": ("batch_size",),
    "best": ("model", "model_name"),
    "bf16": ("mixed_precision",),
    "c": ("config",),
    "cards": ("devices", "device_num"),
    "cfg": ("config",),
    "checkpoint": ("resume", "checkpoint_path"),
    "ckpt": ("resume", "checkpoint_path"),
    "ckpt_path": ("model", "model_name", "resume"),
    "classes": ("num_classes", "class_names"),
    "config_file": ("config",),
    "cpu": ("device_target",),
    "crop": ("window_seconds",),
    "csv_file": ("info_name",),
    "cuda": ("device_target",),
    "cv": ("folds",),
    "d": ("device_target",),
    "data": ("data_dir", "audio_path"),
    "data_path": ("data_dir", "audio_path"),
    "dataset_dir": ("data_dir", "audio_path"),
    "debug": ("verbose",),
    "devices": ("device_id",),
    "dry": ("dry_run",),
    "duration": ("window_seconds", "synth_seconds"),
    "e": ("epoch_size",),
    "early_stopping": ("patience",),
    "ema": ("ema_decay",),
    "f": ("force",),
    "fft": ("n_fft",),
    "file": ("output",),
    "fmt": ("file_format", "format"),
    "format": ("csv",),
    "fp16": ("mixed_precision",),
    "from_scratch": ("resume",),
    "gpu": ("device_target", "device_num"),
    "gpus": ("device_num",),
    "half": ("mixed_precision",),
    "hop": ("hop_length", "hop_seconds"),
    "host_num": ("nnodes",),
    "hosts": ("nnodes",),
    "input": ("audio_path", "data_dir"),
    "input_dir": ("audio_path", "data_dir"),
    "iterations": ("epoch_size",),
    "j": ("processes",),
    "jobs": ("processes",),
    "k": ("top_n", "folds"),
    "kfold": ("folds",),
    "labels": ("class_names", "info_name"),
    "length": ("window_seconds",),
    "limit": ("top_n",),
    "load": ("model", "model_name", "resume"),
    "load_from": ("model", "resume"),
    "log_dir": ("run_dir",),
    "logdir": ("run_dir",),
    "loud": ("verbose",),
    "m": ("model",),
    "max_steps": ("epoch_size",),
    "mels": ("n_mels",),
    "music": ("audio_path",),
    "n": ("device_num", "top_n", "clips_per_class"),
    "name": ("run_dir",),
    "no_cuda": ("device_target",),
    "np": ("device_num",),
    "nproc": ("device_num", "processes"),
    "npu": ("device_target", "device_num"),
    "npus": ("device_num",),
    "num_devices": ("device_num",),
    "num_folds": ("folds",),
    "num_gpus": ("device_num",),
    "num_mels": ("n_mels",),
    "num_processes": ("device_num", "processes"),
    "num_shards": ("num_consumer",),
    "o": ("output", "run_dir"),
    "out": ("output", "run_dir"),
    "output": ("run_dir",),
    "output_dir": ("output",),
    "overwrite": ("force",),
    "p": ("processes",),
    "path": ("audio_path", "data_dir"),
    "platform": ("device_target",),
    "port": ("master_port",),
    "precision": ("mixed_precision",),
    "project": ("run_dir",),
    "q": ("quiet",),
    "rank": ("node_rank",),
    "ranks": ("device_num",),
    "restart": ("resume", "max_restarts"),
    "restarts": ("max_restarts",),
    "root": ("audio_path", "data_dir"),
    "s": ("seed",),
    "save_dir": ("run_dir", "checkpoint_path"),
    "save_path": ("output", "run_dir"),
    "shards": ("data_dir", "num_consumer"),
    "silent": ("quiet",),
    "smoothing": ("label_smoothing",),
    "source": ("audio_path",),
    "steps": ("epoch_size",),
    "stop": ("patience",),
    "tags": ("top_n",),
    "target": ("device_target",),
    "test_ratio": ("val_ratio",),
    "test_size": ("val_ratio",),
    "threads": ("processes", "reader_threads"),
    "timeout": ("step_timeout", "clip_timeout"),
    "train_dir": ("data_dir", "audio_path"),
    "train_ratio": ("val_ratio",),
    "v": ("verbose",),
    "val_size": ("val_ratio",),
    "w": ("processes",),
    "warmup": ("warmup_epochs",),
    "warmup_steps": ("warmup_epochs",),
    "weights": ("model", "model_name", "pre_trained"),
    "window": ("window_seconds",),
    "worker_num": ("device_num",),
    "workers": ("device_num", "processes"),
    "world_size": ("device_num",),
    "y": ("force",),
    "yaml": ("config",),
    "yes": ("force",),
}
"""Word -> flags that answer it. A word that can mean one flag only is a synonym, and is taken."""

COMMANDS_BY_MEANING: Mapping[str, str] = {
    "analyse": "inspect",
    "analyze": "inspect",
    "benchmark": "doctor",
    "check": "doctor",
    "classify": "tag",
    "compare": "report",
    "convert": "export",
    "crossval": "cross-validate",
    "cv": "cross-validate",
    "demo": "synth",
    "describe": "inspect",
    "detect": "tag",
    "diagnose": "doctor",
    "distribute": "launch",
    "env": "doctor",
    "evaluate": "eval",
    "extract": "preprocess",
    "features": "preprocess",
    "finetune": "train",
    "fit": "train",
    "generate": "synth",
    "infer": "tag",
    "inference": "tag",
    "info": "inspect",
    "kfold": "cross-validate",
    "learn": "train",
    "list": "checkpoints",
    "metrics": "report",
    "mpirun": "launch",
    "msrun": "launch",
    "plot": "report",
    "pred": "tag",
    "predict": "tag",
    "prepare": "preprocess",
    "process": "preprocess",
    "resume": "train",
    "run": "launch",
    "save": "export",
    "score": "eval",
    "show": "inspect",
    "start": "train",
    "summary": "inspect",
    "test": "eval",
    "torchrun": "launch",
    "trainer": "train",
    "training": "train",
    "transform": "preprocess",
    "val": "eval",
    "validate": "eval",
    "view": "report",
    "visualise": "report",
    "visualize": "report",
}
"""Word -> the command, or the action, that does it."""

_FOLDERS = ("audio_path", "data_dir")
_EXPORTED = (".onnx", ".mindir", ".air")


def flag_meant(name: str, known: Sequence[str]) -> str:
    """Give the flag that a word was probably meant for, out of known ones; "" for none.

    Args:
        name: The word, without dashes.
        known: The flags that the command takes, without dashes.
    """
    by_meaning = FLAGS_BY_MEANING.get(with_underscores(name).lower(), ())
    return next((meant for meant in by_meaning if meant in known), nearest_of(name, known))


def command_meant(word: str, names: Sequence[str]) -> str:
    """Give the command, or the action, that a word was probably meant for; "" for none."""
    meant = COMMANDS_BY_MEANING.get(word.lower(), "")
    return meant if meant in names else nearest_of(word, names)


def refusal_of_words(
    unknown: Sequence[str],
    program: str,
    known: Sequence[str],
    elsewhere: Mapping[str, Container[str]],
    begun: Container[str] = (),
) -> str:
    """Refuse words that a command does not take, by the first of them.

    Args:
        unknown: The words.
        program: The program with the command, as it is typed.
        known: The flags that the command takes, without dashes.
        elsewhere: Other commands, and what each takes.
        begun: Those of them that the command begins.
    """
    word = unknown[0]
    is_flag = bool(word.strip("-")) and word.startswith("-")
    told = f"unknown {'flag' if is_flag else 'argument'} {shorten(word)}"
    hint = _hint_of_flag(word, known, elsewhere, begun) if is_flag else _hint_of_word(word, known)
    return f"{told}{hint or ';'} '{program} --help-all' lists them all"


def refusal_of_command(word: str, names: Sequence[str], program: str) -> str:
    """Refuse a word where a command, or an action of one, should be.

    Args:
        word: The word.
        names: The commands or actions.
        program: What is typed in front of them.
    """
    kind = "action" if " " in program else "command"
    lists = f"'{program} --help' lists them all"
    if word.startswith("-"):
        flag = word.partition("=")[0]
        return f"{shorten(flag)} stands in front of the {kind}: name that first; {lists}"
    meant = command_meant(word, names)
    if not meant and os.path.lexists(word) and kind == "command":
        meant = ("train " if os.path.isdir(word) else "tag ") + shorten(word)
    hint = f", did you mean '{program} {meant}'?" if meant else ";"
    return f"there is no {kind} {shown(word)}{hint} {lists}"


def _hint_of_flag(
    word: str, known: Sequence[str], elsewhere: Mapping[str, Container[str]], begun: Container[str]
) -> str:
    name = with_underscores(word.lstrip("-").partition("=")[0])
    if meant := flag_meant(name, known):
        return f", did you mean '--{meant}'?"
    name = SYNONYMS.get(name, name)
    for each in (name, *FLAGS_BY_MEANING.get(name, ())):
        of = [command for command, takes in elsewhere.items() if each in takes]
        if behind := [command for command in of if command in begun]:
            return f", which stands behind {_listed(behind, 'or')};"
        if of and each == name:
            return f", which is of {_listed(of)};"
        if of:
            return f", did you mean '--{each}' of {_listed(of, 'or')}?"
    return ""


def _hint_of_word(word: str, known: Sequence[str]) -> str:
    # Many programs take name=value, and scripts a file of settings without a flag.
    name, _, value = word.partition("=")
    meant = flag_meant(name, known) if value else ""
    if not meant and word.lower().endswith(_EXPORTED) and "output" in known:
        meant, value = "output", word
    elif not meant and "model" in known and _is_of_a_run(word):
        meant, value = "model", word
    elif not meant and os.path.lexists(word):
        likely = ["config"] if word.lower().endswith((".yaml", ".yml")) else _FOLDERS
        meant, value = next((each for each in likely if each in known), ""), word
    return f", did you mean '--{meant}={shell_word(shorten(value))}'?" if meant else ""


def _is_of_a_run(word: str) -> bool:
    """Tell whether a word is a checkpoint, or a folder that holds some or has a run's record."""
    if not os.path.isdir(word):
        return word.lower().endswith(".ckpt")
    names = os.listdir(word)
    return any(name == "run.json" or name.lower().endswith(".ckpt") for name in names)


def _listed(names: Iterable[str], joined_by: str = "and") -> str:
    *others, last = names
    return f"{', '.join(others)} {joined_by} {last}" if others else last
