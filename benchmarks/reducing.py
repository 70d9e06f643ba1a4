"""What distributing costs: two workers with a core each against one with both cores.

Usage: python benchmarks/reducing.py [--global_batch 16] [--width 1.0] [--repeats 7] [--rounds 2]

Real jobs, started by this package's launcher, take training steps on random spectrograms of
96 x 1366 at one global batch; each is started anew in every round, and rounds take turns. "Not
bound" is bind_cores off. Prints the median step, the rate by that of one worker, and what the
all-reduce of all gradients takes by itself when the workers begin it together: one for each
parameter, as the graph on the CPU has them, and one for all parameters together.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

CASES = {
    "1 worker, 2 cores": (1, False),
    "2 workers, a core each": (2, True),
    "2 workers, not bound": (2, False),
}
HEADINGS = ("", "step", "samples/s", "by 1 worker's", "all-reduces", "as one", "share of the step")


def main() -> None:
    options = _options()
    if options.folder:
        _work(options)
        return
    from fcn4_dist.terminal import say, table
    from fcn4_dist.versions import package_versions

    found: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name, (workers, bound) in CASES.items():
            found[name].append(_run_job(workers, bound, options))
    rows = [list(HEADINGS)]
    times = {
        name: {what: statistics.median(each[what] for each in rounds) for what in rounds[0]}
        for name, rounds in found.items()
    }
    (alone, *_) = times.values()
    for name, each in times.items():
        reducing = each["all-reduces"]
        rows.append(
            [
                *(name, f"{each['step']:.2f} s", f"{options.global_batch / each['step']:.1f}"),
                *(f"{alone['step'] / each['step']:.2f}", f"{reducing:.2f} s"),
                *(f"{each['as one']:.2f} s", f"{reducing / each['step']:.2f}"),
            ]
        )
    say(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(
        f"global batch {options.global_batch}, width {options.width:g}, {options.rounds} rounds of "
        f"{options.repeats} steps; {versions}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--global_batch", type=int, default=16)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_job(workers: int, bound: bool, options: argparse.Namespace) -> dict[str, float]:
    from fcn4_dist.cluster.cores import core_variables, plan_cores
    from fcn4_dist.cluster.launch import plan_launch
    from fcn4_dist.cluster.supervision import run_launch
    from fcn4_dist.cluster.topology import local_topology

    with tempfile.TemporaryDirectory() as folder:
        program = [__file__, "--folder", folder, "--global_batch", str(options.global_batch)]
        program += ["--width", str(options.width), "--repeats", str(options.repeats)]
        launch = plan_launch(
            program,
            local_topology(workers),
            Path(folder, "logs"),
            variables=core_variables(
                plan_cores(sorted(os.sched_getaffinity(0)), [()] * workers) if bound else []
            ),
        )
        if run_launch(launch):
            sys.exit("a job has failed")
        return json.loads(Path(folder, "times.json").read_text())


def _work(options: argparse.Namespace) -> None:
    """Be a worker of a job."""
    from fcn4_dist.cluster.cores import keep_to_own_cores

    keep_to_own_cores()
    from fcn4_dist.cluster.device import prepare_environment

    prepare_environment("CPU")
    import numpy as np
    from mindspore import Tensor

    from fcn4_dist.cluster.ranks import join_ranks
    from fcn4_dist.model.build import build_fcn4
    from fcn4_dist.training.step import TrainingStep, step_controls

    ranks = join_ranks("CPU", 0)
    network = build_fcn4(50, options.width, fused_first_block=True).set_train(True)
    ranks.broadcast_parameters(network.get_parameters())
    sizes = [weight.size for weight in network.trainable_params()]
    step = TrainingStep(network, ranks, 1024.0)
    batch = options.global_batch // ranks.size
    random = np.random.default_rng(ranks.rank)
    features = Tensor(random.standard_normal((batch, 1, 96, 1366), dtype=np.float32))
    labels = Tensor((random.random((batch, 50)) < 0.1).astype(np.float32))
    controls = step_controls(learning_rate=0.0005)
    times = {"step": _median(lambda: step(features, labels, controls).asnumpy(), options.repeats)}
    for name, lengths in (("all-reduces", sizes), ("as one", [sum(sizes)])):
        times[name] = _seconds_to_reduce(lengths, ranks.size, options.repeats)
    if ranks.is_main:
        (options.folder / "times.json").write_text(json.dumps(times))


def _seconds_to_reduce(lengths: list[int], world_size: int, repeats: int) -> float:
    if world_size == 1:
        return 0.0
    import numpy as np
    from mindspore import Tensor, nn, ops

    class AllReduces(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.reduce = ops.AllReduce(ops.ReduceOp.SUM)

        def construct(self, *values: Tensor) -> tuple[Tensor, ...]:
            reduced: tuple[Tensor, ...] = ()
            for value in values:
                reduced += (self.reduce(value),)
            return reduced

    cell, together = AllReduces(), AllReduces()
    values = [Tensor(np.ones(length, np.float32)) for length in lengths]
    token = Tensor(np.ones(1, np.float32))

    def run() -> None:
        for value in cell(*values):
            value.asnumpy()

    return _median(run, repeats, begin=lambda: together(token)[0].asnumpy())


def _median(run: Callable[[], object], repeats: int, begin: Callable[[], object] = int) -> float:
    times = []
    for turn in range(-2, repeats):
        begin()
        start = time.perf_counter()
        run()
        if turn >= 0:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
