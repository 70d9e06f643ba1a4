"""A song as every browser plays it."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from fcn4_dist.audio import UndecodableClipError, load_waveform
from fcn4_dist.errors import InputError

_FORMAT = "MP3"
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_COMMON_RATE = 44100
_FRAMES_AT_ONCE = 1 << 18


def playable_audio(path: Path) -> bytes:
    """Give a song as MP3.

    Args:
        path: Any file the package decodes. One that is MP3 is taken as it is.

    Raises:
        InputError: If it cannot be decoded, or libsndfile cannot write MP3 here.
    """
    try:
        file = soundfile.SoundFile(os.fsencode(path))
    except (soundfile.LibsndfileError, TypeError):
        return _decoded_otherwise(path)
    with file:
        if file.format == _FORMAT:
            return path.read_bytes()
        blocks = file.blocks(_FRAMES_AT_ONCE, dtype="float32", always_2d=True)
        if file.channels > 2:
            blocks = (block.mean(axis=1, keepdims=True) for block in blocks)
        return _encoded(blocks, file.samplerate, file.channels if file.channels <= 2 else 1, path)


def _decoded_otherwise(path: Path) -> bytes:
    try:
        waveform = load_waveform(path, _COMMON_RATE)
    except UndecodableClipError as error:
        raise InputError(f"{path} {error}") from error
    return _encoded(iter([waveform[:, np.newaxis]]), _COMMON_RATE, 1, path)


def _encoded(blocks: Iterator[np.ndarray], rate: int, channels: int, path: Path) -> bytes:
    if _FORMAT not in soundfile.available_formats():
        raise InputError(
            f"{path} cannot be made an MP3, which the page would play: this libsndfile "
            f"({soundfile.__libsndfile_version__}) does not write it; install 1.1 or later, or "
            "give the song as MP3"
        )
    rate_of_file = rate if rate in _RATES else _COMMON_RATE
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", rate_of_file, channels, format=_FORMAT) as file:
        for block in _resampled(blocks, rate, rate_of_file, channels):
            file.write(block)
    return content.getvalue()


def _resampled(
    blocks: Iterator[np.ndarray], rate: int, rate_of_file: int, channels: int
) -> Iterator[np.ndarray]:
    if rate == rate_of_file:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, rate_of_file, channels, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros((0, channels), dtype=np.float32), last=True)
