"""Where the windows of a clip lie that is longer than the network's input."""

from dataclasses import dataclass

import numpy as np

from fcn4_dist.audio import FeatureParameters, window_starts
from fcn4_dist.records import ClipRows


@dataclass(frozen=True)
class Windowing:
    """Windows of one length in clips as the shards keep them.

    Attributes:
        parameters: How the features of the clips were computed.
        seconds: Length of a window.
    """

    parameters: FeatureParameters
    seconds: float

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.parameters.frames_in(self.seconds)

    def last_starts(self, clips: ClipRows) -> np.ndarray:
        """Give the last frame at which a window of each clip may begin.

        Args:
            clips: The clips; silence that was put behind one needs no window.

        Returns:
            int32 of shape (clips,): the window ends within what is no silence.
        """
        most = max(0, self.parameters.frames - self.frames)
        last = np.full(len(clips), most, np.int32)
        is_padded = clips.by_place([place.status == "padded" for place in clips.places]) != 0
        lengths, which = np.unique(clips.seconds[is_padded], return_inverse=True)
        rooms = [self.parameters.frames_in(seconds) - self.frames for seconds in lengths.tolist()]
        last[is_padded] = np.clip(np.array(rooms, np.int64), 0, most)[which]
        return last

    def starts(self, last_start: int) -> np.ndarray:
        """Place as few windows as cover a clip, evenly; one if it is no longer than a window.

        Args:
            last_start: Of the clip.

        Returns:
            The first frame of each window.
        """
        return window_starts(last_start, self.frames)

    def start_seconds(self, frame: int) -> float:
        """Give the time in what is kept of a clip at which a frame lies, in seconds."""
        return frame * self.parameters.hop_length / self.parameters.sample_rate
