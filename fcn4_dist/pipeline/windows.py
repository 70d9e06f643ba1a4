"""Where the windows of a clip lie that is longer than the network's input."""

from dataclasses import dataclass

import numpy as np

from fcn4_dist.audio import FeatureParameters, window_starts
from fcn4_dist.records import ClipRow


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

    def starts(self, clip: ClipRow) -> np.ndarray:
        """Place as few windows as cover a clip, evenly; one if it is no longer than a window.

        Args:
            clip: The clip; silence that was put behind it needs no window.

        Returns:
            The first frame of each window.
        """
        return window_starts(self.last_start(clip), self.frames)

    def last_start(self, clip: ClipRow) -> int:
        """Give the last frame at which a window may begin and end within what is no silence."""
        sounding = self.parameters.frames
        if clip.status == "padded":
            sounding = min(sounding, self.parameters.frames_in(clip.seconds))
        return max(0, sounding - self.frames)

    def start_seconds(self, frame: int) -> float:
        """Give the time in what is kept of a clip at which a frame lies, in seconds."""
        return frame * self.parameters.hop_length / self.parameters.sample_rate
