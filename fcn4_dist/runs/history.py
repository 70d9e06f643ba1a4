"""What a run leaves to be looked at: metrics.jsonl, and event files for TensorBoard."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.files import replace_file
from fcn4_dist.runs.names import METRICS_LINES_NAME, TENSORBOARD_NAME


@dataclass(frozen=True)
class Pace:
    """How fast some steps were.

    Attributes:
        samples_per_second: Over all ranks; None if that is not known, as of a step that compiles.
        waiting_for_data: Share of the time, from 0 to 1, that rank 0 waited for its samples; None
            likewise.
    """

    samples_per_second: float | None
    waiting_for_data: float | None


class RunHistory:
    """Writes what happens, a line for each step and epoch; for rank 0.

    Args:
        folder: The job's folder.
        steps_done: Steps of this run that were taken before; what a file says of later ones is
            of a past that was given up, and goes. 0 begins anew.
        earlier: Folder of the job that is gone on with, whose lines are taken over; None for none.
    """

    def __init__(self, folder: Path, steps_done: int, earlier: Path | None = None) -> None:
        # A second, and only rank 0 needs it.
        from tensorboardX import SummaryWriter

        lines = _lines_before(earlier / METRICS_LINES_NAME, steps_done) if earlier else []
        path = folder / METRICS_LINES_NAME
        with replace_file(path) as file:
            file.writelines(lines)
        self._earlier = [json.loads(line) for line in lines]
        self._file = path.open("a", encoding="utf-8")
        events = folder / TENSORBOARD_NAME
        if not steps_done:
            for old in events.glob("events.out.tfevents.*"):
                old.unlink()
        # TensorBoard forgets what earlier files say of these steps. The name of a file holds the
        # second, which may be that of an earlier one.
        self._events = SummaryWriter(
            str(events), purge_step=steps_done + 1, filename_suffix=f".{steps_done}"
        )

    def losses_of(self, epoch: int) -> list[float]:
        """Give the losses of the steps of an epoch that were taken before."""
        steps = [line for line in self._earlier if line["kind"] == "step"]
        return [step["loss"] for step in steps if step["epoch"] == epoch]

    def add_step(
        self, epoch: int, step: int, global_step: int, loss: float, lr: float, pace: Pace
    ) -> None:
        """Write what a step gave.

        Args:
            epoch: The epoch, from 1.
            step: The step within the epoch, from 1.
            global_step: The step within the run, from 1.
            loss: Averaged over the global batch.
            lr: The learning rate.
            pace: Of this step.
        """
        self._write(
            "step",
            epoch=epoch,
            step=step,
            global_step=global_step,
            loss=loss,
            lr=lr,
            **asdict(pace),
        )
        self._plot("train", global_step, {"loss": loss, "lr": lr, **asdict(pace)})

    def add_epoch(
        self,
        epoch: int,
        global_step: int,
        loss: float,
        lr: float,
        pace: Pace,
        seconds: float,
        validation: Mapping[str, float],
        best: bool,
    ) -> None:
        """Write what an epoch gave.

        Args:
            epoch: The epoch, from 1.
            global_step: Its last step within the run.
            loss: Mean loss of its steps.
            lr: The learning rate of its last step.
            pace: Of the epoch.
            seconds: How long it took, with validation.
            validation: Scores of the validation set; empty for none.
            best: Whether they are the best so far.
        """
        self._write(
            "epoch",
            epoch=epoch,
            global_step=global_step,
            loss=loss,
            lr=lr,
            **asdict(pace),
            seconds=seconds,
            validation=dict(validation),
            best=best,
        )
        self._plot("epoch", global_step, {"loss": loss})
        self._plot("validation", global_step, validation)
        self._events.flush()

    def add_stop(
        self, epoch: int, step: int, global_step: int, reason: str, ids: Sequence[str]
    ) -> None:
        """Write why the run ended at a step, and which clips were in its global batch."""
        self._write(
            "stopped", epoch=epoch, step=step, global_step=global_step, reason=reason, ids=list(ids)
        )

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._events.close()

    def _write(self, kind: str, **content: Any) -> None:
        known = {name: _finite(value) for name, value in content.items()}
        self._file.write(json.dumps({"kind": kind, **known, "time": round(time.time(), 3)}) + "\n")
        # What is written is there, whatever becomes of this process.
        self._file.flush()

    def _plot(self, group: str, global_step: int, figures: Mapping[str, float | None]) -> None:
        for name, value in figures.items():
            if value is not None:
                self._events.add_scalar(f"{group}/{name}", value, global_step)


def _lines_before(path: Path, steps_done: int) -> list[bytes]:
    """Read the lines of a file up to a step; one that was cut off does not count."""
    lines = []
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        try:
            kept = line.endswith(b"\n") and json.loads(line)["global_step"] <= steps_done
        except (ValueError, TypeError, KeyError):
            kept = False
        if kept:
            lines.append(line)
    return lines


def _finite(value: Any) -> Any:
    # JSON knows no NaN.
    return None if isinstance(value, float) and not math.isfinite(value) else value
