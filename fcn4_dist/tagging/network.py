"""Networks that give a window's logits, whatever runs them."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from fcn4_dist.tagging.model_description import ModelDescription


class Network(ABC):
    """A trained network.

    Attributes:
        description: What has to be known of it.
        path: The file it comes from.
    """

    def __init__(self, description: ModelDescription, path: Path) -> None:
        self.description = description
        self.path = path

    @abstractmethod
    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Compute the logits of some windows.

        Args:
            windows: float32 decibels of shape (windows, 1, n_mels, frames).

        Returns:
            float32 of shape (windows, classes); a sigmoid makes them scores.
        """
