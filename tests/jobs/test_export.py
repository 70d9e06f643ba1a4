"""The command export: a checkpoint in, a model file and its description out."""

import json
import stat
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.cli import main
from fcn4_dist.errors import InputError
from fcn4_dist.exporting import comparison_windows, formats
from fcn4_dist.files import sha256_of
from fcn4_dist.jobs import export as jobs_export
from fcn4_dist.jobs.export import ExportRequest
from fcn4_dist.tagging import ModelDescription, checkpoint_network, load_network
from tests.tagging.conftest import checkpoint, description, exported, parameters
from tests.tagging.networks import CLASS_NAMES, write_network

__all__ = ["checkpoint", "description", "exported", "parameters"]


def export(checkpoint: Path, output: Path, *flags: str) -> int:
    file_format = output.suffix[1:].upper()
    command = ["export", "--file_format", file_format, "--checkpoint", str(checkpoint)]
    return main([*command, "--output", str(output), *flags])


def test_the_file_gives_scores_and_logits_for_any_number_of_windows(
    exported: Path, checkpoint: Path, description: ModelDescription
) -> None:
    session = onnxruntime.InferenceSession(exported)
    (features,) = session.get_inputs()
    assert (features.name, features.shape) == ("features", ["batch", *description.input_shape])
    assert [each.name for each in session.get_outputs()] == ["scores", "logits"]
    assert [each.shape for each in session.get_outputs()] == [["batch", 3]] * 2
    windows = comparison_windows(description, [])
    expected = load_network(checkpoint).logits(windows)
    for count in (1, 2, 5):
        scores, logits = session.run(None, {"features": windows[:count]})
        np.testing.assert_allclose(logits, expected[:count], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_what_it_was_trained_on_stands_beside_the_file_and_in_it(
    exported: Path, checkpoint: Path, parameters: FeatureParameters
) -> None:
    beside = json.loads(exported.with_name("fcn4.onnx.json").read_text())
    assert beside["class_names"] == list(CLASS_NAMES)
    assert beside["parameters"] == parameters.as_dict()
    assert beside["window_seconds"] == 1.3
    assert beside["source"]["checkpoint"] == checkpoint.name
    assert beside["source"]["sha256"] == sha256_of(checkpoint)
    assert beside["source"]["metrics"] == {"roc_auc_macro": 0.875}
    assert beside["sha256"] == sha256_of(exported)
    assert beside["file"] == "fcn4.onnx"
    assert 0 <= beside["largest_logit_difference"] < 1e-3
    assert set(beside["exported_by"]) == {"fcn4_dist", "mindspore", "onnx", "onnxruntime"}
    (entry,) = onnx.load(exported).metadata_props
    inside = json.loads(entry.value)
    assert entry.key == "fcn4_dist"
    assert inside == {name: beside[name] for name in inside}
    assert {"class_names", "parameters", "source"} <= set(inside)


def test_onnx_itself_finds_the_file_well_formed(exported: Path) -> None:
    onnx.checker.check_model(onnx.load(exported), full_check=True)


def test_mindir_is_loaded_again_and_gives_the_same_logits(
    checkpoint: Path,
    description: ModelDescription,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "fcn4.mindir"
    assert export(checkpoint, path) == 0
    assert (
        "largest difference of a logit from the network's on 6 windows" in capsys.readouterr().out
    )
    windows = comparison_windows(description, [])
    logits = load_network(checkpoint).logits(windows)
    np.testing.assert_allclose(formats.run_mindir(path)(windows), logits, rtol=1e-4, atol=1e-5)
    assert json.loads((tmp_path / "fcn4.mindir.json").read_text())["file_format"] == "MINDIR"


@pytest.mark.parametrize("suffix", [".onnx", ".mindir"])
def test_files_are_ordinary_and_nothing_else_is_left(
    checkpoint: Path, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "plain").touch()
    ordinary = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    path = tmp_path / f"fcn4{suffix}"
    assert export(checkpoint, path) == 0
    assert {each.name for each in tmp_path.iterdir()} == {"plain", path.name, f"{path.name}.json"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {ordinary}


def test_what_is_there_is_overwritten_only_when_asked_for(
    exported: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = exported.stat().st_mtime_ns
    assert export(checkpoint, exported) == 2
    assert "fcn4.onnx is there already: overwrite it with --force" in capsys.readouterr().err
    assert exported.stat().st_mtime_ns == before
    assert export(checkpoint, exported, "--force") == 0
    assert exported.stat().st_mtime_ns > before


@pytest.mark.parametrize("suffix", [".onnx", ".mindir"])
def test_a_file_of_another_network_fails_and_is_not_kept(
    checkpoint: Path,
    tmp_path: Path,
    suffix: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = {".onnx": "write_onnx", ".mindir": "write_mindir"}[suffix]
    write = getattr(formats, name)

    def write_another(network, path):
        gamma = network.cell.bn4.gamma
        right = gamma.value().copy()
        gamma.set_data(right * 1.001)
        write(network, path)
        gamma.set_data(right)

    monkeypatch.setattr(formats, name, write_another)
    assert export(checkpoint, tmp_path / f"fcn4{suffix}") == 1
    assert "file does not give the network's logits" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_logits_are_compared_on_songs_that_are_named(
    checkpoint: Path, tmp_path: Path, real_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(checkpoint, tmp_path / "a.onnx", "--songs", str(real_clip)) == 0
    assert "on 2 windows of real audio" in capsys.readouterr().out
    assert export(checkpoint, tmp_path / "b.onnx", "--songs", __file__) == 2
    assert (
        "an audio file of --songs cannot be used: it cannot be decoded" in capsys.readouterr().err
    )
    assert export(checkpoint, tmp_path / "b.onnx", "--songs", "gone.ogg") == 2
    assert "there is no audio file gone.ogg" in capsys.readouterr().err


def test_a_file_is_compared_with_the_exact_numbers_of_the_cpu_where_there_is_a_card(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_network, "sign_of_ascend", lambda: "a card")
    assert export(checkpoint, tmp_path / "fcn4.onnx") == 0


def test_air_is_for_machines_with_a_card(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(checkpoint, tmp_path / "fcn4.air") == 2
    error = capsys.readouterr().err
    assert "AIR files can be written on a machine with an Ascend card only" in error
    assert "export MINDIR" in error


def test_where_there_is_a_card_mindspore_is_asked_for_air_of_one_window(
    checkpoint: Path,
    description: ModelDescription,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = {}

    def record(cell, window, *, file_name, file_format):
        asked.update(shape=window.shape, type=window.dtype, format=file_format)
        asked["scores"] = cell(window).asnumpy()
        Path(file_name).write_bytes(b"of Ascend's compiler")

    monkeypatch.setattr("fcn4_dist.jobs.export.find_card_ids", lambda: (0,))
    monkeypatch.setattr(formats.ms, "export", record)
    assert export(checkpoint, tmp_path / "fcn4.air", "--device_target", "CPU") == 0
    assert asked.pop("scores").shape == (1, 3)
    shape = (1, *description.input_shape)
    assert asked == {"shape": shape, "type": formats.ms.float32, "format": "AIR"}
    assert (tmp_path / "fcn4.air").read_bytes() == b"of Ascend's compiler"
    assert "this one was not compared" in capsys.readouterr().out
    assert "largest_logit_difference" not in json.loads((tmp_path / "fcn4.air.json").read_text())


def test_the_ending_has_to_be_the_formats(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", "--file_format", "ONNX", "--checkpoint", str(checkpoint)]
    assert main([*command, "--output", str(tmp_path / "a.mindir")]) == 2
    assert "a.mindir must end in .onnx for ONNX" in capsys.readouterr().err


def test_the_ending_says_the_format(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["export", "--model", str(checkpoint), "--output"]
    assert main([*command, str(tmp_path / "a.txt")]) == 2
    assert "a.txt does not end in .mindir, .onnx, .air" in capsys.readouterr().err
    asked = []

    def look(request: ExportRequest, _: Path) -> None:
        asked.append(request.file_format)
        raise InputError("far enough")

    monkeypatch.setattr(jobs_export, "_check", look)
    for name in ("a.onnx", "a.ONNX", "a.mindir", "a.Air"):
        assert main([*command, str(tmp_path / name)]) == 2
    assert asked == ["ONNX", "ONNX", "MINDIR", "AIR"]


def test_without_an_output_it_is_onnx_and_named_by_the_checkpoint(
    parameters: FeatureParameters,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_network(tmp_path / "MusicTagger-best.ckpt", parameters, window_seconds=1.3)
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--checkpoint", "."]) == 0
    assert (tmp_path / "MusicTagger-best.onnx").is_file()
    assert "format: ONNX" in capsys.readouterr().out
    # What was exported cannot be exported again.
    assert main(["export", "--model", "MusicTagger-best.onnx"]) == 2
    assert "is an exported model: name a checkpoint" in capsys.readouterr().err
