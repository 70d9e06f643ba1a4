"""Which settings two jobs, or two compiled graphs, have to have in common."""

from dataclasses import replace
from typing import Any

import pytest

from fcn4_dist.config import (
    SETTINGS,
    Affects,
    Settings,
    differences,
    differing_settings,
    graph_settings,
)

# What a resumed run must share with the one it goes on with. Of the other settings, a checkpoint
# holds or tells what went in (INPUT, FOLD: weights, the manifest of its shards) and its global
# batch; more epochs are what one goes on for.
THE_SAME_WHEN_RESUMED = {
    "num_classes", "window_seconds", "seed", "width", "sync_bn", "loss_scale",
    "mixed_precision", "amp_level", "exact_float32",
    "lr", "lr_scaling", "lr_schedule", "warmup_epochs", "weight_decay", "ema_decay",
    "label_smoothing", "mixup", "time_shift", "freq_mask", "time_mask",
}  # fmt: skip
SET_BY_A_CROSS_VALIDATION = {
    "split", "fold", "val_pattern", "get_mindrecord", "mr_path", "data_dir", "train_filename",
    "val_filename", "model", "checkpoint_path", "resume",
}  # fmt: skip
MENDED_BETWEEN_TWO_STARTS = {
    # A full disk, a clip too many, a feature that is there already.
    "npy_path", "get_npy", "strict", "processes",
    "device_id", "host_threads", "reader_threads", "step_timeout", "grace_period",
    "hccl_connect_timeout", "hccl_buffsize",
    "save_step", "keep_checkpoint_max", "profile", "run_dir",
}  # fmt: skip


def affecting(kind: Affects) -> set[str]:
    return {name for name, setting in SETTINGS.items() if setting.affected(Settings()) is kind}


def another_value(name: str) -> Any:
    """A value that the setting may have, and that is not its default."""
    setting = SETTINGS[name]
    if setting.choices:
        return next(choice for choice in setting.choices if choice != setting.default)
    others = {
        bool: lambda value: not value,
        int: lambda value: value + 1,
        float: lambda value: value / 2 or 0.5,
        str: "other{}".format,
        tuple: lambda value: ("a", "b"),
    }
    return others[setting.kind](setting.default)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Affects.RESULT, THE_SAME_WHEN_RESUMED),
        (Affects.FOLD, SET_BY_A_CROSS_VALIDATION),
        (Affects.WORK, MENDED_BETWEEN_TWO_STARTS),
        (Affects.GLOBAL_BATCH, {"batch_size", "accumulation_steps"}),
        (Affects.LENGTH, {"epoch_size", "val_interval", "patience"}),
    ],
)
def test_what_follows_from_the_declarations_is_what_there_are_reasons_for(
    kind: Affects, names: set[str]
) -> None:
    assert affecting(kind) == names


@pytest.mark.parametrize("name", sorted(THE_SAME_WHEN_RESUMED))
def test_another_value_is_told_with_both(name: str) -> None:
    now = replace(Settings(), **{name: another_value(name)})
    (difference,) = differences(Settings().as_dict(), now, {Affects.RESULT})
    assert difference == f"{name} {getattr(Settings(), name)} instead of {getattr(now, name)}"


def test_epochs_are_of_the_result_with_a_cosine_which_is_as_long_as_the_run() -> None:
    epochs = SETTINGS["epoch_size"]
    assert epochs.affected(Settings(lr_schedule="cosine")) is Affects.RESULT
    before = Settings(epoch_size=20)
    assert differences(before.as_dict(), Settings(epoch_size=30), {Affects.RESULT}) == []
    before = replace(before, lr_schedule="cosine")
    now = replace(before, epoch_size=30)
    assert differences(before.as_dict(), now, {Affects.RESULT}) == ["epoch_size 20 instead of 30"]


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [
        ("auto", "bfloat16", False),
        ("bfloat16", "auto", False),
        ("float16", "bfloat16", True),
    ],
)
def test_a_type_that_was_left_open_is_not_known_to_be_another(
    before: str, now: str, differs: bool
) -> None:
    found = differences({"amp_dtype": before}, Settings(amp_dtype=now), {Affects.RESULT})
    assert bool(found) == differs


def test_what_earlier_settings_do_not_know_had_its_default() -> None:
    assert differences({}, Settings(), set(Affects)) == []
    assert differences({}, Settings(mixup=0.2), set(Affects)) == ["mixup 0.0 instead of 0.2"]


def test_what_an_earlier_version_took_and_this_one_refuses_is_still_compared() -> None:
    before = {"freq_mask": 500, "warmup_epochs": 99.0, "lr": 1e308, "prefix": "a*"}
    assert differences(before, Settings(), {Affects.RESULT}) == [
        "lr 1e+308 instead of 0.0005",
        "warmup_epochs 99.0 instead of 0.0",
        "freq_mask 500 instead of 0",
    ]


def test_earlier_settings_are_found_by_the_names_they_had() -> None:
    now = Settings(processes=3)
    assert differences({"num_workers": 3}, now, set(Affects)) == []
    assert differences({"num_workers": 2}, now, set(Affects)) == ["processes 2 instead of 3"]


def test_names_read_from_json_are_those_of_settings() -> None:
    assert differences({"mr_name": ["a", "b"]}, Settings(mr_name=("a", "b")), set(Affects)) == []


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, setting in SETTINGS.items()
        if "train" in setting.commands
        and setting.affected(Settings())
        in (Affects.RESULT, Affects.GLOBAL_BATCH, Affects.COMPUTATION)
    ],
)
def test_whatever_affects_the_result_or_how_it_is_computed_makes_another_graph(name: str) -> None:
    other = replace(Settings(), **{name: another_value(name)})
    assert graph_settings(other) != graph_settings(Settings())


@pytest.mark.parametrize(
    "change",
    [
        {"resume": "auto"},
        {"pre_trained": True},
        {"epoch_size": 30},
        {"checkpoint_path": "elsewhere", "data_dir": "elsewhere", "run_dir": "elsewhere"},
        {"save_step": 7, "step_timeout": 60.0},
    ],
    ids=lambda change: ", ".join(change),
)
def test_a_run_that_goes_on_finds_its_graph_again(change: dict[str, Any]) -> None:
    assert graph_settings(replace(Settings(), **change)) == graph_settings(Settings())


def test_what_several_jobs_do_not_have_in_common_is_given_for_each() -> None:
    changed: dict[str, Any] = {"lr": 0.1, "processes": 4, "run_dir": "x", "mr_name": ("a", "b")}
    jobs: list[dict[str, Any]] = [
        Settings().as_dict(),
        Settings(**changed).as_dict() | {"of a later version": 1},
        # An earlier version's, which did not know the others.
        {"lr": 0.1},
    ]
    assert differing_settings(jobs, set(Affects) - {Affects.WORK}) == {
        "lr": [0.0005, 0.1, 0.1],
        "mr_name": [["train", "val"], ["a", "b"], ["train", "val"]],
        "of a later version": [None, 1, None],
    }
    assert differing_settings(jobs[:1] * 2, set(Affects)) == {}
