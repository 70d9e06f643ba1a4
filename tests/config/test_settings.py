"""The settings: their names, defaults and limits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.config import COMMANDS, SETTINGS, Setting, Settings, load_settings
from fcn4_dist.errors import SettingsError

# Name, documented default, another value as text, and that value.
DOCUMENTED: list[tuple[str, Any, str, Any]] = [
    ("num_classes", 10, "50", 50),
    ("num_consumer", 4, "8", 8),
    ("get_npy", True, "0", False),
    ("get_mindrecord", True, "0", False),
    ("audio_path", "data/genres_original/", "gtzan/audio", "gtzan/audio"),
    ("npy_path", "data/npy/", "features", "features"),
    ("info_path", "data/", "labels", "labels"),
    ("info_name", "annotations_final.csv", "mine.csv", "mine.csv"),
    ("mr_path", "data/", "shards", "shards"),
    ("mr_name", ("train", "val"), "[fit, test]", ("fit", "test")),
    ("data_dir", "", "elsewhere", "elsewhere"),
    ("train_filename", "train.mindrecord0", "fit.mindrecord0", "fit.mindrecord0"),
    ("val_filename", "val.mindrecord0", "test.mindrecord0", "test.mindrecord0"),
    ("device_target", "auto", "CPU", "CPU"),
    ("device_id", 0, "7", 7),
    ("pre_trained", False, "True", True),
    ("checkpoint_path", "weight/", "checkpoints", "checkpoints"),
    ("prefix", "MusicTagger", "Mine", "Mine"),
    ("model_name", "MusicTagger-10_24.ckpt", "Mine-3_7.ckpt", "Mine-3_7.ckpt"),
    ("lr", 0.0005, "0.01", 0.01),
    ("batch_size", 32, "16", 16),
    ("epoch_size", 10, "200", 200),
    ("loss_scale", 1024.0, "512", 512.0),
    ("mixed_precision", False, "true", True),
    ("save_step", 2000, "100", 100),
    ("keep_checkpoint_max", 10, "3", 3),
]
NAMES = [row[0] for row in DOCUMENTED]


@pytest.mark.parametrize(("name", "default"), [row[:2] for row in DOCUMENTED], ids=NAMES)
def test_a_documented_setting_has_its_documented_default(name: str, default: object) -> None:
    value = getattr(Settings(), name)
    assert value == default
    assert type(value) is type(default)
    assert SETTINGS[name].default == default


@pytest.mark.parametrize(("name", "_", "text", "value"), DOCUMENTED, ids=NAMES)
def test_a_documented_setting_is_taken_from_a_flag(
    name: str, _: object, text: str, value: object
) -> None:
    loaded = load_settings(flags={name: text})
    assert getattr(loaded.settings, name) == value


@pytest.mark.parametrize(("name", "_", "text", "value"), DOCUMENTED, ids=NAMES)
def test_a_documented_setting_is_taken_from_yaml(
    write_config: Callable[[str], Path], name: str, _: object, text: str, value: object
) -> None:
    assert getattr(load_settings(write_config(f"{name}: {text}\n")).settings, name) == value


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=list(SETTINGS))
def test_every_setting_has_a_meaning_and_an_effect_on_some_command(setting: Any) -> None:
    assert setting.meaning
    assert setting.group
    assert setting.commands
    assert set(setting.commands) <= set(COMMANDS)


@pytest.mark.parametrize(
    "setting",
    [each for each in SETTINGS.values() if each.kind in (int, float)],
    ids=lambda s: s.name,
)
def test_every_number_has_limits_in_which_its_default_is(setting: Setting) -> None:
    assert setting.minimum is not None or setting.above is not None
    assert setting.maximum is not None or setting.below is not None
    for limit, way in ((setting.minimum, -1), (setting.maximum, 1)):
        if limit is not None:
            setting.check(setting.kind(limit))
            with pytest.raises(SettingsError, match=f"^{setting.name} must be "):
                setting.check(setting.kind(limit + way * max(1, abs(limit))))
    setting.check(setting.default)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_checked_even_when_it_is_not_read_from_a_file(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be ") as caught:
        Settings(**{name: object()})
    assert caught.value.key == name


@pytest.mark.parametrize(
    "names", [("one",), ("a", "b", "c", "d"), ("same", "same"), ("a", "b", "a")]
)
def test_the_sets_have_two_or_three_different_names(names: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="mr_name must be two or three different names"):
        Settings(mr_name=names)


@pytest.mark.parametrize(
    ("given", "third"),
    [(("train", "val"), "test"), (("fit", "test"), "test_set"), (("a", "b", "c"), "c")],
)
def test_the_test_set_has_a_name_of_its_own(given: tuple[str, ...], third: str) -> None:
    assert Settings(mr_name=given).set_names == (*given[:2], third)


def test_a_fold_beyond_the_folds_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"fold must be 1 to folds \(3\) in a kfold"):
        Settings(split="kfold", folds=3, fold=4)
    assert Settings(split="published", folds=3, fold=4).fold == 4


@pytest.mark.parametrize("split", ["published", "random", "kfold"])
def test_a_pattern_and_another_split_are_refused_together(split: str) -> None:
    with pytest.raises(SettingsError, match="val_pattern and split are both given"):
        Settings(val_pattern="*/5-*", split=split)


@pytest.mark.parametrize(
    ("name", "value"), [("prefix", "weight/Mine"), ("mr_name", ("shards/train", "val"))]
)
def test_the_name_of_a_file_is_not_a_path(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name} .*path"):
        Settings(**{name: value})


def test_preprocessing_with_both_stages_off_is_refused() -> None:
    with pytest.raises(SettingsError, match="get_npy and get_mindrecord are both off"):
        Settings(get_npy=False, get_mindrecord=False)


def test_a_clip_is_at_least_a_window() -> None:
    with pytest.raises(SettingsError, match=r"clip_seconds must be 0 or at least window_seconds"):
        Settings(window_seconds=10, clip_seconds=9.9)
    assert Settings(window_seconds=10, clip_seconds=10).clip_seconds == 10
    assert Settings(window_seconds=10, clip_seconds=0).clip_seconds == 0


def test_patience_needs_validations() -> None:
    with pytest.raises(SettingsError, match="patience needs validations"):
        Settings(patience=1, val_interval=0)


def test_shards_are_read_from_mr_path_unless_data_dir_is_given() -> None:
    assert Settings(mr_path="shards").shard_folder == "shards"
    assert Settings(mr_path="shards", data_dir="elsewhere").shard_folder == "elsewhere"


@pytest.mark.parametrize(
    ("given", "in_use"),
    [
        ({}, "fixed"),
        ({"mixed_precision": True, "amp_dtype": "bfloat16", "device_target": "Ascend"}, "fixed"),
        ({"mixed_precision": True, "amp_dtype": "float16", "device_target": "Ascend"}, "dynamic"),
        ({"mixed_precision": True, "amp_dtype": "float16", "device_target": "CPU"}, "fixed"),
        ({"mixed_precision": True, "amp_dtype": "float16", "loss_scaling": "fixed"}, "fixed"),
        ({"device_target": "CPU", "loss_scaling": "dynamic"}, "dynamic"),
    ],
)
def test_the_loss_scale_is_dynamic_where_float16_computes_or_it_is_asked_for(
    given: dict[str, Any], in_use: str
) -> None:
    assert Settings(**given).loss_scaling_in_use == in_use


@pytest.mark.parametrize(
    ("device", "asked", "computed"),
    [("Ascend", True, "O3"), ("Ascend", False, ""), ("CPU", True, "")],
)
def test_precision_is_mixed_where_it_is_asked_for_and_the_device_can(
    device: str, asked: bool, computed: str
) -> None:
    settings = Settings(
        device_target=device, mixed_precision=asked, amp_level="O3", amp_dtype="bfloat16"
    )
    assert settings.amp_in_use == computed
    assert settings.precision == ("bfloat16" if computed else "float32")


@pytest.mark.parametrize(
    ("device", "asked", "sync_bn", "used"),
    [
        ("CPU", True, False, True),
        ("CPU", False, False, False),
        ("CPU", True, True, False),
        ("Ascend", True, False, False),
    ],
)
def test_the_first_block_is_fused_on_the_cpu_without_sync_bn(
    device: str, asked: bool, sync_bn: bool, used: bool
) -> None:
    settings = Settings(device_target=device, fused_first_block=asked, sync_bn=sync_bn)
    assert settings.fusion_in_use == used


def test_paths_are_made_absolute_and_nothing_else_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(audio_path="music", mr_path="/shards", prefix="music", seed=3)
    absolute = settings.with_absolute_paths()
    assert absolute.audio_path == str(tmp_path / "music")
    assert absolute.mr_path == "/shards"
    assert absolute.checkpoint_path == str(tmp_path / "weight")
    changed = {name for name in SETTINGS if getattr(absolute, name) != getattr(settings, name)}
    assert changed == {"audio_path", "info_path", "npy_path", "checkpoint_path"}


def test_going_on_and_starting_from_weights_are_two_things() -> None:
    with pytest.raises(SettingsError, match="resume and pre_trained are both given: choose one"):
        Settings(resume="auto", pre_trained=True)
    assert Settings(resume="auto").resume == "auto"
    assert Settings(pre_trained=True).resume == ""


def test_a_checkpoint_to_go_on_from_is_a_path_and_auto_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given, absolute in [("", ""), ("auto", "auto"), ("weight", f"{tmp_path}/weight")]:
        assert Settings(resume=given).with_absolute_paths().resume == absolute
    # A file of that name can still be meant.
    assert Settings(resume="./auto").with_absolute_paths().resume == f"{tmp_path}/auto"


@pytest.mark.parametrize(
    ("name", "value"), [("val_interval", -1), ("grace_period", -0.5), ("grace_period", "soon")]
)
def test_neither_an_interval_nor_a_period_is_below_nothing(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"^{name} must be "):
        Settings(**{name: value})


def test_validation_and_the_period_of_grace_may_be_none() -> None:
    settings = load_settings(flags={"val_interval": "0", "grace_period": "0"}).settings
    assert (settings.val_interval, settings.grace_period) == (0, 0.0)


def test_an_empty_path_stays_empty() -> None:
    assert Settings().with_absolute_paths().data_dir == ""
