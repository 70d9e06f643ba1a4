"""Where the time of a step goes: MindSpore's timeline, and our own split, of some steps."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcn4_dist import documents
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.terminal import say, table, warn
from fcn4_dist.text import count
from fcn4_dist.training.stepping import StepsTaken, StepTimes

PROFILE_NAME = "profile"
SPLIT_NAME = "split.json"
_CALLS_BEFORE = 2
"""One compiles, and one finds memory that was never used."""
_LARGEST = 12


class StepProfiler:
    """Profiles some steps of rank 0, from the third call of the training step on.

    Args:
        settings: Say how many; 0 for none.
        ranks: This rank; all of them count the steps.
    """

    def __init__(self, settings: Settings, ranks: Ranks) -> None:
        self._steps, self._device_target = settings.profile, settings.device_target
        self._folder, self._ranks = Path(settings.run_dir, PROFILE_NAME), ranks
        self._calls = 0
        self._profiles = False
        self._profiler: Any = None
        self._before: set[Path] = set()
        self._times = StepTimes()
        self._begun = 0.0

    def __enter__(self) -> "StepProfiler":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            # To analyse what there is may take longer than the run has to end.
            return
        if self._profiles:
            self._finish()
        if self._steps and not self._times.steps and self._ranks.is_main:
            warn(f"nothing was profiled: that begins after {_CALLS_BEFORE} steps, which were all")

    def step(self, taken: StepsTaken) -> None:
        """Count a call, when all that follows it is done, too."""
        self._calls += 1
        if self._profiles:
            self._times += taken.times
            if self._profiler:
                self._profiler.step()
            if self._times.steps >= self._steps:
                self._finish()
        elif self._steps and self._calls == _CALLS_BEFORE:
            self._profiles = True
            if self._ranks.is_main:
                self._before = self._timelines()
                self._profiler = start_profiler(self._folder, self._device_target)
            self._begun = time.monotonic()

    def _finish(self) -> None:
        self._profiles = False
        # The others wait for rank 0 in the next step.
        self._ranks.heartbeat.at("writing the profile", may_take_long=True)
        if not self._profiler:
            return
        seconds = time.monotonic() - self._begun
        self._profiler.stop()
        if not self._times.steps:
            return
        try:
            self._report(seconds)
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            # Whatever MindSpore has written, the run goes on.
            warn(f"the profile in {self._folder} cannot be read: {error}")

    def _timelines(self) -> set[Path]:
        return set(self._folder.glob("*/ASCEND_PROFILER_OUTPUT/trace_view.json"))

    def _report(self, seconds: float) -> None:
        # The folder may hold those of earlier starts.
        timelines = list(self._timelines() - self._before)
        operators = operator_times(timelines[0]) if timelines else {}
        steps = self._times.steps
        split = split_of_step(self._times, seconds)
        kinds = {kind: each / steps for kind, each in operators.items()}
        documents.write(
            self._folder / SPLIT_NAME,
            {"steps": steps, "seconds_a_step": split, "operator_seconds_a_step": kinds},
        )
        say()
        say(f"profile of {count(steps, 'step')}, milliseconds a step")
        say(_table(split, kinds))
        where = timelines[0] if timelines else self._folder
        say(f"timeline, for chrome://tracing or MindStudio Insight: {where}")


def start_profiler(folder: Path, device_target: str) -> Any:
    """Start MindSpore's profiler.

    Args:
        folder: Where the timeline goes, in a folder of its own there.
        device_target: "Ascend" or "CPU".

    Returns:
        Of ``step()`` and ``stop()``.
    """
    from mindspore.profiler import ProfilerActivity, profile, tensorboard_trace_handler

    activities = [ProfilerActivity.CPU]
    if device_target == "Ascend":
        activities.append(ProfilerActivity.NPU)
    profiler = profile(
        activities=activities,
        start_profile=False,
        on_trace_ready=tensorboard_trace_handler(dir_name=str(folder)),
    )
    profiler.start()
    return profiler


def split_of_step(times: StepTimes, seconds: float) -> dict[str, float]:
    """Part the time of a step by what the host waited for or did.

    Args:
        times: Of the steps.
        seconds: From the beginning of the first to what came after the last.

    Returns:
        Seconds a step: "waiting for the shards" (not known where the card has a queue of its own),
        "augmentation", "step" (forward, backward, all-reduce and update), and "besides"
        (recording, validation, checkpoints); "all" is their sum.
    """
    parts = {"augmentation": times.augmenting, "step": times.computing}
    if times.reading is not None:
        parts = {"waiting for the shards": times.reading - times.augmenting, **parts}
    # Augmentation is a part of reading, or runs beside the steps.
    parts["besides"] = seconds - (times.reading or 0.0) - times.computing
    return {name: each / times.steps for name, each in (parts | {"all": seconds}).items()}


def operator_times(timeline: Path) -> dict[str, float]:
    """Add up the time of each kind of operator.

    Args:
        timeline: MindSpore's ``trace_view.json``.

    Returns:
        Kind of operator -> seconds, largest first; empty where the timeline has no row of the
        processor's operators, as on Ascend, for which MindSpore writes such tables itself.
    """
    events = json.loads(timeline.read_text())
    rows = [
        event["pid"]
        for event in events
        if event.get("name") == "process_name" and event["args"].get("name") == "CPU OP"
    ]
    times: dict[str, float] = {}
    for event in events:
        if event.get("ph") == "X" and event.get("pid") in rows:
            kind = re.sub(r"-op\d+$", "", event["name"].rsplit("/", 1)[-1])
            times[kind] = times.get(kind, 0.0) + float(event["dur"]) / 1e6
    return dict(sorted(times.items(), key=lambda item: -item[1]))


def _table(split: Mapping[str, float], kinds: Mapping[str, float]) -> str:
    whole = split["all"]
    rows = [["", "ms", "share"]]
    rows += [[name, f"{1e3 * x:.2f}", f"{x / whole:.0%}"] for name, x in split.items()]
    largest = list(kinds.items())[:_LARGEST]
    rows += [[f"  {kind}", f"{1e3 * x:.2f}", f"{x / whole:.0%}"] for kind, x in largest]
    return table(rows)
