"""What a training step costs layer by layer, and what that means for many cards.

Usage: python benchmarks/scaling.py [--batch_size 32] [--width 1.0] [--audio SONG]
           [--check [--repeats 5]]

Operations and bytes come from the network itself: it is run once, and the shapes of every layer's
input and output are noted. The time of a layer on a device is at least the larger of operations by
peak rate and bytes by memory rate; their sum is the floor of a step. Nothing here has been measured
on Ascend: every figure for it is an expectation from published rates. With --check the same
prediction is made for this machine's CPU, from rates measured first, and compared with the step as
it runs.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from fcn4_dist.cluster.device import prepare_environment
from fcn4_dist.processes import usable_cores
from fcn4_dist.terminal import say, table
from fcn4_dist.text import Lines
from fcn4_dist.versions import package_versions

MELS, FRAMES, CLASSES = 96, 1366, 50
FLOAT32, FLOAT16 = 4, 2


@dataclass(frozen=True)
class Operator:
    """One operator of a training step of one sample.

    Attributes:
        layer: The layer it belongs to.
        name: What it does.
        flops: Floating-point operations of matrix products, two for each multiplication and
            addition; those of the others never limit anything.
        values: Values of activations that it reads and writes.
    """

    layer: str
    name: str
    flops: float
    values: float


@dataclass(frozen=True)
class Device:
    """What limits one card.

    Attributes:
        name: Its name.
        flops: Of matrix products, in 1/s.
        memory: Bytes/s of its memory.
        server_link: Bytes/s one card sends to the others of its server.
        network_link: Bytes/s one card sends to other servers.
        bytes_a_value: Of an activation.
        mesh: Whether each card of a server has a link to each other one, as on A2 and A3.
    """

    name: str
    flops: float
    memory: float
    server_link: float
    network_link: float
    bytes_a_value: int
    mesh: bool = False


# Cores x 4096 products a cycle x 2 x cycles/s, and bytes a cycle and core x cores x cycles/s, are
# those of the platform files that CANN brings for Ascend910A and Ascend910B2C. Links: three HCCS
# ports of 240 Gbit/s and one of 100 Gbit/s Ethernet a card (Ascend 910, Hot Chips 2019); seven HCCS
# links of 28 GB/s to each side and one of 200 Gbit/s Ethernet (Atlas 800T A2).
DEVICES = (
    Device("Ascend 910A, float16", 32 * 4096 * 2 * 1.0e9, 1.05e12, 30e9, 12.5e9, FLOAT16),
    Device("Ascend 910B, float16", 24 * 4096 * 2 * 1.8e9, 1.38e12, 196e9, 25e9, FLOAT16, mesh=True),
)
CARDS_A_SERVER = 8
SERVER_LATENCY = 10e-6
"""Seconds of one step of a collective within a server (assumed)."""
NETWORK_LATENCY = 60e-6
"""The same between servers, as HCCL itself assumes when it chooses (LATENCY in its sources)."""
SMALLEST_OF_PIPELINE = 1 << 20
"""Bytes of a card's part from which HCCL takes the pipeline on A2 (PIPELINE_ALLREDUCE_MIN_SIZE)."""
CLUSTERS = (1, 8, 64, 1024)
REDUCED = (8, 64, 96, 1000, 1024)

MILLISECONDS = {"WAV": 9.1, "MP3": 20.8, "MP3, 44.1 kHz stereo": 33.7}
"""Of one core for 30 s of audio: benchmarks/preprocessing.py, and --audio for what stereo adds."""
# Recordings, and seconds of each: MTG-Jamendo's are whole songs (its median), of the Million Song
# Dataset there are previews of 30 to 60 s.
COLLECTIONS = (
    ("GTZAN", 1000, 30.0, "WAV"),
    ("MagnaTagATune", 25_863, 29.1, "MP3"),
    ("MTG-Jamendo", 55_000, 224.0, "MP3, 44.1 kHz stereo"),
    ("Million Song Dataset", 1_000_000, 30.0, "MP3"),
    ("Million Song Dataset", 1_000_000, 60.0, "MP3, 44.1 kHz stereo"),
)
CLIP_SECONDS = 30.0
MOST_SHARDS = 100
"""Each of them is open once in each thread of a rank that reads, and once besides."""
LARGEST_SHARD = 1e9
"""Bytes, as long as there are not more than so many shards."""


def main() -> None:
    options = _options()
    operators, parameters = count(options.width)
    say(f"One sample of {MELS} x {FRAMES}, width {options.width:g}, {parameters:,} weights")
    _print_layers(operators)
    for device in DEVICES:
        say(Lines(f"\n{device.name}, batch of {options.batch_size} a card (expected)\n"))
        _print_cluster(device, operators, parameters, options.batch_size)
    for device in DEVICES:
        say(
            Lines(
                f"\nAll-reduce of {FLOAT32 * parameters / 1e6:.0f} MB, {device.name} (expected)\n"
            )
        )
        _print_reduces(device, parameters)
    say(Lines("\nCollections\n"))
    _print_collections()
    if options.audio:
        _print_decoding(options.audio)
    if options.check:
        say(Lines("\nThe same prediction for this machine\n"))
        _check(operators, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--audio", type=Path, help="a song, to measure what MP3 of each kind costs")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def count(width: float) -> tuple[list[Operator], int]:
    """Count the operations and values of one sample's training step, from the network as it runs.

    Args:
        width: Factor on the channels.

    Returns:
        The operators, and the number of weights.
    """
    prepare_environment("CPU")
    import mindspore as ms
    import numpy as np
    from mindspore import Tensor, nn

    from fcn4_dist.model.build import build_fcn4

    ms.set_context(mode=ms.PYNATIVE_MODE)
    network = build_fcn4(CLASSES, width).set_train(False)
    operators: list[Operator] = []

    def note(name: str, cell: Any) -> Callable[..., None]:
        kinds = {nn.Conv2d: _convolution, nn.BatchNorm2d: _batch_norm, nn.ReLU: _relu}
        kinds |= {nn.MaxPool2d: _pool, nn.Dense: _dense}

        def noted(_: Any, inputs: tuple[Any, ...], output: Any) -> None:
            operators.extend(kinds[type(cell)](name, cell, inputs[0].shape, output.shape))

        return noted

    for name, cell in network.name_cells().items():
        cell.register_forward_hook(note(name, cell))
    network(Tensor(np.zeros((1, 1, MELS, FRAMES), np.float32)))
    parameters = sum(each.size for each in network.trainable_params())
    ms.set_context(mode=ms.GRAPH_MODE)
    return operators, parameters


Shape = tuple[int, ...]


def _convolution(name: str, cell: Any, inputs: Shape, outputs: Shape) -> list[Operator]:
    x, y = math.prod(inputs), math.prod(outputs)
    products = 2 * y * inputs[1] * math.prod(cell.kernel_size)
    operators = [
        Operator(name, "forward", products, x + y),
        Operator(name, "gradient of the weights", products, x + y),
    ]
    if inputs[1] > 1:
        # Nobody asks for the gradient of the spectrogram.
        operators.append(Operator(name, "gradient of the input", products, x + y))
    return operators


def _batch_norm(name: str, _: Any, inputs: Shape, __: Shape) -> list[Operator]:
    x = math.prod(inputs)
    # Read for the statistics and again to be normalised; the gradient reads both twice.
    return [Operator(name, "forward", 0, 3 * x), Operator(name, "gradient", 0, 5 * x)]


def _relu(name: str, _: Any, inputs: Shape, __: Shape) -> list[Operator]:
    x = math.prod(inputs)
    return [Operator(name, "forward", 0, 2 * x), Operator(name, "gradient", 0, 3 * x)]


def _pool(name: str, _: Any, inputs: Shape, outputs: Shape) -> list[Operator]:
    x, y = math.prod(inputs), math.prod(outputs)
    return [Operator(name, "forward", 0, x + y), Operator(name, "gradient", 0, 2 * x + 2 * y)]


def _dense(name: str, _: Any, inputs: Shape, outputs: Shape) -> list[Operator]:
    x, y = math.prod(inputs), math.prod(outputs)
    return [
        Operator(name, kind, 2 * x * y, x + y)
        for kind in ("forward", "gradient of the weights", "gradient of the input")
    ]


def _print_layers(operators: list[Operator]) -> None:
    rows = [["layer", "GFLOP", "MB in float16", "FLOP a byte", *[x.name for x in DEVICES]]]
    layers = list(dict.fromkeys(each.layer for each in operators))
    for layer in [*layers, "all"]:
        own = [each for each in operators if layer in (each.layer, "all")]
        flops, values = sum(each.flops for each in own), sum(each.values for each in own)
        times = [f"{sum(_floor(each, device) for each in own) * 1e3:.3f} ms" for device in DEVICES]
        megabytes = values * FLOAT16 / 1e6
        rows.append(
            [
                layer,
                f"{flops / 1e9:.2f}",
                f"{megabytes:.1f}",
                f"{flops / megabytes / 1e6:.0f}",
                *times,
            ]
        )
    say(table(rows))


def _floor(operator: Operator, device: Device) -> float:
    """Give the least seconds of an operator on one sample."""
    moved = operator.values * device.bytes_a_value
    return max(operator.flops / device.flops, moved / device.memory)


def _step_floor(
    operators: list[Operator], parameters: int, batch_size: int, device: Device
) -> float:
    # Adam reads a weight, its gradient and two moments in float32, and writes all but the gradient.
    update = 7 * FLOAT32 * parameters / device.memory
    return batch_size * sum(_floor(each, device) for each in operators) + update


def _reduce_seconds(parameters: int, cards: int, device: Device) -> float:
    """Give the seconds of an all-reduce of the gradients in float32, as HCCL chooses to make it."""
    seconds = _reduce_by_algorithm(parameters, cards, device)
    return seconds[_chosen(parameters, cards, device)]


def _reduce_by_algorithm(parameters: int, cards: int, device: Device) -> dict[str, float]:
    """Give the seconds of an all-reduce by the algorithm between servers.

    Each card reduces its own part of the gradients with its peers of the other servers; the costs
    are those by which HCCL chooses (``SelectAlgoTypeForAllReduce`` in its sources).
    """
    inside = min(cards, CARDS_A_SERVER)
    servers = cards // inside
    size = FLOAT32 * parameters
    steps = 2 * (1 if device.mesh else inside - 1)
    within = 2 * (inside - 1) / inside * size / device.server_link + steps * SERVER_LATENCY
    if servers == 1:
        return {"none": within if inside > 1 else 0.0}
    part = size / inside / device.network_link
    wire, rounds = 2 * (servers - 1) / servers * part, 2 * math.ceil(math.log2(servers))
    halving = wire if _is_power_of_two(servers) else 2 * (2 * servers - 1) / servers * part
    ring = 2 * (servers - 1) * NETWORK_LATENCY
    return {
        "ring": within + ring + wire,
        "H-D_R": within + rounds * NETWORK_LATENCY + halving,
        "NHR": within + rounds * NETWORK_LATENCY + wire,
        # Both links are used at the same time.
        "pipeline": ring + max(within, wire),
    }


def _chosen(parameters: int, cards: int, device: Device) -> str:
    """Name the algorithm between servers that HCCL takes where HCCL_ALGO is not set."""
    servers = cards // CARDS_A_SERVER
    if servers <= 1:
        return "none"
    if not device.mesh:
        # As HCCL's documents have it for the first 910.
        return "H-D_R" if _is_power_of_two(servers) else "ring"
    if FLOAT32 * parameters / cards >= SMALLEST_OF_PIPELINE:
        return "pipeline"
    seconds = _reduce_by_algorithm(parameters, cards, device)
    return min(("ring", "NHR", "H-D_R"), key=seconds.__getitem__)


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _print_reduces(device: Device, parameters: int) -> None:
    rows = [["cards", "servers", "ring", "H-D_R", "NHR, NB", "pipeline", "by itself HCCL takes"]]
    for cards in REDUCED:
        seconds = _reduce_by_algorithm(parameters, cards, device)
        told = [f"{each * 1e3:.1f} ms" for each in seconds.values()]
        columns = told if len(told) > 1 else told * 3 + ["-"]
        if not device.mesh:
            # Only A2 has it.
            columns[3] = "-"
        chosen = _chosen(parameters, cards, device)
        within = "mesh" if device.mesh else "ring"
        name = f"{within} within the server" if chosen == "none" else chosen
        rows.append([str(cards), str(cards // CARDS_A_SERVER), *columns, name])
    say(table(rows))


def _print_cluster(
    device: Device, operators: list[Operator], parameters: int, batch_size: int
) -> None:
    step = _step_floor(operators, parameters, batch_size, device)
    rows = [
        [
            *("cards", "clips a step", "step", "all-reduce", "samples/s", "of linear"),
            *("features read", "GTZAN's steps an epoch"),
        ]
    ]
    feature_bytes = MELS * FRAMES * FLOAT32
    for cards in CLUSTERS:
        reduce = _reduce_seconds(parameters, cards, device)
        rate = cards * batch_size / (step + reduce)
        rows.append(
            [
                str(cards),
                f"{cards * batch_size:,}",
                f"{step * 1e3:.1f} ms",
                f"{reduce * 1e3:.1f} ms",
                f"{rate:,.0f}",
                f"{step / (step + reduce):.2f}",
                f"{rate * feature_bytes / 1e9:.1f} GB/s",
                f"{800 / (cards * batch_size):.2g}",
            ]
        )
    say(table(rows))


def _print_collections() -> None:
    rows = [
        [
            *("collection", "recordings", "hours", "as", "core-hours", "float32", "float16"),
            *("num_consumer", "a shard"),
        ]
    ]
    for name, recordings, seconds, kind in COLLECTIONS:
        clips = recordings * max(1, int(seconds // CLIP_SECONDS))
        size = clips * MELS * FRAMES * FLOAT32
        cost = recordings * seconds / CLIP_SECONDS * MILLISECONDS[kind] / 3.6e6
        shards = min(max(4, math.ceil(size / LARGEST_SHARD)), MOST_SHARDS)
        row = [
            name,
            f"{recordings:,} x {seconds:g} s",
            f"{recordings * seconds / 3600:,.0f}",
            kind,
            f"{cost:.2g}",
        ]
        row += [f"{each / 1e9:,.1f} GB" for each in (size, size / 2, size / shards)]
        rows.append([*row[:-1], str(shards), row[-1]])
    say(table(rows))


def _print_decoding(audio: Path) -> None:
    """Print what 30 s of a song take from MP3 to log-mel, in mono as in stereo."""
    import numpy as np
    import soundfile
    import soxr

    from fcn4_dist.audio.features import FeatureParameters, LogMel
    from fcn4_dist.audio.waveform import load_window
    from fcn4_dist.config import Settings

    parameters = FeatureParameters.from_settings(Settings())
    log_mel = LogMel(parameters)
    song, song_rate = soundfile.read(audio, dtype="float32", always_2d=True)
    song = np.repeat(song, 2, axis=1)[:, :2]
    rows = [["MP3 of 30 s", "milliseconds of one core"]]
    for rate, channels in ((22050, 1), (44100, 1), (44100, 2)):
        clip = soxr.resample(song, song_rate, rate)[: int(rate * CLIP_SECONDS), :channels]
        with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
            soundfile.write(file.name, clip, rate, format="MP3", subtype="MPEG_LAYER_III")
            times = []
            for _ in range(25):
                begun = time.process_time()
                window = load_window(
                    Path(file.name), parameters.sample_rate, parameters.clip_samples
                )
                log_mel(window.samples)
                times.append(time.process_time() - begun)
        name = f"{rate} Hz, {'stereo' if channels == 2 else 'mono'}"
        rows.append([name, f"{statistics.median(times) * 1e3:.1f}"])
    say(table(rows))


def _check(operators: list[Operator], options: argparse.Namespace) -> None:
    rows = [["batch", "floor", "measured", "floor by measured", "of which matrix products"]]
    cpu = _measured_cpu(options.repeats)
    _, parameters = count(options.width)
    for batch_size in (4, 8):
        floor = _step_floor(operators, parameters, batch_size, cpu)
        products = batch_size * sum(each.flops for each in operators) / cpu.flops
        measured = _measured_step(options.width, batch_size, options.repeats)
        rows.append(
            [
                str(batch_size),
                f"{floor:.2f} s",
                f"{measured:.2f} s",
                f"{floor / measured:.2f}",
                f"{products / floor:.2f}",
            ]
        )
    say(table(rows))
    versions = ", ".join(f"{k} {v}" for k, v in package_versions("mindspore", "numpy").items())
    say(
        f"{cpu.name}: {cpu.flops / 1e9:.0f} GFLOP/s in matrix products, {cpu.memory / 1e9:.1f} "
        f"GB/s of memory, both measured; {options.repeats} repeats; {versions}"
    )


def _measured_cpu(repeats: int) -> Device:
    import numpy as np

    matrix = np.random.default_rng(1).standard_normal((2048, 2048), dtype=np.float32)
    product = _median(lambda: matrix @ matrix, repeats)
    cores = usable_cores()
    sources = np.ones((cores, 2**25), dtype=np.float32)
    # Filled once, so that its pages are there.
    targets = np.zeros_like(sources) + 1
    with ThreadPoolExecutor(cores) as pool:
        copied = _median(lambda: list(pool.map(np.copyto, targets, sources)), repeats)
    return Device(
        f"{cores} cores",
        2 * 2048**3 / product,
        2 * sources.nbytes / copied,
        math.inf,
        math.inf,
        FLOAT32,
    )


def _measured_step(width: float, batch_size: int, repeats: int) -> float:
    import numpy as np
    from mindspore import Tensor

    from fcn4_dist.cluster.ranks import join_ranks
    from fcn4_dist.model.build import build_fcn4
    from fcn4_dist.training.step import TrainingStep, step_controls

    ranks = join_ranks("CPU", 0)
    network = build_fcn4(CLASSES, width).set_train(True)
    step = TrainingStep(network, ranks, 1024.0)
    rng = np.random.default_rng(1)
    features = Tensor(rng.standard_normal((batch_size, 1, MELS, FRAMES), dtype=np.float32))
    labels = Tensor(np.zeros((batch_size, CLASSES), np.float32))
    controls = step_controls(learning_rate=0.0005)
    step(features, labels, controls).asnumpy()
    return _median(lambda: step(features, labels, controls).asnumpy(), repeats)


def _median(work: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
