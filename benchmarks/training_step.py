"""A training step on the CPU against the same network in PyTorch, in turns on the same machine.

Usage: python benchmarks/training_step.py [--batch_sizes 8,16] [--width 1.0] [--repeats 7]
           [--torch_python PYTHON]

All train FCN-4 of 50 tags on the same random spectrograms of 96 x 1366 in float32, with Adam and
as many threads as there are cores; "plain" is fused_first_block false. Each runs in a process of
its own; after a step that compiles and one that warms up they take steps in turns, the others
stopped, so that what else the machine does meets them all. Prints the median and the fastest step,
the largest resident memory, and the rate by that of PyTorch in channels_last, by the medians and
(by the fastest steps). --torch_python is an interpreter that has PyTorch, if this one has not.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]

PEER = "PyTorch channels_last"
RUNNERS = ("fcn4_dist", "fcn4_dist plain", PEER, "PyTorch NCHW")
HEADINGS = (
    "batch",
    "network",
    "seconds a step",
    "fastest",
    "samples/s",
    "memory",
    "rate by peer's",
)
MELS, FRAMES, CLASSES = 96, 1366, 50
CHANNELS, POOLS = (128, 384, 768, 2048), ((2, 4), (4, 5), (3, 8))


def main() -> None:
    options = _options()
    if options.run:
        _answer_steps(_begin(options.run, options.batch_size, options.width))
        return
    from fcn4_dist.processes import usable_cores
    from fcn4_dist.terminal import say, table
    from fcn4_dist.versions import package_versions

    rows = [list(HEADINGS)]
    versions: set[str] = set()
    for batch_size in map(int, options.batch_sizes.split(",")):
        results = _race(batch_size, options)
        versions |= {result["version"] for result in results.values()}
        peer = results[PEER]["seconds"]
        for name, result in results.items():
            median, fastest = statistics.median(result["seconds"]), min(result["seconds"])
            rows.append(
                [
                    *(str(batch_size), name, f"{median:.2f}", f"{fastest:.2f}"),
                    *(f"{batch_size / median:.2f}", f"{result['memory'] / 1e6:.1f} GB"),
                    f"{statistics.median(peer) / median:.2f} ({min(peer) / fastest:.2f})",
                ]
            )
    say(table(rows))
    own = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(
        f"width {options.width:g}, {usable_cores()} cores, {options.repeats} repeats; {own}, "
        + ", ".join(sorted(versions - {""}))
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_sizes", default="8,16")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--torch_python", default=sys.executable)
    parser.add_argument("--run", choices=RUNNERS, help=argparse.SUPPRESS)
    parser.add_argument("--batch_size", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _race(batch_size: int, options: argparse.Namespace) -> dict[str, dict]:
    """Let all take steps in turns; give what each answered last, with its seconds."""
    running = {}
    for name in RUNNERS:
        python = options.torch_python if "PyTorch" in name else sys.executable
        command = [python, __file__, "--run", name, "--batch_size", str(batch_size)]
        running[name] = subprocess.Popen(
            [*command, "--width", str(options.width)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    results: dict[str, dict] = {name: {"seconds": []} for name in RUNNERS}
    for turn in range(-2, options.repeats):
        for name, process in running.items():
            process.send_signal(signal.SIGCONT)
            print("step", file=process.stdin, flush=True)
            line = process.stdout.readline()
            # Threads that wait for work by turning in circles would take the others' cores.
            process.send_signal(signal.SIGSTOP)
            if not line:
                sys.exit(f"{name} failed")
            answer = json.loads(line)
            if turn >= 0:
                results[name]["seconds"].append(answer.pop("seconds"))
            results[name] |= {k: v for k, v in answer.items() if k != "seconds"}
    for process in running.values():
        process.send_signal(signal.SIGCONT)
        process.stdin.close()
        process.wait()
    return results


def _begin(name: str, batch_size: int, width: float) -> tuple[Callable[[], float], str]:
    """Build a network; give what takes a step and tells the loss, and the version of its maker."""
    import numpy as np

    rng = np.random.default_rng(1)
    features = rng.standard_normal((batch_size, 1, MELS, FRAMES), dtype=np.float32)
    labels = (rng.random((batch_size, CLASSES)) < 0.1).astype(np.float32)
    if "PyTorch" not in name:
        return _begin_own(features, labels, width, fused="plain" not in name), ""
    return _begin_torch(features, labels, width, channels_last="channels_last" in name)


def _begin_own(features, labels, width: float, *, fused: bool) -> Callable[[], float]:
    from fcn4_dist.cluster.device import prepare_environment

    prepare_environment("CPU")
    from mindspore import Tensor

    from fcn4_dist.cluster.ranks import join_ranks
    from fcn4_dist.model.build import build_fcn4
    from fcn4_dist.training.step import TrainingStep, step_controls

    ranks = join_ranks("CPU", 0)
    step = TrainingStep(
        build_fcn4(CLASSES, width, fused_first_block=fused).set_train(True), ranks, 1024.0
    )
    inputs = Tensor(features), Tensor(labels), step_controls(learning_rate=0.0005)
    return lambda: float(step(*inputs).asnumpy()[0])


def _begin_torch(
    features, labels, width: float, *, channels_last: bool
) -> tuple[Callable[[], float], str]:
    import torch
    from torch import nn

    torch.manual_seed(1)
    layers: list[nn.Module] = []
    inputs = 1
    for number, published in enumerate(CHANNELS):
        outputs = max(1, round(published * width))
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(POOLS[number]) if number < 3 else nn.AdaptiveMaxPool2d(1))
        inputs = outputs
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs, CLASSES))
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.0005)
    criterion = nn.BCEWithLogitsLoss()

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(network(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, f"PyTorch {torch.__version__}"


def _answer_steps(begun: tuple[Callable[[], float], str]) -> None:
    step, version = begun
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = step()
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = {"seconds": seconds, "loss": loss, "memory": memory, "version": version}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
