"""A song as every browser plays it."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from fcn4_dist.audio import UndecodableClipError, open_audio, resample_blocks
from fcn4_dist.errors import InputError

_FORMAT = "MP3"
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_COMMON_RATE = 44100
_COMPRESSION = 0.65
"""128 kbit/s at 44.1 kHz."""
_FRAMES_AT_ONCE = 1 << 18


def playable_audio(path: Path) -> bytes:
    """Give a song as MP3.

    Also one that is MP3: where its bit rate changes, browsers only guess where a second begins.

    Args:
        path: Any file the package decodes.

    Raises:
        InputError: If it cannot be decoded, or libsndfile cannot write MP3 here.
    """
    if _FORMAT not in soundfile.available_formats():
        raise InputError(
            f"{path} cannot be made an MP3, which the page would play: this libsndfile "
            f"({soundfile.__libsndfile_version__}) does not write it; install 1.1 or later"
        )
    try:
        with open_audio(path) as song:
            blocks = song.blocks(_FRAMES_AT_ONCE)
            channels = song.channels
            if channels > 2:
                channels = 1
                blocks = (block.mean(axis=1, keepdims=True) for block in blocks)
            return _encoded(blocks, song.rate, channels)
    except UndecodableClipError as error:
        raise InputError(f"{path} {error}") from error


def _encoded(blocks: Iterator[np.ndarray], rate: int, channels: int) -> bytes:
    rate_of_file = rate if rate in _RATES else _COMMON_RATE
    content = io.BytesIO()
    with soundfile.SoundFile(
        content,
        "w",
        rate_of_file,
        channels,
        format=_FORMAT,
        bitrate_mode="CONSTANT",
        compression_level=_COMPRESSION,
    ) as file:
        for block in resample_blocks(blocks, rate, rate_of_file, channels):
            file.write(block)
    return content.getvalue()
