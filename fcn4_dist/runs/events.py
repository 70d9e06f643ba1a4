"""Event files for TensorBoard, written as they come: what cannot be written is told at once."""

import os
import time
from pathlib import Path

TENSORBOARD_NAME = "tensorboard"

_SECONDS_BETWEEN_FLUSHES = 30.0


class EventFile:
    """A new event file of a run, beside those of its earlier starts.

    tensorboardX's own writer hands events to a thread. When that has died of a full disk, whoever
    hands it more waits for ever.

    Args:
        folder: The job's folder.
        steps_done: Steps of the run that were taken before; TensorBoard forgets what earlier files
            say of later ones.

    Attributes:
        path: The file's folder.
    """

    def __init__(self, folder: Path, steps_done: int) -> None:
        # A second, and only rank 0 needs it.
        from tensorboardX import proto
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.summary import scalar

        self._event, self._scalar = proto.event_pb2.Event, scalar
        self.path = folder / TENSORBOARD_NAME
        self.path.mkdir(exist_ok=True)
        # The name holds the second, which may be that of an earlier start.
        self._writer = EventsWriter(str(self.path / "events"), f".{steps_done}.{os.getpid()}")
        begins = proto.event_pb2.SessionLog(status=proto.event_pb2.SessionLog.START)
        self._writer.write_event(self._event(step=steps_done + 1, session_log=begins))
        self.flush()

    def add(self, name: str, value: float, global_step: int) -> None:
        """Add a point of a curve."""
        summary = self._scalar(name, value)
        event = self._event(step=global_step, wall_time=time.time(), summary=summary)
        self._writer.write_event(event)
        if time.monotonic() > self._flushed + _SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def flush(self) -> None:
        """Bring what was added to the disk."""
        self._writer.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
