"""Where the time of a step goes: MindSpore's timeline, and our own split, of some steps."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.files import write_json
from fcn4_dist.terminal import say, table, warn
from fcn4_dist.training.stepping import StepsTaken

PROFILE_NAME = "profile"
SPLIT_NAME = "split.json"
_CALLS_BEFORE = 2
"""One compiles, and one finds memory that was never used."""
_LARGEST = 12


class StepProfile:
    """Profiles some steps of rank 0, from the third call of the training step on.

    Args:
        steps: How many; 0 for none.
        folder: The job's folder.
        device_target: "Ascend" or "CPU".
        ranks: This rank; all of them count the steps.
    """

    def __init__(self, steps: int, folder: Path, device_target: str, ranks: Ranks) -> None:
        self._steps, self._device_target, self._ranks = steps, device_target, ranks
        self._folder = folder / PROFILE_NAME
        self._calls = 0
        self._goes_on = False
        self._profiler: Any = None
        self._before: set[Path] = set()
        self._taken: list[StepsTaken] = []
        self._begun = 0.0

    def __enter__(self) -> "StepProfile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            # To analyse what there is may take longer than the run has to end.
            return
        if self._goes_on:
            self._finish()
        if self._steps and not self._taken and self._ranks.is_main:
            warn(f"nothing was profiled: that begins after {_CALLS_BEFORE} steps, which were all")

    def add(self, taken: StepsTaken) -> None:
        """Count a call, when all that follows it is done, too."""
        if not self._steps or (self._taken and not self._goes_on):
            return
        self._calls += 1
        if self._goes_on:
            self._taken.append(taken)
            if self._profiler:
                self._profiler.step()
            if sum(len(each.losses) for each in self._taken) >= self._steps:
                self._finish()
        elif self._calls == _CALLS_BEFORE:
            self._goes_on = True
            if self._ranks.is_main:
                self._before = self._timelines()
                self._profiler = start_profiler(self._folder, self._device_target)
            self._begun = time.monotonic()

    def _finish(self) -> None:
        self._goes_on = False
        # The others wait for rank 0 in the next step.
        self._ranks.heartbeat.at("writing the profile", may_take_long=True)
        if not self._profiler:
            return
        seconds = time.monotonic() - self._begun
        self._profiler.stop()
        self._profiler = None
        if not self._taken:
            return
        try:
            self._report(seconds)
        except (OSError, ValueError, KeyError) as error:
            warn(f"the profile in {self._folder} cannot be read: {error}")

    def _timelines(self) -> set[Path]:
        return set(self._folder.glob("*/ASCEND_PROFILER_OUTPUT/trace_view.json"))

    def _report(self, seconds: float) -> None:
        # The folder may hold those of earlier starts.
        timelines = list(self._timelines() - self._before)
        operators = operator_times(timelines[0]) if timelines else {}
        steps = sum(len(each.losses) for each in self._taken)
        split = split_of_step(self._taken, seconds)
        kinds = {kind: each / steps for kind, each in operators.items()}
        write_json(
            self._folder / SPLIT_NAME,
            {"steps": steps, "seconds_a_step": split, "operator_seconds_a_step": kinds},
        )
        say(f"\nprofile of {steps} steps, milliseconds a step\n{_table(split, kinds)}")
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


def split_of_step(taken: list[StepsTaken], seconds: float) -> dict[str, float]:
    """Part the time of a step by what the host waited for or did.

    Args:
        taken: The steps.
        seconds: From the beginning of the first to what came after the last.

    Returns:
        Seconds a step: "waiting for the shards" (not known where the card has a queue of its own),
        "augmentation", "step" (forward, backward, all-reduce and update), and "besides"
        (recording, validation, checkpoints); "all" is their sum.
    """
    steps = sum(len(each.losses) for each in taken)
    augmenting = sum(each.augmenting for each in taken)
    computing = sum(each.computing for each in taken)
    parts = {"augmentation": augmenting, "step": computing}
    if all(each.reading is not None for each in taken):
        reading = sum(each.reading or 0.0 for each in taken)
        parts = {"waiting for the shards": reading - augmenting, **parts}
        parts["besides"] = seconds - reading - computing
    else:
        # Augmentation runs beside the steps then.
        parts["besides"] = seconds - computing
    return {name: each / steps for name, each in parts.items()} | {"all": seconds / steps}


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
