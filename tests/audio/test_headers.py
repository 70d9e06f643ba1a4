"""How long a file says that it is, by its head alone."""

import os
from pathlib import Path

import pytest

from fcn4_dist.audio.headers import seconds_of


def test_a_real_clip_says_how_long_it_is(real_clip: Path) -> None:
    assert seconds_of(real_clip) == pytest.approx(1.5, abs=0.05)


def test_a_broken_mp3_has_no_length_and_its_decoder_is_not_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "099134.mp3"
    file.write_bytes(b"\xff\xfb\x90\x00" + bytes(1700))
    assert seconds_of(file) == 0
    os.write(2, b"what follows is\n")
    assert capfd.readouterr().err == "what follows is\n"
