"""What need not be given: it is found in the shards, and what is given is held against it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcn4_dist.config import SETTINGS, LoadedSettings, Settings, graph_settings, load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.auto_settings import choose_device, find_in_shards, told_of_device
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.records import read_manifest

OF_SHARDS = [name for name, setting in SETTINGS.items() if setting.of_shards]


def found(shards: Path, **flags: str) -> LoadedSettings:
    return find_in_shards(load_settings(flags={"data_dir": str(shards), **flags}, of_shards=True))


@pytest.fixture(scope="module")
def told(shards: Path) -> dict[str, str]:
    """All that is found in the shards, as flags."""
    return {name: str(value) for name, value in read_manifest(shards).found_settings().items()}


def test_all_that_the_shards_tell_is_found_in_them(
    preprocessed: Settings, shards: Path, told: dict[str, str]
) -> None:
    assert set(OF_SHARDS) == set(told)
    loaded = found(shards)
    assert {loaded.origins[name] for name in told} == {f"found in {shards}/manifest.json"}
    for name in told:
        assert getattr(loaded.settings, name) == getattr(preprocessed, name)
    open_shards("train", loaded.settings)


@settings(max_examples=20)
@given(data=st.data())
def test_whatever_part_of_it_is_given_rightly_the_job_is_the_same(
    data: st.DataObject, shards: Path, told: dict[str, str]
) -> None:
    names = data.draw(st.sets(st.sampled_from(OF_SHARDS)))
    loaded = found(shards, **{name: told[name] for name in names})
    assert loaded.settings == found(shards).settings
    assert graph_settings(loaded.settings) == graph_settings(found(shards).settings)
    assert {name for name in told if loaded.is_given(name)} == names


WRONG = {
    "num_classes": "4",
    "sample_rate": "16000",
    "window_seconds": "1.25",
    "clip_seconds": "3.0",
    "n_fft": "1024",
    "hop_length": "128",
    "n_mels": "48",
    "log_mel": "power_to_db",
}


@settings(max_examples=20)
@given(data=st.data())
def test_what_is_given_wrongly_is_refused_in_one_sentence_that_names_its_flag(
    data: st.DataObject, shards: Path, told: dict[str, str]
) -> None:
    wrong = data.draw(st.sampled_from(OF_SHARDS))
    right = data.draw(st.sets(st.sampled_from([name for name in OF_SHARDS if name != wrong])))
    flags = {name: told[name] for name in right} | {wrong: WRONG[wrong]}
    with pytest.raises(InputError) as caught:
        open_shards("train", found(shards, **flags).settings)
    assert f"--{wrong} " in str(caught.value)
    assert "were made with other settings: " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_no_default_that_the_job_has_not_is_held_against_what_is_given(shards: Path) -> None:
    # Of 1.5 s and 32 bands; the defaults are 29.12 s and 96.
    load_settings(flags={"clip_seconds": "20"}, of_shards=True)
    assert found(shards, freq_mask="32", time_mask="1.5").settings.freq_mask == 32
    for flags, sentence in (
        ({"freq_mask": "33"}, r"--freq_mask: freq_mask must be at most n_mels \(32\), got 33"),
        ({"time_mask": "2"}, r"--time_mask: time_mask must be at most window_seconds \(1\.5\)"),
    ):
        with pytest.raises(InputError, match=sentence):
            found(shards, **flags)


def test_where_the_shards_keep_more_than_a_window_both_are_found(shards: Path) -> None:
    manifest = read_manifest(shards)
    kept = replace(manifest.parameters, clip_seconds=3)
    of_clips = replace(manifest, parameters=kept, window_seconds=1.5).found_settings()
    assert (of_clips["window_seconds"], of_clips["clip_seconds"]) == (1.5, 3.0)
    # Earlier versions did not write the window down.
    earlier = replace(manifest, parameters=kept, window_seconds=None).found_settings()
    assert (earlier["window_seconds"], earlier["clip_seconds"]) == (3.0, 0.0)


def test_without_a_manifest_nothing_is_found_and_the_checks_tell_why(tmp_path: Path) -> None:
    loaded = load_settings(flags={"data_dir": str(tmp_path)}, of_shards=True)
    assert find_in_shards(loaded) == loaded


@pytest.mark.slow
def test_workers_need_no_more_than_their_number_and_the_folders(
    shards: Path, tmp_path: Path
) -> None:
    start = [sys.executable, "-m", "fcn4_dist", "launch", "--device_num", "2"]
    small = ["--width", "0.05", "--batch_size", "2", "--epoch_size", "1"]
    for arguments, printed in (
        (["train", "--data_dir", str(shards), *small], "no Ascend card or driver here: CPU"),
        # All that the run was is known from the run.
        (["eval"], f"shards: {shards}, of the same run"),
        (["eval", "--data_dir", str(shards), "--n_mels", "48"], "give --n_mels 32, or run"),
    ):
        job = [*start, *arguments, "--run_dir", f"runs/{arguments[0]}"]
        if arguments[0] == "train":
            job += ["--checkpoint_path", "runs/train/weight"]
        done = subprocess.run(job, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert printed in done.stdout + done.stderr
        assert done.returncode == (2 if "--n_mels" in arguments else 0)
    saved = load_settings(tmp_path / "runs/eval/settings.yaml").settings
    assert (saved.num_classes, saved.n_mels, saved.width) == (3, 32, 0.05)


def test_the_device_follows_from_the_host_unless_it_is_given() -> None:
    on_cpu = choose_device(load_settings(), environment={})
    assert on_cpu.settings.device_target == "CPU"
    assert told_of_device(on_cpu) == "no Ascend card or driver here: CPU"
    with_cann = choose_device(load_settings(), environment={"ASCEND_HOME_PATH": "/cann"})
    assert with_cann.settings.device_target == "Ascend"
    assert told_of_device(with_cann) == (
        "device_target is Ascend, as the variable ASCEND_HOME_PATH is set"
    )
    for device in ("Ascend", "CPU"):
        loaded = load_settings(flags={"device_target": device})
        assert choose_device(loaded, environment={"ASCEND_HOME_PATH": "/cann"}) == loaded
        assert told_of_device(loaded) == ""
