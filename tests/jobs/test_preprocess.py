"""The preprocess job: any collection, any number of workers, stopped anywhere."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from fcn4_dist.cli import main
from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.pipeline import read_batches
from fcn4_dist.records import Manifest, read_manifest
from fcn4_dist.runs.occupancy import kept_to_this_job
from tests.cluster.test_mpi import MPIRUN

SMALL = {
    "num_classes": "3",
    "window_seconds": "1.5",
    "hop_length": "96",
    "n_mels": "32",
    "num_consumer": "3",
    "val_ratio": "0.3",
    "processes": "1",
}


def flags_of(folder: Path, clips: Path, **others: str) -> list[str]:
    """Flags of a small job that works below a folder."""
    paths = {"npy_path": folder / "npy", "info_path": folder, "mr_path": folder / "shards"}
    flags = SMALL | {"audio_path": str(clips)} | {name: str(p) for name, p in paths.items()}
    return [part for name, value in (flags | others).items() for part in (f"--{name}", value)]


def preprocess(folder: Path, clips: Path, **others: str) -> Manifest:
    """Run the job in this process."""
    assert main(["preprocess", *flags_of(folder, clips, **others)]) == 0
    return read_manifest(Path(others.get("mr_path", folder / "shards")))


def results_in(folder: Path) -> dict[str, bytes]:
    """What a job leaves, but for the settings and what saves time to the next run."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != "preprocess_settings.yaml"
        and not path.name.startswith(".known-")
    }


@pytest.fixture(scope="module")
def clips(real_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real clips, a copy of one of them, and three that cannot be decoded."""
    folder = Path(shutil.copytree(real_clips, tmp_path_factory.mktemp("collection") / "clips"))
    shutil.copy(min((folder / "rain").iterdir()), folder / "rain" / "copy.ogg")
    (folder / "rain" / "text.wav").write_text("not music")
    (folder / "dog_bark" / "empty.ogg").touch()
    (folder / "rooster" / "a\nb 'c' \"d\".mp3").write_bytes(b"ID3")
    return folder


@pytest.fixture(scope="module")
def undisturbed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished job of one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    preprocess(folder, clips)
    return folder


def test_every_clip_has_a_row_and_what_was_skipped_its_reason(undisturbed: Path) -> None:
    manifest = read_manifest(undisturbed / "shards")
    assert len(manifest.clips) == 25
    skipped = {clip.id: clip.reason for clip in manifest.clips if clip.status == "skipped"}
    assert list(skipped) == ["dog_bark/empty.ogg", "rain/text.wav", "rooster/a\nb 'c' \"d\".mp3"]
    assert all(reason and "\n" not in reason for reason in skipped.values())
    assert all(clip.set == "" for clip in manifest.clips if clip.status == "skipped")
    assert {clip.seconds for clip in manifest.clips if clip.set} == {1.5}


def test_copies_are_on_one_side(undisturbed: Path) -> None:
    sets: dict[str, set[str]] = {}
    for clip in read_manifest(undisturbed / "shards").clips:
        if clip.set:
            sets.setdefault(clip.sha256, set()).add(clip.set)
    assert len(sets) == 21
    assert all(len(found) == 1 for found in sets.values())


@pytest.mark.parametrize("workers", ["2", "3"])
def test_the_results_are_the_same_bytes_for_any_number_of_workers(
    undisturbed: Path, clips: Path, tmp_path: Path, workers: str
) -> None:
    preprocess(tmp_path, clips, processes=workers)
    assert results_in(tmp_path) == results_in(undisturbed)


def mpirun(*ranks: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the job under a real mpirun, each rank with flags of its own."""
    command = [str(Path(sys.executable).parent / MPIRUN[0]), *MPIRUN[1:]]
    for flags in ranks:
        command += ["-n", "1", sys.executable, "-m", "fcn4_dist", "preprocess", *flags, ":"]
    return subprocess.run(command[:-1], capture_output=True, text=True, timeout=300)


def test_ranks_of_mpirun_that_share_a_folder_write_the_same_bytes(
    undisturbed: Path, clips: Path, tmp_path: Path
) -> None:
    flags = flags_of(tmp_path, clips)
    result = mpirun(flags, flags, flags)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 ranks share the work" in result.stdout
    assert results_in(tmp_path) == results_in(undisturbed)


def test_ranks_of_mpirun_that_share_no_folder_send_their_features_to_rank_0(
    undisturbed: Path, clips: Path, tmp_path: Path
) -> None:
    result = mpirun(
        flags_of(tmp_path / "first", clips),
        flags_of(tmp_path / "second", clips),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert results_in(tmp_path / "first") == results_in(undisturbed)
    assert not list((tmp_path / "second").rglob("*.mindrecord*"))
    features = list((tmp_path / "second/npy").rglob("*.npy"))
    assert 0 < len(features) < 21


def test_what_one_rank_finds_wrong_ends_all_with_a_sentence(clips: Path, tmp_path: Path) -> None:
    flags = flags_of(tmp_path, clips, num_classes="4")
    result = mpirun(flags, flags)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "fcn4-dist: error: rank 0: audio_path" in result.stderr
    assert "give --num_classes 3" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_again_computes_and_writes_nothing_again(undisturbed: Path, clips: Path) -> None:
    def times() -> dict[Path, int]:
        files = [*undisturbed.rglob("*.npy"), *undisturbed.rglob("*.mindrecord?")]
        return {path: path.stat().st_mtime_ns for path in files}

    before = times()
    preprocess(undisturbed, clips)
    assert times() == before
    assert len(before) > 21


@pytest.mark.parametrize("change", ["window_seconds", "log_mel"])
def test_another_parameter_gives_what_a_first_run_with_it_gives(
    undisturbed: Path, clips: Path, tmp_path: Path, change: str
) -> None:
    value = {"window_seconds": "1.4", "log_mel": "power_to_db"}[change]
    shutil.copytree(undisturbed, tmp_path / "again")
    preprocess(tmp_path / "again", clips, **{change: value})
    preprocess(tmp_path / "first", clips, **{change: value})
    again, first = (
        {n: c for n, c in results_in(tmp_path / name / "shards").items() if "mindrecord" in n}
        for name in ("again", "first")
    )
    assert again == first
    assert again != results_in(undisturbed / "shards")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_run_killed_anywhere_and_started_again_gives_the_same_bytes(
    undisturbed: Path, clips: Path, tmp_path: Path, seed: int
) -> None:
    # A run takes some 3 s: half of that is starting, then features, then MindSpore, then shards.
    rng = random.Random(seed)
    command = [sys.executable, "-m", "fcn4_dist", "preprocess"]
    command += flags_of(tmp_path, clips, processes="2")
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(rng.uniform(1.0, 8.0))
    workers = psutil.Process(running.pid).children(recursive=True) if running.poll() is None else []
    running.send_signal(signal.SIGKILL)
    running.wait()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    done = {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy") if path.name[0] != "."
    }
    preprocess(tmp_path, clips)
    assert results_in(tmp_path) == results_in(undisturbed)
    redone = [path for path, before in done.items() if path.stat().st_mtime_ns != before]
    assert len(redone) <= 2


def test_with_strict_a_skip_is_a_failure_and_no_shard_is_touched(
    undisturbed: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(undisturbed, tmp_path / "job")
    before = results_in(tmp_path / "job/shards")
    flags = flags_of(tmp_path / "job", clips, strict="True")
    assert main(["preprocess", *flags]) == 1
    sentence = "3 clips were skipped or are silent, like dog_bark/empty.ogg ("
    assert sentence in capsys.readouterr().err
    assert main(["preprocess", *flags, "--get_npy", "0"]) == 1
    assert sentence in capsys.readouterr().err
    assert results_in(tmp_path / "job/shards") == before


def test_shards_that_another_job_writes_are_left_to_it(
    undisturbed: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(undisturbed, tmp_path / "job")
    before = results_in(tmp_path / "job/shards")
    flags = flags_of(tmp_path / "job", clips, num_consumer="1")
    with kept_to_this_job(tmp_path / "job/shards"):
        assert main(["preprocess", *flags]) == 2
    told = capsys.readouterr().err
    assert "another job (process " in told and "name another folder with --mr_path" in told
    assert results_in(tmp_path / "job/shards") == before


def test_a_collection_in_a_csv_file_keeps_its_own_split_and_several_labels(
    real_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.relative_to(real_clips).as_posix() for path in real_clips.glob("*/*.ogg"))
    roles = ["train"] * 12 + ["val"] * 4 + ["test"] * 4 + [""]
    role_of = dict(zip(names, roles, strict=True))
    lines = [f"{name},{name.split('/')[0]}|animal,{role}" for name, role in role_of.items()]
    (tmp_path / "clips.csv").write_text("\n".join(["path,labels,split", *lines]))
    manifest = preprocess(
        tmp_path, real_clips, dataset="csv", info_name="clips.csv", num_classes="4"
    )
    assert list(manifest.sets) == ["train", "val", "test"]
    assert manifest.split == {"split": "published"}
    assert {clip.id: clip.set for clip in manifest.clips} == role_of
    (outside,) = [clip for clip in manifest.clips if not clip.set]
    assert (outside.status, outside.reason) == ("left out", "not in the published split")
    assert manifest.record_set("test", tmp_path / "shards").labels.sum(axis=1).tolist() == [2] * 4
    # Said before the work, and once.
    lacking, told = "the training set has no clip of classes: ", capsys.readouterr().out
    assert told.count(f"{lacking}1, like rooster (7 clips); they cannot be learnt there") == 1
    assert told.index(lacking) < told.index("features of shape")


def test_folds_have_the_features_in_common_and_each_clip_is_validated_once(
    real_clips: Path, tmp_path: Path
) -> None:
    validated: list[str] = []
    for fold in "12":
        others = {"split": "kfold", "folds": "2", "fold": fold}
        manifest = preprocess(tmp_path, real_clips, **others, mr_path=str(tmp_path / f"fold{fold}"))
        validated += [clip.id for clip in manifest.clips if clip.set == "val"]
        assert manifest.split == {"split": "kfold", "folds": 2, "fold": int(fold), "seed": 1}
    assert len(validated) == len(set(validated)) == 21
    assert len(list((tmp_path / "npy").rglob("*.npy"))) == 21


def test_half_precision_halves_the_features_and_reads_back_within_a_sixteenth_of_a_decibel(
    undisturbed: Path, clips: Path, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed / "npy", tmp_path / "npy")
    prepare_environment("CPU")
    batches = []
    half = preprocess(tmp_path, clips, feature_dtype="float16")
    for manifest, folder in (
        (read_manifest(undisturbed / "shards"), undisturbed / "shards"),
        (half, tmp_path / "shards"),
    ):
        record_set = manifest.record_set("train", folder)
        indices = [np.arange(4), np.arange(4, 7)]
        batches.append(list(read_batches(record_set, indices)))
    for exact, halved in zip(*batches, strict=True):
        assert exact.ids == halved.ids
        assert halved.features.dtype == np.float32
        assert halved.features.shape == exact.features.shape
        error = np.abs(halved.features - exact.features).max()
        assert 0 < error <= 0.0626


def test_a_pipe_that_nobody_writes_to_is_skipped(real_clips: Path, tmp_path: Path) -> None:
    collection = Path(shutil.copytree(real_clips, tmp_path / "clips"))
    os.mkfifo(collection / "rain" / "hangs.wav")
    names = sorted(path.relative_to(collection).as_posix() for path in collection.glob("*/*"))
    lines = ["path,labels", *(f"{name},{name.split('/')[0]}" for name in names)]
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    manifest = preprocess(tmp_path, collection, dataset="csv", info_name="clips.csv")
    (skipped,) = [clip for clip in manifest.clips if not clip.set]
    assert skipped.id == "rain/hangs.wav"
    assert skipped.reason == "cannot be read: It is a pipe, not a file"


def test_a_full_disk_ends_the_job_and_room_lets_it_go_on(
    undisturbed: Path, clips: Path, tmp_path: Path
) -> None:
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, -1));"
        "from fcn4_dist.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, "preprocess", *flags_of(tmp_path, clips)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "fcn4-dist: error: " in result.stderr
    assert "Traceback" not in result.stderr
    preprocess(tmp_path, clips)
    assert results_in(tmp_path) == results_in(undisturbed)


def test_the_second_stage_alone_runs_where_the_audio_is_not(
    undisturbed: Path, clips: Path, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed, tmp_path / "job")
    shutil.rmtree(tmp_path / "job/shards")
    preprocess(tmp_path / "job", tmp_path / "nowhere", get_npy="0")
    ours, theirs = (results_in(folder / "shards") for folder in (tmp_path / "job", undisturbed))
    assert ours == theirs


def test_a_kept_feature_in_which_a_bit_was_flipped_is_refused_or_made_again(
    undisturbed: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Path(shutil.copytree(undisturbed, tmp_path / "job"))
    feature = next(job.glob("npy/features-*/*/*.npy"))
    content = bytearray(feature.read_bytes())
    content[len(content) // 2] ^= 1
    feature.write_bytes(content)
    capsys.readouterr()
    assert main(["preprocess", *flags_of(job, clips, get_npy="0", mr_path=str(job / "new"))]) == 2
    assert f"the feature {feature} is damaged" in capsys.readouterr().err
    assert not (job / "new/manifest.json").exists()
    preprocess(job, clips)
    assert results_in(job / "shards") == results_in(undisturbed / "shards")
    assert results_in(job / "npy") == results_in(undisturbed / "npy")


def test_the_manifest_is_json_for_everybody_whatever_the_names(
    real_clips: Path, tmp_path: Path
) -> None:
    collection = Path(shutil.copytree(real_clips, tmp_path / "clips"))
    name = os.fsdecode(b"caf\xe9.ogg")
    shutil.copy(min((collection / "rain").iterdir()), collection / "rain" / name)
    manifest = preprocess(tmp_path, collection)
    text = (tmp_path / "shards/manifest.json").read_bytes().decode("utf-8")
    rows = {row["id"]: row for row in json.loads(text)["clips"]}
    assert rows["rain/caf\\xe9.ogg"]["set"] in ("train", "val")
    assert replace(manifest) == read_manifest(tmp_path / "shards")
    (row,) = [clip for clip in manifest.clips if clip.id == "rain/caf\\xe9.ogg"]
    assert Path(row.source).exists()


def test_a_dry_run_says_what_would_be_and_writes_nothing(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preprocess", "--dry_run", *flags_of(tmp_path, clips)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"clips will need up to .* for features in .* and .* for shards in", told)
    assert re.search(r"clips would be \d+ in train, \d+ in val, but for those that cannot", told)
    assert not list(tmp_path.iterdir())
    assert main(["preprocess", "--dry_run", *flags_of(tmp_path, clips, val_pattern="x")]) == 2


def test_a_class_none_of_whose_audio_is_there_is_refused_before_the_work(
    real_clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = sorted(path.relative_to(real_clips).as_posix() for path in real_clips.glob("*/*.ogg"))
    lines = [f"{name},{name.split('/')[0]}" for name in names]
    lines += [f"thunder/{number}.ogg,thunder" for number in range(5)]
    (tmp_path / "clips.csv").write_text("\n".join(["path,labels", *lines]))
    flags = flags_of(tmp_path, real_clips, dataset="csv", info_name="clips.csv", num_classes="4")
    assert main(["preprocess", *flags]) == 2
    assert "no clip of these classes can be used, as all are missing, silent" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["clips.csv"]


def test_a_disk_without_room_for_the_features_is_refused_before_the_work(
    small_disk: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,size=200k", small_disk], check=True)
    assert main(["preprocess", *flags_of(tmp_path, clips, npy_path=str(small_disk))]) == 2
    assert re.search(
        rf"the features of 25 clips need \d+ kB, and {small_disk} has \d+ kB left: make room, or "
        "name another folder with --npy_path$",
        capsys.readouterr().err,
    )
    assert not list(small_disk.rglob("*.npy"))


@pytest.mark.parametrize(
    ("mounted", "code", "told"),
    [
        ("nr_inodes=20", 1, "has no room for one more file, whatever its size (No space left on d"),
        ("ro", 2, "can only be read"),
    ],
)
def test_a_disk_that_takes_no_features_is_told_with_the_setting_that_names_another(
    small_disk: Path,
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    mounted: str,
    code: int,
    told: str,
) -> None:
    subprocess.run(["mount", "-o", f"remount,{mounted}", small_disk], check=True)
    assert main(["preprocess", *flags_of(tmp_path, clips, npy_path=str(small_disk))]) == code
    (sentence,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert f"the disk of {small_disk}" in sentence
    assert told in sentence
    assert sentence.endswith("name another folder with --npy_path")
