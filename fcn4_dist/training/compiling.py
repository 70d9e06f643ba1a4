"""The first call of the training step, which compiles it."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from fcn4_dist.cluster.compile_cache import compile_cache
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings, graph_settings
from fcn4_dist.terminal import say, still_running

_NOTICE = "compiling the training step: seconds on a CPU, some minutes on Ascend"


@contextmanager
def compiling(settings: Settings, ranks: Ranks, shape: tuple[int, ...]) -> Iterator[None]:
    """Say that the training step is compiled, and keep what comes of it for the next start.

    Args:
        settings: The settings of the run.
        ranks: This rank.
        shape: Of what the step computes with at once, (batch, 1, n_mels, frames).
    """
    begun = time.monotonic()
    with still_running(_NOTICE, visible=ranks.is_main), _cache(settings, ranks, shape):
        yield
    if ranks.is_main:
        say(f"compiled; the first step took {time.monotonic() - begun:.1f} s")


def _cache(
    settings: Settings, ranks: Ranks, shape: tuple[int, ...]
) -> AbstractContextManager[None]:
    if settings.fusion_in_use or settings.sink_in_use:
        # A graph that calls functions of this process, or takes batches from a queue of it, means
        # nothing to another one.
        return nullcontext()
    what = graph_settings(settings) | {"world size": ranks.size, "input": str(shape)}
    return compile_cache(what, Path(settings.run_dir))
