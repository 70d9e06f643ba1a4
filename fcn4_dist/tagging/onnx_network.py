"""An exported network, run by onnxruntime."""

from pathlib import Path

import numpy as np

from fcn4_dist.errors import InputError
from fcn4_dist.tagging.model_description import ModelDescription, Network

DESCRIPTION_KEY = "fcn4_dist"
"""Key of the description in the file's metadata."""


class OnnxNetwork(Network):
    """A network in an ONNX file that ``export`` wrote. MindSpore is not needed.

    Args:
        path: The file.

    Raises:
        InputError: If onnxruntime is not installed, or the file is none that ``export`` wrote.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError(
                "onnxruntime is not installed in this Python: pip install 'fcn4_dist[onnx]'"
            ) from error
        if not path.is_file():
            raise InputError(f"there is no model {path}: 'fcn4-dist export' writes one")
        options = onnxruntime.SessionOptions()
        # Its warnings are about the file's age, which is MindSpore's doing.
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            metadata = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:
            # Its errors have no class of their own.
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"{path} cannot be read as an ONNX model: {reason}") from error
        if DESCRIPTION_KEY not in metadata:
            raise InputError(
                f"{path} does not say what it was trained on: 'fcn4-dist export --file_format "
                "ONNX' writes models that do"
            )
        super().__init__(ModelDescription.from_json(metadata[DESCRIPTION_KEY], str(path)), path)
        shapes = [self._session.get_inputs()[0].shape[1:], self._session.get_outputs()[0].shape[1:]]
        described = [list(self.description.input_shape), [len(self.description.class_names)]]
        if shapes != described:
            raise InputError(
                f"the description in {path} does not fit the model (it says windows of "
                f"{described[0]} and {described[1][0]} classes): export the checkpoint again"
            )

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Compute the logits of some windows."""
        return self._session.run(["logits"], {"features": windows})[0]
