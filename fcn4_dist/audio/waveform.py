"""From an audio file to a mono waveform."""

import warnings
from pathlib import Path

import librosa
import numpy as np


class UndecodableClipError(Exception):
    """A clip that gives no usable waveform; the message is the reason."""


def load_waveform(path: Path, sample_rate: int) -> np.ndarray:
    """Decode an audio file, mix it to mono and resample it.

    Args:
        path: Any file that libsndfile or an installed audioread back end decodes.
        sample_rate: Rate to resample to (soxr, high quality), in Hz.

    Returns:
        float32 samples of shape (n,), n >= 1, all finite.

    Raises:
        UndecodableClipError: If the file cannot be decoded, is empty, or holds NaN or infinity.
    """
    try:
        with warnings.catch_warnings():
            # librosa announces its fall-back decoder as deprecated, once a clip.
            warnings.simplefilter("ignore")
            waveform, _ = librosa.load(path, sr=sample_rate, mono=True)
    except Exception as error:
        # Decoders raise whatever they like on broken files (LibsndfileError, NoBackendError,
        # EOFError, RuntimeError …); no kind of broken clip may end a run of thousands.
        raise UndecodableClipError(_reason(error)) from error
    if waveform.size == 0:
        raise UndecodableClipError("holds no samples")
    if not np.isfinite(waveform).all():
        raise UndecodableClipError("holds samples that are NaN or infinite")
    return waveform


def _reason(error: BaseException) -> str:
    # NoBackendError has no text of its own: what libsndfile said before is the reason.
    while not str(error) and error.__context__ is not None:
        error = error.__context__
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
