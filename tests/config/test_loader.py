"""From a YAML file and flags to checked settings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from fcn4_dist.config import (
    RETIRED,
    SETTINGS,
    LoadedSettings,
    Settings,
    adopt_settings,
    load_settings,
)
from fcn4_dist.config import nearest_name as nearest
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Level
from tests.config.drawn_settings import ALL_SETTINGS

WriteConfig = Callable[[str], Path]


def test_without_file_and_flags_everything_is_at_its_default() -> None:
    loaded = load_settings()
    assert loaded.settings == Settings()
    assert loaded.origins == {}


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment\n"])
def test_a_file_without_settings_changes_nothing(write_config: WriteConfig, text: str) -> None:
    assert load_settings(write_config(text)).settings == Settings()


def test_a_flag_wins_over_the_file(write_config: WriteConfig) -> None:
    loaded = load_settings(write_config("lr: 0.1\nbatch_size: 8\n"), {"lr": "0.2"})
    assert (loaded.settings.lr, loaded.settings.batch_size) == (0.2, 8)


def test_of_several_files_a_later_one_wins(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("site.yaml", "mine.yaml")]
    for file, text in zip(files, ["lr: 0.1\nseed: 3\n", "seed: 4\nprefix: Mine\n"], strict=True):
        file.write_text(text)
    loaded = load_settings(files, {"prefix": "Other"})
    assert loaded.settings == Settings(lr=0.1, seed=4, prefix="Other")
    assert loaded.origins == {
        "lr": f"{files[0]}, line 1",
        "seed": f"{files[1]}, line 1",
        "prefix": "--prefix",
    }
    assert load_settings(files[::-1]).settings.seed == 3
    assert load_settings([]).settings == Settings()


def test_every_value_that_was_given_knows_where(write_config: WriteConfig) -> None:
    config = write_config("# mine\nlr: 0.1\n\nbatch_size: 8\n")
    origins = load_settings(config, {"lr": "0.2", "seed": "3"}).origins
    assert origins == {"lr": "--lr", "seed": "--seed", "batch_size": f"{config}, line 4"}


def test_a_float_in_a_form_that_yaml_takes_for_text_is_a_float(write_config: WriteConfig) -> None:
    assert load_settings(write_config("lr: 5e-4\n")).settings.lr == 0.0005


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prefix", "on"),
        ("prefix", "010"),
        ("prefix", "2024-02-30"),
        ("batch_size", "010"),
        ("lr", "1e-3"),
    ],
)
def test_the_same_text_means_the_same_in_the_file_and_as_a_flag(
    write_config: WriteConfig, name: str, text: str
) -> None:
    from_file = load_settings(write_config(f"{name}: {text}\n")).settings
    assert from_file == load_settings(flags={name: text}).settings


def test_an_unknown_key_names_the_file_the_line_and_the_nearest_right_name(
    write_config: WriteConfig,
) -> None:
    config = write_config("lr: 0.1\nbatchsize: 8\n")
    sentence = _refusal(config)
    assert sentence == f"{config}, line 2: batchsize is not a setting, did you mean 'batch_size'?"


def test_an_unknown_flag_is_named_with_the_nearest_right_name() -> None:
    sentence = _refusal(None, {"Epoch_Sise": "3"})
    assert sentence == "--Epoch_Sise: Epoch_Sise is not a setting, did you mean 'epoch_size'?"


def test_no_name_is_suggested_where_none_is_near() -> None:
    assert nearest("xyzzy", SETTINGS) == ""


@pytest.mark.parametrize("name", SETTINGS)
def test_a_name_is_found_whatever_its_case(name: str) -> None:
    assert nearest(name.upper(), SETTINGS) == f", did you mean '{name}'?"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("batch_size: many", "batch_size must be a whole number, got 'many'"),
        ("batch_size: 2.5", "batch_size must be a whole number, got "),
        ("batch_size: true", "batch_size must be a whole number, got "),
        ("batch_size: [8]", "batch_size must be a whole number, got "),
        ("lr: true", "lr must be a number, got "),
        ("lr:", "lr must be a number, got "),
        ("pre_trained: weights.ckpt", "pre_trained must be True or False, got 'weights.ckpt'"),
        ("prefix: {a: b}", "prefix must be text, got "),
        ("prefix:", "prefix must be text, got "),
        ("mr_name: 3", "mr_name must be "),
        ("batch_size: 0", "batch_size must be at least 1, got 0"),
        ("lr: 0", "lr must be above 0, got 0.0"),
        ("lr: -0.1", "lr must be above 0, got -0.1"),
        ("val_ratio: 1", "val_ratio must be below 1, got 1.0"),
        ("lr: nan", "lr must be a finite number, got nan"),
        ("device_target: GPU", "device_target must be one of auto, Ascend, CPU, got 'GPU'"),
        ("log_mel: mel", "log_mel must be one of amplitude_to_db, power_to_db, got 'mel'"),
        ("prefix: ''", "prefix must not be empty"),
        ("prefix: weight/Mine", "prefix must be a name, not a path, got 'weight/Mine'"),
        ("mr_name: [a, a]", "mr_name must be two or three different names, got [a, a]"),
    ],
)
def test_a_wrong_value_names_the_file_the_line_and_what_is_wrong(
    write_config: WriteConfig, line: str, problem: str
) -> None:
    config = write_config(f"# mine\nseed: 3\n{line}\n")
    assert _refusal(config).startswith(f"{config}, line 3: {problem}")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("batch_size", "many", "batch_size must be a whole number, got 'many'"),
        ("batch_size", "-1", "batch_size must be at least 1, got -1"),
        ("lr", "True", "lr must be a number, got 'True'"),
        ("lr", "inf", "lr must be a finite number, got inf"),
        ("mixed_precision", "half", "mixed_precision must be True or False, got 'half'"),
        ("device_target", "GPU", "device_target must be one of auto, Ascend, CPU, got 'GPU'"),
        ("prefix", "", "prefix must not be empty"),
        ("mr_name", "train", "mr_name must be two or three different names, got [train]"),
    ],
)
def test_a_wrong_flag_is_named_with_what_is_wrong(name: str, text: str, problem: str) -> None:
    assert _refusal(None, {name: text}) == f"--{name}: {problem}"


def test_a_key_given_twice_is_refused_at_its_second_line(write_config: WriteConfig) -> None:
    config = write_config("lr: 0.1\nseed: 3\n'lr': 0.1\n")
    assert _refusal(config) == f"{config}, line 3: lr is given twice in this file"


def test_choices_that_another_room_knows_are_those_that_it_hands_over(
    write_config: WriteConfig,
) -> None:
    choices = {"dataset": lambda: ("folder", "mine")}
    assert load_settings(flags={"dataset": "mine"}, choices=choices).settings.dataset == "mine"
    config = write_config("seed: 3\ndataset: other\n")
    sentence = "dataset must be one of folder, mine, got 'other'"
    with pytest.raises(InputError, match=f"^{config}, line 2: {sentence}$"):
        load_settings(config, choices=choices)
    with pytest.raises(InputError, match=f"^--dataset: {sentence}$"):
        load_settings(flags={"dataset": "other"}, choices=choices)


# Names of earlier versions ----------------------------------------------------------------------


def test_a_setting_is_known_by_its_earlier_name_too(write_config: WriteConfig) -> None:
    config = write_config("lr: 0.1\nnum_workers: 3\n")
    loaded = load_settings(config)
    assert loaded.settings.processes == 3
    assert loaded.origins["processes"] == f"{config}, line 2"
    assert [str(remark) for remark in loaded.remarks] == [
        f"{config}, line 2: num_workers is called processes now"
    ]
    flag = load_settings(config, {"num_workers": "4"})
    assert (flag.settings.processes, flag.origins["processes"]) == (4, "--num_workers")


def test_a_setting_is_not_given_under_two_of_its_names(write_config: WriteConfig) -> None:
    config = write_config("num_workers: 3\nprocesses: 3\n")
    assert _refusal(config) == f"{config}, line 2: processes is given twice in this file"
    flags = {"processes": "3", "num_workers": "3"}
    assert _refusal(None, flags) == "--num_workers: processes is given twice as a flag"


def test_an_earlier_name_is_held_against_the_limits_of_the_setting() -> None:
    assert _refusal(None, {"num_workers": "-1"}) == (
        "--num_workers: processes must be at least 0, got -1"
    )


@pytest.mark.parametrize("name", RETIRED)
def test_what_is_a_setting_no_more_is_read_over_where_it_was_at_its_default(
    write_config: WriteConfig, name: str
) -> None:
    default = RETIRED[name].default
    loaded = load_settings(write_config(f"{name}: {default!r}\n"))
    assert (loaded.settings, loaded.remarks) == (Settings(), ())
    assert loaded.retired == {name: default}


def test_a_variable_that_is_not_set_does_not_matter_in_a_path_that_a_later_source_replaces(
    write_config: WriteConfig,
) -> None:
    config = write_config("mr_path: $NOT_SET_ANYWHERE/shards\n")
    assert load_settings(config, {"mr_path": "here"}).settings.mr_path == "here"
    with pytest.raises(InputError, match="the variable NOT_SET_ANYWHERE is not set"):
        load_settings(config, {"lr": "0.1"})


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("clips_per_class: 30", "clips_per_class is a flag of synth now: --clips_per_class 30"),
        ("synth_seconds: 2.50", "synth_seconds is a flag of synth now: --synth_seconds 2.5"),
        (
            "hccl_socket_ifname: eth0",
            "hccl_socket_ifname has no effect any more: export HCCL_SOCKET_IFNAME=eth0 on the "
            "hosts that need it",
        ),
    ],
)
def test_what_is_a_setting_no_more_is_warned_of_with_the_way_across(
    write_config: WriteConfig, line: str, sentence: str
) -> None:
    config = write_config(f"lr: 0.1\n{line}\n")
    loaded = load_settings(config)
    assert loaded.settings == Settings(lr=0.1)
    (warning,) = loaded.remarks
    assert warning.level is Level.WARNING
    assert str(warning) == f"{config}, line 2: {sentence}"


def test_what_is_a_setting_no_more_is_still_checked(write_config: WriteConfig) -> None:
    config = write_config("clips_per_class: 0\n")
    assert _refusal(config) == f"{config}, line 1: clips_per_class must be at least 1, got 0"
    assert "clips_per_class must be a whole number" in _refusal(None, {"clips_per_class": "few"})


@pytest.mark.parametrize("text", ["- lr\n- seed\n", "lr 0.1\n", "0.1\n"])
def test_a_file_that_is_not_a_mapping_is_refused(write_config: WriteConfig, text: str) -> None:
    config = write_config(text)
    assert _refusal(config) == f"{config}: must hold 'name: value' lines, one for each setting"


def test_a_file_that_is_not_yaml_is_refused_with_the_line(write_config: WriteConfig) -> None:
    config = write_config("seed: 3\nmr_name: [train, val\n")
    assert _refusal(config).startswith(f"{config}, line 3: not valid YAML: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    config = tmp_path / "missing.yaml"
    sentence = f"cannot read the settings file {config}: No such file or directory"
    assert _refusal(config) == sentence


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    assert _refusal(tmp_path) == f"cannot read the settings file {tmp_path}: Is a directory"


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    config = tmp_path / "latin1.yaml"
    config.write_bytes("prefix: café".encode("latin-1"))
    assert _refusal(config) == f"cannot read the settings file {config}: it is not UTF-8 text"


@pytest.mark.parametrize(
    "value",
    ["2024-02-30", "!fast x", "!!int x", "&a [*a]", "{[a]: b}", "\x01"],
    ids=["no such day", "unknown tag", "wrong tag", "endless list", "list as key", "control code"],
)
def test_what_yaml_itself_stumbles_over_is_refused_in_a_sentence_too(
    write_config: WriteConfig, value: str
) -> None:
    config = write_config(f"lr: {value}\n")
    assert str(config) in _refusal(config)


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_beyond_all_limits_is_refused(write_config: WriteConfig, digits: int) -> None:
    number = "9" * digits
    assert _refusal(None, {"batch_size": number}).startswith("--batch_size: batch_size must be ")
    assert "batch_size must be " in _refusal(write_config(f"batch_size: {number}\n"))


def lines_of_settings(loaded: LoadedSettings, command: str | None = None) -> list[str]:
    lines = loaded.to_yaml(command).splitlines()
    return [line for line in lines if not line.startswith("# ")]


def test_written_settings_stand_in_groups() -> None:
    lines = load_settings().to_yaml("eval").splitlines()
    groups = dict.fromkeys(s.group for s in SETTINGS.values() if "eval" in s.commands)
    assert [line[2:] for line in lines if line.startswith("# ")] == list(groups)
    group = ""
    for line in lines:
        if line.startswith("# "):
            group = line[2:]
        else:
            assert SETTINGS[line.split(":")[0]].group == group


def test_written_settings_say_where_each_value_came_from(write_config: WriteConfig) -> None:
    config = write_config("lr: 0.1\n")
    lines = lines_of_settings(load_settings(config, {"seed": "3"}))
    assert [line.split(":")[0] for line in lines] == list(SETTINGS)
    by_name = {line.split(":")[0]: line.split("# ")[1] for line in lines}
    assert (by_name.pop("lr"), by_name.pop("seed")) == (f"{config}, line 1", "--seed")
    assert set(by_name.values()) == {"default"}


def test_settings_written_for_a_command_are_those_with_an_effect_on_it() -> None:
    names = {line.split(":")[0] for line in lines_of_settings(load_settings(), "eval")}
    assert names == {name for name, setting in SETTINGS.items() if "eval" in setting.commands}
    assert "val_filename" in names
    assert "lr" not in names


@given(settings=ALL_SETTINGS)
def test_written_settings_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    path.write_bytes(LoadedSettings(settings, {}).to_yaml().encode())
    assert load_settings(path).settings == settings


def test_settings_that_came_from_flags_are_read_back_as_they_were(tmp_path: Path) -> None:
    loaded = load_settings(flags={"audio_path": "my music # 1", "lr": "1e-7", "mr_name": "a,b"})
    path = tmp_path / "round_trip.yaml"
    path.write_text(loaded.to_yaml())
    assert load_settings(path).settings == loaded.settings


def sent_by_node_0(**flags: str) -> dict[str, Any]:
    """Give node 0's settings as another node gets them: as JSON."""
    settings = load_settings(flags=flags).settings
    sent: dict[str, Any] = json.loads(json.dumps(settings.as_dict()))
    return sent


def test_a_node_takes_the_settings_of_node_0() -> None:
    sent = sent_by_node_0(lr="0.2", mr_name="a,b", data_dir="/data")
    adopted = adopt_settings(load_settings(), sent, "train")
    assert adopted.settings == Settings(lr=0.2, mr_name=("a", "b"), data_dir="/data")
    assert adopted.origins == {"lr": "node 0", "mr_name": "node 0", "data_dir": "node 0"}


def test_paths_of_a_node_are_its_own() -> None:
    sent = sent_by_node_0(data_dir="/data", checkpoint_path="/weights", lr="0.2")
    own = load_settings(flags={"data_dir": "/scratch/data"})
    adopted = adopt_settings(own, sent, "train")
    assert adopted.settings.data_dir == "/scratch/data"
    assert adopted.settings.checkpoint_path == "/weights"
    assert adopted.origins["data_dir"] == "--data_dir"


def test_a_setting_given_alike_on_both_nodes_is_taken() -> None:
    adopted = adopt_settings(load_settings(flags={"lr": "0.2"}), sent_by_node_0(lr="0.2"), "train")
    assert adopted.settings.lr == 0.2


@pytest.mark.parametrize("main", [{"lr": "0.2"}, {}], ids=["another value", "the default"])
def test_a_setting_given_otherwise_on_a_node_is_refused(
    write_config: WriteConfig, main: dict[str, str]
) -> None:
    config = write_config("lr: 0.1\n")
    there = main.get("lr", "0.0005")
    with pytest.raises(InputError) as caught:
        adopt_settings(load_settings(config), sent_by_node_0(**main), "train")
    assert str(caught.value) == (
        f"{config}, line 1: lr is 0.1 here and {there} on node 0: give settings on node 0 alone, "
        "or the same on every node"
    )


def test_a_setting_without_effect_on_the_command_need_not_agree() -> None:
    own = load_settings(flags={"lr": "0.1"})
    assert adopt_settings(own, sent_by_node_0(lr="0.2"), "eval").settings.lr == 0.2


@given(settings=ALL_SETTINGS)
def test_any_settings_arrive_on_another_node_as_they_were(settings: Settings) -> None:
    sent = json.loads(json.dumps(settings.as_dict()))
    assert adopt_settings(load_settings(), sent, "train").settings == settings


def _refusal(config: Path | None, flags: dict[str, str] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        load_settings(config, flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)
