"""An exported network, run by onnxruntime."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.tagging.model_description import ModelDescription, Network
from fcn4_dist.versions import check_extra

DESCRIPTION_KEY = "fcn4_dist"
"""Key of the description in the file's metadata."""


class OnnxNetwork(Network):
    """A network in an ONNX file that ``export`` wrote. MindSpore is not needed.

    Args:
        path: The file.

    Raises:
        InputError: If onnxruntime is not installed, or the file is none that ``export`` wrote.
    """

    windows_at_once = 1

    def __init__(self, path: Path) -> None:
        check_extra("onnx")
        import onnxruntime

        if not path.is_file():
            raise InputError(f"there is no model {path}: 'fcn4-dist export' writes one")
        options = onnxruntime.SessionOptions()
        # Its warnings are about the file's age, which is MindSpore's doing; its errors are raised,
        # and it prints them with whatever the file has put into them.
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:
            # Its errors have no class of their own.
            reason = _first_line(error)
            raise InputError(f"{path} cannot be read as an ONNX model: {reason}") from error
        if DESCRIPTION_KEY not in metadata:
            raise InputError(
                f"{path} does not say what it was trained on: 'fcn4-dist export --file_format "
                "ONNX' writes models that do"
            )
        description = ModelDescription.from_json(metadata[DESCRIPTION_KEY], str(path))
        if not description.mel_filters and find_spec("librosa") is None:
            raise InputError(
                f"{path} does not hold its mel filters, since an earlier version exported it, and "
                "librosa, which makes them, is not installed in this Python: export the "
                "checkpoint again, or pip install librosa"
            )
        super().__init__(description, path)
        shape, classes = list(self.description.input_shape), len(self.description.class_names)
        takes = [(each.name, each.shape[1:]) for each in self._session.get_inputs()]
        gives = [(each.name, each.shape[1:]) for each in self._session.get_outputs()]
        if takes != [("features", shape)] or ("logits", [classes]) not in gives:
            raise InputError(
                f"the description in {path} does not fit the model (it says windows of {shape} and "
                f"{classes} classes): export the checkpoint again"
            )

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Compute the logits of some windows."""
        try:
            return self._session.run(["logits"], {"features": windows})[0]
        except Exception as error:
            # A file may hold operators that cannot be computed.
            raise Fcn4DistError(f"{self.path} cannot be computed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
