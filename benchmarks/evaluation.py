"""How much of the network's own inference speed evaluation keeps, on one worker and on two.

Usage: python benchmarks/evaluation.py [--clips_per_class 16] [--width 1.0] [--batch_size 16]
           [--rounds 3] [--folder /tmp]

Makes a collection of clips of 30 s and scores all of its training set as `eval` does: reading,
network, gathering on rank 0. Against it, the network alone on batches that are in memory, by the
same workers in the same job. Prints clips/s of all workers together, medians of the rounds,
which take turns.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

HEADINGS = ("workers", "network alone", "evaluation", "share")


def main() -> None:
    options = _options()
    if options.shards:
        _work(options)
        return
    from benchmarks.made_shards import make_shards
    from fcn4_dist.processes import usable_cores
    from fcn4_dist.terminal import say, table
    from fcn4_dist.versions import package_versions

    rows = [list(HEADINGS)]
    with tempfile.TemporaryDirectory(prefix="evaluation-", dir=options.folder) as folder:
        shards = make_shards(Path(folder), options.clips_per_class)
        for workers in (1, 2):
            rates = _run_job(workers, shards, Path(folder), options)
            alone, whole = rates["alone"], rates["evaluation"]
            rows.append([str(workers), f"{alone:.1f}", f"{whole:.1f}", f"{whole / alone:.2f}"])
    say(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(
        f"clips/s; {usable_cores()} cores, batches of {options.batch_size}, width "
        f"{options.width:g}, {options.rounds} rounds; {versions}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips_per_class", type=int, default=16)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--shards", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_job(
    workers: int, shards: Path, folder: Path, options: argparse.Namespace
) -> dict[str, float]:
    from fcn4_dist.cluster.launch import plan_launch
    from fcn4_dist.cluster.supervision import run_launch
    from fcn4_dist.cluster.topology import local_topology

    program = [__file__, "--shards", str(shards), "--folder", str(folder)]
    for name in ("width", "batch_size", "rounds"):
        program += [f"--{name}", str(getattr(options, name))]
    if run_launch(plan_launch(program, local_topology(workers), folder / f"logs_{workers}")):
        sys.exit("a job has failed")
    return json.loads((folder / "rates.json").read_text())


def _work(options: argparse.Namespace) -> None:
    """Be a worker of a job."""
    from fcn4_dist.cluster.device import prepare_environment

    prepare_environment("CPU")
    import numpy as np
    from mindspore import Tensor

    from fcn4_dist.cluster.ranks import join_ranks
    from fcn4_dist.config import Settings
    from fcn4_dist.evaluation.scoring import score_clips
    from fcn4_dist.model.build import build_fcn4
    from fcn4_dist.records import read_manifest

    ranks = join_ranks("CPU", 0)
    record_set = read_manifest(options.shards).record_set("train", options.shards)
    network = build_fcn4(10, options.width, fused_first_block=True)
    window = Settings().window_seconds
    rates: dict[str, list[float]] = {"alone": [], "evaluation": []}
    turns = -(-len(record_set) // (options.batch_size * ranks.size))
    shape = (options.batch_size, *record_set.parameters.shape)
    features = Tensor(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))

    def evaluate() -> None:
        score_clips(network, record_set, window, options.batch_size, ranks, visible=False)

    def compute() -> None:
        for _ in range(turns):
            network(features).asnumpy()

    for turn in range(-1, options.rounds):
        for name, run in (("alone", compute), ("evaluation", evaluate)):
            ranks.check_agreement({"turn": turn})
            start = time.perf_counter()
            run()
            ranks.check_agreement({"turn": turn})
            if turn >= 0:
                # All workers' batches, those that are filled up with copies too.
                clips = turns * options.batch_size * ranks.size
                rates[name].append(clips / (time.perf_counter() - start))
    if ranks.is_main:
        medians = {name: statistics.median(each) for name, each in rates.items()}
        (options.folder / "rates.json").write_text(json.dumps(medians))


if __name__ == "__main__":
    main()
