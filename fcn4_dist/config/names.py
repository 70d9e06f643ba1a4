"""Names of settings: what else they are called, the nearest one to a slip, earlier ones."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from fcn4_dist.config.declaration import Setting
from fcn4_dist.config.forms import shown
from fcn4_dist.config.settings import SETTINGS
from fcn4_dist.errors import SettingsError

SYNONYMS = {
    # As Hugging Face's Trainer, Lightning, fastai, Ultralytics, mindcv, torchrun and msrun have it.
    "accelerator": "device_target",
    "accumulate_grad_batches": "accumulation_steps",
    "amp": "mixed_precision",
    "base_lr": "lr",
    "batch": "batch_size",
    "bs": "batch_size",
    "checkpoint_dir": "checkpoint_path",
    "checkpoint": "model",
    "ckpt": "model",
    "ckpt_dir": "checkpoint_path",
    "ckpt_save_dir": "checkpoint_path",
    "device": "device_target",
    "early_stopping_patience": "patience",
    "epoch": "epoch_size",
    "epochs": "epoch_size",
    "format": "file_format",
    "gradient_accumulation_steps": "accumulation_steps",
    "label_smoothing_factor": "label_smoothing",
    "learning_rate": "lr",
    "local_worker_num": "device_num",
    "lr0": "lr",
    "lr_scheduler": "lr_schedule",
    "lr_scheduler_type": "lr_schedule",
    "machine_rank": "node_rank",
    "max_epochs": "epoch_size",
    "n_classes": "num_classes",
    "n_epochs": "epoch_size",
    "nc": "num_classes",
    "nproc_per_node": "device_num",
    "num_epochs": "epoch_size",
    "num_labels": "num_classes",
    "num_machines": "nnodes",
    "num_nodes": "nnodes",
    "num_parallel_workers": "reader_threads",
    "num_train_epochs": "epoch_size",
    "num_workers": "processes",
    "outfile": "output",
    "output_dir": "run_dir",
    "output_file": "output",
    "per_device_train_batch_size": "batch_size",
    "pretrained": "pre_trained",
    "random_seed": "seed",
    "random_state": "seed",
    "resume_from_checkpoint": "resume",
    "sampling_rate": "sample_rate",
    "save_steps": "save_step",
    "save_total_limit": "keep_checkpoint_max",
    "scheduler": "lr_schedule",
    "sr": "sample_rate",
    "topN": "top_n",
    "top_k": "top_n",
    "topk": "top_n",
    "topn": "top_n",
    "train_batch_size": "batch_size",
    "val_split": "val_ratio",
    "valid_pct": "val_ratio",
    "validation_split": "val_ratio",
    "wd": "weight_decay",
    "workers": "processes",
}
"""What people know a setting or a flag by from elsewhere -> its name here, which can be no other.

Taken without a word, as long as a command has that setting or flag, and none called like the word.
"""

_LONGEST_SHOWN = 80
_LEAST_SIMILARITY = 0.8
_FLAG_OF_SYNTH = "is a flag of synth now: --{name} {value}"
_VARIABLE = "has no effect any more: export {variable}={value} on the hosts that need it"
# The meaning is the way across. On a command that is named, the flag goes on working.
RETIRED = {
    retired.name: retired
    for retired in (
        Setting("clips_per_class", int, 100, ("synth",), _FLAG_OF_SYNTH, minimum=1, maximum=10**5),
        Setting(
            "synth_seconds", float, 30.0, ("synth",), _FLAG_OF_SYNTH, minimum=0.1, maximum=3600
        ),
        Setting("hccl_socket_ifname", str, "", (), _VARIABLE, optional=True),
    )
}


def declaration_of(name: str) -> Setting:
    """Give the declaration of a setting by its name, with hyphens or underscores, or another name.

    Raises:
        SettingsError: If there is none, with the nearest name.
    """
    known = SETTINGS | RETIRED
    meant = with_underscores(name)
    meant = other_names().get(meant, meant)
    if meant not in known:
        told = name if name.isprintable() and len(name) < _LONGEST_SHOWN else shown(name)
        raise SettingsError(told, "is not a setting" + nearest_name(meant, SETTINGS))
    return known[meant]


def with_underscores(name: str) -> str:
    """Write a name that may have hyphens, as many programs' flags have, as names are here."""
    return name.replace("-", "_")


def earlier_names() -> dict[str, str]:
    """Give the name of a setting by each that it had earlier."""
    return {
        earlier: name for name, setting in SETTINGS.items() for earlier in setting.earlier_names
    }


def other_names() -> dict[str, str]:
    """Give the name of a setting by each that is understood besides: synonyms, earlier ones."""
    synonyms = {other: name for other, name in SYNONYMS.items() if name in SETTINGS}
    return {**synonyms, **earlier_names()}


def recorded_settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings that this version or an earlier one has recorded the names they have now.

    What is a setting no more, and was at its default, is left out.
    """
    names = earlier_names()
    return {
        names.get(name, name): value
        for name, value in recorded.items()
        if name not in RETIRED or value != RETIRED[name].default
    }


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ", did you mean 'lr'?", or "" for none."""
    nearest = nearest_of(name, known)
    return f", did you mean '{nearest}'?" if nearest else ""


def nearest_of(name: str, known: Iterable[str]) -> str:
    """Give the known name, by itself or by a synonym, that a slip is like; "" if it is like none.

    Compared without case, hyphens and underscores: ``Batch_Size`` and ``batchsize`` are among the
    usual slips. Where fewer than four of five letters agree, the resemblance is chance.
    """
    known = list(known)
    synonyms = {other: meant for other, meant in SYNONYMS.items() if meant in known}
    # Of two names that are as near, a known one comes first.
    by_letters = {_letters(other): meant for other, meant in synonyms.items()}
    by_letters |= {_letters(candidate): candidate for candidate in known}
    slip = _letters(name[:_LONGEST_SHOWN])
    matches = difflib.get_close_matches(slip, by_letters, n=1, cutoff=_LEAST_SIMILARITY)
    return by_letters[matches[0]] if matches else ""


def _letters(name: str) -> str:
    return with_underscores(name).replace("_", "").lower()
