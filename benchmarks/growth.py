"""How time and memory of each step grow with the collection: rows of made clips, no audio.

Each step runs in a process of its own, its seconds are the processor's, its memory is what it needs
beside what it was given. An exponent is of the two largest sizes: 1 is linear, 2 quadratic.

Example:
    python benchmarks/growth.py                                # 1,000 to 1,000,000 clips, 5 GB
    python benchmarks/growth.py --sizes 2500,25000 --most 1.2  # fails where one grows faster
    python benchmarks/growth.py --sizes 25000 --steps report   # steps whose names have this
"""

import argparse
import ctypes
import gc
import hashlib
import math
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from fcn4_dist.audio import ClipFeature, FeatureIndex, FeatureParameters, read_feature_index
from fcn4_dist.clips import Clip, Split, read_collection, split_clips
from fcn4_dist.cluster.heartbeat import Heartbeat
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.evaluation import (
    PREDICTIONS_NAME,
    Predictions,
    compute_metrics,
    metric_intervals,
    read_predictions,
    write_predictions,
)
from fcn4_dist.jobs.evaluate import write_scores
from fcn4_dist.jobs.preprocess_steps import begin, finish, plan_shards
from fcn4_dist.jobs.report import report
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.log import kept_off_terminal
from fcn4_dist.pipeline import training_batches
from fcn4_dist.records import (
    ClipRows,
    Manifest,
    Shard,
    check_shards,
    manifest_faults,
    read_manifest,
)
from fcn4_dist.records.planning import plan_records
from fcn4_dist.terminal import table

TAGS = tuple(f"tag {number:02}" for number in range(50))
SEED = 1
CLIPS_A_SHARD = 2000
LEAST = (0.05, 16.0)
"""Seconds and MB: below, it is noise that is measured."""
FEW = 300
"""Clips that are enough for each class to be in both sets."""
ATTEMPTS = 3
"""Of a step that seems to grow too fast, since a loaded machine makes any seem so."""

_SHA256 = hashlib.sha256(b"0").hexdigest()

Work = Callable[[], object]
"""What is measured; what makes it is not."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--sizes", default="1000,10000,100000,1000000", help="clips, ascending")
    parser.add_argument("--steps", default="", help="a part of the names of the steps to measure")
    parser.add_argument("--most", type=float, help="largest exponent allowed; exit code 1 above")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    head = [f"{size:,}: {what}" for size in sizes for what in ("s", "MB")]
    rows, too_fast = [["step", *head, "exponents"]], []
    for step, work in STEPS.items():
        if options.steps not in step:
            continue
        # What is imported when it is needed first is there before it is measured.
        _measure(work, FEW)
        measured = [_in_a_process(work, size) for size in sizes]
        for _ in range(ATTEMPTS - 1):
            if options.most is None or max(_exponents(sizes, measured), default=0) <= options.most:
                break
            again = [_in_a_process(work, size) for size in sizes]
            measured = [
                (min(one[0], other[0]), min(one[1], other[1]))
                for one, other in zip(measured, again, strict=True)
            ]
        exponents = _exponents(sizes, measured)
        cells = [cell for s, mb in measured for cell in (f"{s:.2f}", f"{mb:,.0f}")]
        rows.append([step, *cells, ", ".join(f"{each:.2f}" for each in exponents)])
        print(f"{step}: {', '.join(rows[-1][1:])}", file=sys.stderr)
        if options.most is not None and max(exponents, default=0) > options.most:
            too_fast.append(step)
    print(table(rows))
    if too_fast:
        sys.exit(f"time or memory grow faster than n to the {options.most:g}: {too_fast}")


def _exponents(sizes: list[int], measured: list[tuple[float, float]]) -> list[float]:
    """Give that of time and that of memory; none of a single size."""
    if len(sizes) < 2:
        return []
    return [
        math.log(max(least, after) / max(least, before)) / math.log(sizes[-1] / sizes[-2])
        for least, before, after in zip(LEAST, *measured[-2:], strict=True)
    ]


def _in_a_process(make: Callable[[int, Path], Work], clips: int) -> tuple[float, float]:
    measured = _apart(lambda: _measure(make, clips))
    return cast(tuple[float, float], measured)


def _measure(make: Callable[[int, Path], Work], clips: int) -> tuple[float, float]:
    """Run a step; gives its processor seconds, and by how many MB it raised the peak of memory."""
    with (
        tempfile.TemporaryDirectory(prefix="growth-") as name,
        kept_off_terminal(Path(name) / "lines.log"),
    ):
        work = make(clips, Path(name))
        gc.collect()
        # What making it has left over must not be taken for what it needs.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _memory("VmRSS")
        begun = time.process_time()
        result = work()
        seconds = time.process_time() - begun
        peak = _memory("VmHWM")
        del result
    return seconds, peak - before


def _memory(which: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{which}:\s*(\d+) kB", status)[0]) / 1e3


def _apart(work: Callable[[], Any]) -> Any:
    """Do something in a process of its own, whose memory is nobody else's."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=lambda: sender.send(work()))
    process.start()
    # Else nobody would notice that the other end has gone.
    sender.close()
    result = receiver.recv()
    process.join()
    return result


def _flags(clips: int) -> np.ndarray:
    """Labels of a long tail: tags of 20 to 0.2 % of the clips."""
    shares = np.geomspace(0.2, 0.002, len(TAGS))
    return np.random.default_rng(SEED).random((clips, len(TAGS)), np.float32) < shares


def _clips(clips: int) -> list[Clip]:
    return [
        Clip(
            id=f"{number % 1000:03}/{number:07}.mp3",
            path=Path(f"{number}.mp3"),
            labels=tuple(TAGS[tag] for tag in np.flatnonzero(row)),
            group=f"artist {number // 9}",
        )
        for number, row in enumerate(_flags(clips))
    ]


def _settings(folder: Path) -> Settings:
    return Settings(
        dataset="csv", info_path=str(folder), info_name="clips.csv", audio_path=str(folder)
    )


def _listing(clips: int, folder: Path) -> Work:
    for tag in TAGS:
        (folder / tag).mkdir()
    for number in range(clips):
        os.close(os.open(folder / TAGS[number % len(TAGS)] / f"{number:07}.mp3", os.O_CREAT))
    settings = Settings(dataset="folder", audio_path=str(folder), num_classes=len(TAGS))
    return lambda: read_collection(settings, with_audio=True)


def _reading(clips: int, folder: Path) -> Work:
    def write() -> None:
        rows = ((clip.id, "|".join(clip.labels) or TAGS[0], clip.group) for clip in _clips(clips))
        lines = "\n".join(map(",".join, [("path", "labels", "group"), *rows]))
        (folder / "clips.csv").write_text(lines)

    _apart(write)
    return lambda: read_collection(_settings(folder), with_audio=False, counted=True)


def _splitting(clips: int, folder: Path) -> Work:
    all_of_them = _clips(clips)
    return lambda: split_clips(all_of_them, {}, _settings(folder))


def _splitting_classes(clips: int, folder: Path) -> Work:
    one_label = [
        replace(clip, labels=(TAGS[number % len(TAGS)],), group="")
        for number, clip in enumerate(_clips(clips))
    ]
    return lambda: split_clips(one_label, {}, _settings(folder))


def _index(clips: list[Clip]) -> FeatureIndex:
    features = (
        ClipFeature(clip.id, str(clip.path), f"{number:064x}", "kept", "", 30.0, -20.0)
        for number, clip in enumerate(clips)
    )
    return FeatureIndex(FeatureParameters.from_settings(Settings()), tuple(features))


def _indexing(clips: int, folder: Path) -> Work:
    index = _index(_clips(clips))
    return lambda: index.write(folder)


def _reading_index(clips: int, folder: Path) -> Work:
    _apart(lambda: _indexing(clips, folder)())
    return lambda: read_feature_index(folder)


def _planning(clips: int, folder: Path) -> Work:
    all_of_them = _clips(clips)
    index = _index(all_of_them)
    roles = {clip.id: "train" for clip in all_of_them}
    names = Settings().set_names
    return lambda: plan_records(all_of_them, index, Split(roles, {}, {}, ()), names, _shards(clips))


def _shards(clips: int) -> int:
    return max(1, clips // CLIPS_A_SHARD)


def _manifest(clips: int) -> Manifest:
    all_of_them = _clips(clips)
    roles = {clip.id: "train" for clip in all_of_them}
    planned, _ = plan_records(
        all_of_them,
        _index(all_of_them),
        Split(roles, {}, {}, ()),
        Settings().set_names,
        _shards(clips),
    )
    shards = (Shard(each.file, len(each.clips), 1, _SHA256, _SHA256) for each in planned)
    return Manifest(
        parameters=FeatureParameters.from_settings(Settings()),
        feature_dtype="float32",
        dataset="csv",
        class_names=TAGS,
        split={"split": "random", "val_ratio": 0.2, "seed": 1},
        sets={"train": tuple(shards)},
        clips=ClipRows.of(clip for each in planned for clip in each.clips),
        versions={},
    )


def _writing_manifest(clips: int, folder: Path) -> Work:
    manifest = _manifest(clips)
    return lambda: manifest.write(folder)


def _reading_manifest(clips: int, folder: Path) -> Work:
    _apart(lambda: _manifest(clips).write(folder))
    return lambda: read_manifest(folder)


def _checking_manifest(clips: int, folder: Path) -> Work:
    manifest = _manifest(clips)
    return lambda: (list(manifest_faults(manifest, folder)), manifest.record_set("train", folder))


def _fingerprint(clips: int, folder: Path) -> Work:
    return replace(_manifest(clips)).fingerprint


def _looking_at_shards(clips: int, folder: Path) -> Work:
    record_set = _manifest(clips).record_set("train", folder)
    for path in record_set.files:
        for file in (path, path.with_name(f"{path.name}.db")):
            file.write_bytes(b"0")
            # What has just changed is never taken for known.
            os.utime(file, (1, 1))
    check_shards(record_set)
    return lambda: check_shards(record_set)


def _starting_rank(clips: int, folder: Path) -> Work:
    _apart(lambda: _manifest(clips).write(folder))
    settings = Settings(data_dir=str(folder), num_classes=len(TAGS), val_interval=0)

    def start() -> object:
        manifest, record_set = open_shards("train", settings)
        fingerprint = manifest.fingerprint()
        return fingerprint, training_batches(len(record_set), 32, 0, 8, seed=SEED, epoch=1)

    return start


def _scored(clips: int) -> Predictions:
    labels = _flags(clips).astype(np.int8)
    scores = np.random.default_rng(SEED).random(labels.shape) * 0.9 + 0.1 * labels
    ids = tuple(f"{number:07}.mp3" for number in range(clips))
    return Predictions(ids, ids, labels, scores, TAGS)


def _metrics(clips: int, folder: Path) -> Work:
    scored = _scored(clips)
    return lambda: compute_metrics(scored.labels, scored.scores, TAGS)


def _intervals(clips: int, folder: Path) -> Work:
    scored = _scored(clips)
    return lambda: metric_intervals(scored.labels, scored.scores)


def _writing_predictions(clips: int, folder: Path) -> Work:
    scored = _scored(clips)
    return lambda: write_predictions(scored, folder / PREDICTIONS_NAME)


def _reading_predictions(clips: int, folder: Path) -> Work:
    _apart(_writing_predictions(clips, folder))
    return lambda: read_predictions(folder / PREDICTIONS_NAME)


def _writing_scores(clips: int, folder: Path) -> Work:
    scores = cast(Any, SimpleNamespace(clips=_scored(clips), windows=None))
    return lambda: write_scores(scores, folder, {}, Heartbeat())


def _reporting(clips: int, folder: Path) -> Work:
    _apart(lambda: _writing_scores(clips, folder)())
    return lambda: report([folder], None)


def _preprocessing(clips: int, folder: Path) -> Work:
    _reading(clips, folder)
    settings = replace(
        _settings(folder),
        **{"npy_path": str(folder), "mr_path": str(folder), "get_npy": False},
        **{"n_mels": 24, "window_seconds": 1.5, "hop_length": 96, "feature_dtype": "float16"},
        num_consumer=64,
    )
    parameters = FeatureParameters.from_settings(settings)
    replace(_index(_clips(clips)), parameters=parameters).write(folder)

    def work() -> None:
        begun = begin(LoadedSettings(settings, {}))
        plan = plan_shards(begun, read_feature_index(folder), remarks=True)
        shards = {each.file: Shard(each.file, 1, 1, _SHA256, _SHA256) for each in plan.shards}
        finish(begun.loaded, plan, shards)

    return work


STEPS: dict[str, Callable[[int, Path], Work]] = {
    "list a folder of classes": _listing,
    "read a CSV collection": _reading,
    "split by tags and artists": _splitting,
    "split by classes": _splitting_classes,
    "write the index of features": _indexing,
    "read the index of features": _reading_index,
    "plan shards": _planning,
    "write the manifest": _writing_manifest,
    "read the manifest": _reading_manifest,
    "check the manifest, take out a set": _checking_manifest,
    "fingerprint of the manifest": _fingerprint,
    "look at known shards": _looking_at_shards,
    "start of a rank": _starting_rank,
    "metrics": _metrics,
    "intervals": _intervals,
    "write predictions": _writing_predictions,
    "read predictions": _reading_predictions,
    "eval, once all is scored": _writing_scores,
    "report": _reporting,
    "from a CSV file to the manifest": _preprocessing,
}


if __name__ == "__main__":
    main()
