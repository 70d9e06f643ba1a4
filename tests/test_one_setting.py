"""A setting is one declaration: files, flags, help, tables and every comparison follow from it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fcn4_dist.cli import main
from fcn4_dist.config import (
    SETTINGS,
    LoadedSettings,
    Settings,
    graph_settings,
    load_settings,
    loader,
)
from fcn4_dist.config.declaration import declared_settings, setting
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.cross_validation import cross_validate
from fcn4_dist.reports.run_view import view_runs
from fcn4_dist.reports.setting_tables import settings_tables
from fcn4_dist.runs.occupancy import CROSS_VALIDATION_NAME
from fcn4_dist.runs.reading import read_run
from fcn4_dist.training.plan import settings_for_resuming
from tests.checkpoints.examples import described
from tests.docs.test_settings_page import tables
from tests.reports.run_folders import write_run


@dataclass(frozen=True, kw_only=True)
class MoreSettings(Settings):
    """The settings, and one more."""

    TITLE: ClassVar[str] = "Recipe"

    zigzag: float = setting(
        "train", 0.0, unit="tenths", minimum=0, below=10, earlier_names=("drop_rate",)
    ).means("share of the features that each step leaves out, in tenths")


@pytest.fixture(autouse=True)
def _with_one_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(SETTINGS, "zigzag", declared_settings(MoreSettings)["zigzag"])
    monkeypatch.setattr(loader, "Settings", MoreSettings)
    monkeypatch.chdir(tmp_path)


def with_zigzag() -> MoreSettings:
    return MoreSettings(zigzag=0.1)


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([command, "--help-all"])
    return " ".join(capsys.readouterr().out.split())


def test_it_is_read_from_a_file_and_from_a_flag_by_all_its_names(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("drop_rate: 0.1\n")
    assert load_settings(config).settings == with_zigzag()
    assert load_settings(config, {"zigzag": "0.2"}).settings == MoreSettings(zigzag=0.2)
    with pytest.raises(InputError, match=r"--zigzag: zigzag must be below 10, got 10\.0"):
        load_settings(flags={"zigzag": "10"})


def test_it_is_written_in_its_group_and_read_back(tmp_path: Path) -> None:
    text = LoadedSettings(with_zigzag(), {"zigzag": "--zigzag"}).to_yaml()
    assert f"# Recipe\n{'zigzag: 0.1':<48} # --zigzag\n" in text
    assert "zigzag" not in load_settings().to_yaml("eval")
    (tmp_path / "saved.yaml").write_text(text)
    assert load_settings(tmp_path / "saved.yaml").settings == with_zigzag()


def test_the_help_of_its_commands_explains_it(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = (
        "--zigzag VALUE share of the features that each step leaves out, in tenths; default: 0.0 "
        "tenths"
    )
    assert sentence in help_of("train", capsys)
    assert sentence in help_of("cross-validate", capsys)
    assert "zigzag" not in help_of("eval", capsys)


def test_a_slip_is_answered_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--zigzga", "0.1"]) == 2
    assert "unknown flag --zigzga, did you mean '--zigzag'?" in capsys.readouterr().err


def test_a_command_on_which_it_has_no_effect_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    main(["preprocess", "--zigzag", "0.1"])
    assert "note: --zigzag has no effect on preprocess" in capsys.readouterr().out


def test_its_page_has_to_show_it() -> None:
    rows = [row for row in tables() if row.startswith("| `zigzag` ")]
    assert rows == [
        "| `zigzag` | `0.0` tenths | share of the features that each step leaves out, in tenths | "
        "train |"
    ]


def test_a_run_with_another_value_is_another_run_and_an_older_one_had_the_default() -> None:
    before = described(settings=Settings().as_dict())
    assert "zigzag" not in before.settings
    assert settings_for_resuming(MoreSettings(), before, Path("x.ckpt"), 2)
    with pytest.raises(InputError, match=r"with other settings: zigzag 0\.0 instead of 0\.1;"):
        settings_for_resuming(with_zigzag(), before, Path("x.ckpt"), 2)


def test_a_cross_validation_is_not_gone_on_with_by_another_value(tmp_path: Path) -> None:
    begun: dict[str, Any] = load_settings().settings.as_dict() | {"device_num": None}
    begun["device_target"] = "CPU"
    begun |= {"audio_path": str(tmp_path / begun["audio_path"]), "info_path": f"{tmp_path}/data"}
    begun["model_name"] = "last"
    (tmp_path / "cv/fold-1/weight").mkdir(parents=True)
    (tmp_path / "cv/fold-1/weight/MusicTagger-1_1.ckpt").touch()
    (tmp_path / "cv" / CROSS_VALIDATION_NAME).write_text(
        json.dumps({"format": 1, "settings": begun})
    )
    flags = {"run_dir": "cv", "zigzag": "0.1", "device_target": "CPU"}
    with pytest.raises(InputError, match=r"other settings \(zigzag 0\.0 instead of 0\.1\)"):
        cross_validate(load_settings(flags=flags), None)


def test_another_value_makes_another_graph() -> None:
    assert graph_settings(with_zigzag()) != graph_settings(MoreSettings())


def test_a_report_explains_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", settings={"drop_rate": 0.1, "hccl_socket_ifname": ""})
    tables = settings_tables(view_runs([read_run(run)]))
    (row,) = [row for row in tables[0].rows if row.name == "zigzag"]
    assert list(row.cells) == ["0.0 tenths", "0.1 tenths"]
    assert row.note == SETTINGS["zigzag"].meaning
    # What is a setting no more, and was not in use, is not worth a line.
    assert "hccl_socket_ifname" not in [row.name for table in tables for row in table.rows]
