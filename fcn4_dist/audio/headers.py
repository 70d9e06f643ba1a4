"""What the header of an audio file says, and whether it contradicts itself or its content."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import soundfile

from fcn4_dist.files import open_file

_SHOULD_BE = re.compile(r"^\s*(.+?)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)
_LAYOUT = re.compile(
    r"=> WAVE_FORMAT_(?:PCM|IEEE_FLOAT|EXTENSIBLE)\n\s+Channels\s+: (\d+)\n.*\n"
    r"\s+Block Align\s+: (\d+)\n\s+Bit Width\s+: (\d+)"
)
_UNKNOWN_BYTES = 0x7FFF0000
_SIZE_MATTERS = 0.01
_MARKS_OF_COUNTS = (b"Xing", b"Info", b"VBRI")
_COUNT_IS_WITHIN = 64
_FLAC_RATES = (0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000)
"""What a frame's code of its sample rate means (RFC 9639, 9.1.2); 0: as the header says."""


def seconds_of(path: Path) -> float:
    """Read how long the head of an audio file says that it is, in seconds; 0.0 if it does not."""
    try:
        with open_file(path) as file, _quiet_decoders():
            found = soundfile.info(file)
    except (OSError, RuntimeError, ValueError):
        return 0.0
    return float(found.duration)


@contextmanager
def _quiet_decoders() -> Iterator[None]:
    """Keep from the terminal what decoders write there of a broken file."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def log_contradicts(log: str) -> bool:
    """Find in what libsndfile tells of a header a field that another one, or the size, belies.

    Args:
        log: Its ``SFC_GET_LOG_INFO``.
    """
    layout = _LAYOUT.search(log)
    for field, says, should_say in _SHOULD_BE.findall(log):
        difference = abs(int(says) - int(should_say))
        if field == "Bytes/sec":
            # Of what is compressed, it is about right.
            if layout is not None and difference:
                return True
        # Who writes to a pipe does not know the size, and some count the header's own bytes.
        elif 0 < int(says) < _UNKNOWN_BYTES and difference > _SIZE_MATTERS * int(says):
            return True
    if layout is None:
        return False
    channels, block, bits = map(int, layout.groups())
    return channels * -(-bits // 8) != block


def flac_contradicts(path: Path, rate: int) -> bool:
    """Say whether the first frame of a FLAC file has another sample rate than its header.

    Args:
        path: The file; one that is none, or not as the RFC says, is not judged.
        rate: What the header says, in Hz.
    """
    with open_file(path) as file:
        if file.read(4) != b"fLaC":
            return False
        frame = _first_frame(file)
    code = frame[2] & 0xF if len(frame) == 3 and frame[0] == 0xFF and frame[1] >> 2 == 0x3E else 0
    return code in range(1, len(_FLAC_RATES)) and _FLAC_RATES[code] != rate


def mp3_is_counted(path: Path) -> bool:
    """Say whether an MP3 file tells how many samples it has, so that nobody has to estimate it.

    Args:
        path: The file.
    """
    with open_file(path) as file:
        head = file.read(10)
        # Titles and pictures are before the music (ID3v2); their size is in seven bits a byte.
        size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(head[6:10])))
        file.seek(len(head) + size if head[:3] == b"ID3" else 0)
        first_frame = file.read(_COUNT_IS_WITHIN)
    return any(mark in first_frame for mark in _MARKS_OF_COUNTS)


def _first_frame(file: BinaryIO) -> bytes:
    while len(head := file.read(4)) == 4:
        file.seek(int.from_bytes(head[1:], "big"), 1)
        if head[0] & 0x80:
            return file.read(3)
    return b""
