"""How time and memory of each step grow with the collection: rows of made clips, no audio.

Each step runs in a process of its own. The exponent is that of the time between the two largest
sizes: 1 is linear, 2 quadratic.

Example:
    python benchmarks/growth.py                                # 1,000 to 1,000,000 clips
    python benchmarks/growth.py --sizes 2000,20000 --most 1.2  # fails where one grows faster
"""

import argparse
import math
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np

from fcn4_dist.audio import ClipFeature, FeatureIndex, FeatureParameters, read_feature_index
from fcn4_dist.clips import Clip, Split, read_collection, split_clips
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.evaluation import (
    Predictions,
    compute_metrics,
    metric_intervals,
    read_predictions,
    write_predictions,
)
from fcn4_dist.jobs.preprocess_steps import begin, finish, plan_shards
from fcn4_dist.log import Verbosity, show
from fcn4_dist.records import Manifest, Shard, manifest_faults, read_manifest
from fcn4_dist.records.planning import plan_records
from fcn4_dist.terminal import table

TAGS = tuple(f"tag {number:02}" for number in range(50))
SEED = 1
LEAST_SECONDS = 0.2
"""Below, it is the start that is measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000,1000000", help="clips, ascending")
    parser.add_argument("--most", type=float, help="largest exponent allowed; exit code 1 above")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    head = [f"{size:,}: {what}" for size in sizes for what in ("s", "MB")]
    rows, too_fast = [["step", *head, "exponent"]], []
    with tempfile.TemporaryDirectory() as name:
        for step, work in STEPS.items():
            measured = [_in_a_process(work, size, Path(name)) for size in sizes]
            exponent = _exponent(sizes, [seconds for seconds, _ in measured])
            cells = [cell for s, mb in measured for cell in (f"{s:.2f}", f"{mb:,.0f}")]
            rows.append([step, *cells, f"{exponent:.2f}"])
            print(f"{step}: {', '.join(cells)}", file=sys.stderr)
            if options.most and exponent > options.most:
                too_fast.append(step)
    print(table(rows))
    if too_fast:
        sys.exit(f"time grows faster than n to the {options.most:g}: {', '.join(too_fast)}")


def _exponent(sizes: list[int], seconds: list[float]) -> float:
    before, after = (max(LEAST_SECONDS, each) for each in seconds[-2:])
    return math.log(after / before) / math.log(sizes[-1] / sizes[-2])


def _in_a_process(
    work: Callable[[int, Path], Callable[[], object]], clips: int, folder: Path
) -> tuple[float, float]:
    """Run a step by itself; gives its processor seconds, and the peak of memory in MB."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def run() -> None:
        step = work(clips, folder)
        begun = time.process_time()
        step()
        seconds = time.process_time() - begun
        sender.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    # Else nobody would notice that the other end has gone.
    sender.close()
    measured: tuple[float, float] = receiver.recv()
    process.join()
    return measured


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


def _reading(clips: int, folder: Path) -> Callable[[], object]:
    lines = [f"{clip.id},{'|'.join(clip.labels) or TAGS[0]},{clip.group}" for clip in _clips(clips)]
    (folder / "clips.csv").write_text("\n".join(["path,labels,group", *lines]))
    return lambda: read_collection(_settings(folder), with_audio=False, counted=True)


def _splitting(clips: int, folder: Path) -> Callable[[], object]:
    all_of_them = _clips(clips)
    return lambda: split_clips(all_of_them, {}, _settings(folder))


def _index(clips: list[Clip]) -> FeatureIndex:
    features = (
        ClipFeature(clip.id, str(clip.path), f"{number:064x}", "kept", "", 30.0, -20.0)
        for number, clip in enumerate(clips)
    )
    return FeatureIndex(FeatureParameters.from_settings(Settings()), tuple(features))


def _indexing(clips: int, folder: Path) -> Callable[[], object]:
    index = _index(_clips(clips))
    return lambda: index.write(folder)


def _reading_index(clips: int, folder: Path) -> Callable[[], object]:
    _indexing(clips, folder)()
    return lambda: read_feature_index(folder)


def _planning(clips: int, folder: Path) -> Callable[[], object]:
    all_of_them = _clips(clips)
    index = _index(all_of_them)
    roles = {clip.id: "train" for clip in all_of_them}
    names = Settings().set_names
    return lambda: plan_records(all_of_them, index, Split(roles, {}, {}, ()), names, 64)


def _manifest(clips: int) -> Manifest:
    all_of_them = _clips(clips)
    roles = {clip.id: "train" for clip in all_of_them}
    planned, _ = plan_records(
        all_of_them, _index(all_of_them), Split(roles, {}, {}, ()), Settings().set_names, 64
    )
    shards = (Shard(each.file, len(each.clips), 1, "0" * 64, "0" * 64) for each in planned)
    return Manifest(
        parameters=FeatureParameters.from_settings(Settings()),
        feature_dtype="float32",
        dataset="csv",
        class_names=TAGS,
        split={"split": "random", "val_ratio": 0.2, "seed": 1},
        sets={"train": tuple(shards)},
        clips=tuple(clip for each in planned for clip in each.clips),
        versions={},
    )


def _writing_manifest(clips: int, folder: Path) -> Callable[[], object]:
    manifest = _manifest(clips)
    return lambda: manifest.write(folder)


def _reading_manifest(clips: int, folder: Path) -> Callable[[], object]:
    _manifest(clips).write(folder)
    return lambda: read_manifest(folder)


def _checking_manifest(clips: int, folder: Path) -> Callable[[], object]:
    manifest = _manifest(clips)
    return lambda: (list(manifest_faults(manifest, folder)), manifest.record_set("train", folder))


def _fingerprint(clips: int, folder: Path) -> Callable[[], object]:
    return replace(_manifest(clips)).fingerprint


def _scored(clips: int) -> Predictions:
    labels = _flags(clips).astype(np.int32)
    scores = np.random.default_rng(SEED).random(labels.shape) * 0.9 + 0.1 * labels
    ids = tuple(f"{number:07}.mp3" for number in range(clips))
    return Predictions(ids, ids, labels, scores, TAGS)


def _metrics(clips: int, folder: Path) -> Callable[[], object]:
    scored = _scored(clips)
    return lambda: compute_metrics(scored.labels, scored.scores, TAGS)


def _intervals(clips: int, folder: Path) -> Callable[[], object]:
    scored = _scored(clips)
    return lambda: metric_intervals(scored.labels, scored.scores)


def _writing_predictions(clips: int, folder: Path) -> Callable[[], object]:
    scored = _scored(clips)
    return lambda: write_predictions(scored, folder / "predictions.csv")


def _reading_predictions(clips: int, folder: Path) -> Callable[[], object]:
    _writing_predictions(clips, folder)()
    return lambda: read_predictions(folder / "predictions.csv")


def _preprocessing(clips: int, folder: Path) -> Callable[[], object]:
    """All that ``preprocess`` does but to copy features into shards, the features being there."""
    _reading(clips, folder)
    settings = replace(
        _settings(folder),
        npy_path=str(folder),
        mr_path=str(folder),
        get_npy=False,
        n_mels=24,
        window_seconds=1.5,
        hop_length=96,
        feature_dtype="float16",
        num_consumer=64,
    )
    parameters = FeatureParameters.from_settings(settings)
    replace(_index(_clips(clips)), parameters=parameters).write(folder)

    def work() -> None:
        show(Verbosity.QUIET)
        begun = begin(LoadedSettings(settings, {}))
        plan = plan_shards(begun, read_feature_index(folder), remarks=True)
        files = (Shard(each.file, len(each.clips), 1, "0" * 64, "0" * 64) for each in plan.shards)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            finish(begun.loaded, plan, {shard.file: shard for shard in files})

    return work


def _finding_audio(clips: int, folder: Path) -> Callable[[], object]:
    _reading(clips, folder)
    for number in range(clips):
        file = folder / f"{number % 1000:03}/{number:07}.mp3"
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return lambda: read_collection(_settings(folder), counted=True)


STEPS: dict[str, Callable[[int, Path], Callable[[], object]]] = {
    "read a CSV collection": _reading,
    "split it": _splitting,
    "write the index of features": _indexing,
    "read it": _reading_index,
    "plan shards": _planning,
    "write the manifest": _writing_manifest,
    "read the manifest": _reading_manifest,
    "check it, take out a set": _checking_manifest,
    "its fingerprint": _fingerprint,
    "metrics": _metrics,
    "intervals": _intervals,
    "write predictions": _writing_predictions,
    "read predictions": _reading_predictions,
    "from a CSV file to the manifest": _preprocessing,
    "find the audio of a CSV file": _finding_audio,
}


if __name__ == "__main__":
    main()
