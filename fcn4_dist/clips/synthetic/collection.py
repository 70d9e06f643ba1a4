"""Clips of made-up music, and a folder full of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile

from fcn4_dist.clips.collection import Dataset
from fcn4_dist.clips.folder import read_folder
from fcn4_dist.clips.synthetic.genres import GENRES, STYLES, Genre, Part, chords_of
from fcn4_dist.clips.synthetic.instruments import (
    DRUMS,
    SAMPLE_RATE,
    TIMBRES,
    Instrument,
    Signal,
    band_pass,
    strike,
    vary,
)
from fcn4_dist.files import write_atomically

_BEATS_PER_BAR = 4
_STROKES = {"x": 1.0, "o": 0.45, "?": 0.35}
_DRUM_LEVEL = 1.4

_Item = TypeVar("_Item")


SYNTHETIC = Dataset(
    name="synthetic",
    title="made-up music of ten genres",
    on_disk="what `fcn4-dist synth` makes",
    read=read_folder,
    how_to_get="run fcn4-dist synth to make it, or name the folder it was told",
    class_names=GENRES,
)


def write_collection(
    folder: Path, clips_per_class: int, seconds: float, seed: int
) -> Iterator[Path]:
    """Write clips of every genre as ``<folder>/<genre>/<genre>.00000.wav`` and so on.

    The files are 16-bit mono WAV, each one whole or not there, and the same bytes for the same
    arguments.

    Args:
        folder: Folder of the collection; made if missing.
        clips_per_class: Number of clips of each genre.
        seconds: Length of each clip.
        seed: Seed of the collection, >= 0.

    Yields:
        The path of each file that has been written.
    """
    for genre in GENRES:
        for index in range(clips_per_class):
            clip = render_clip(genre, seconds, seed, index)
            path = folder / genre / f"{genre}.{index:05d}.wav"
            with write_atomically(path) as file:
                samples = np.round(clip * 32767).astype(np.int16)
                soundfile.write(file, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
            yield path


def render_clip(genre: str, seconds: float, seed: int, index: int) -> Signal:
    """Make up one clip. The same arguments give the same samples.

    Args:
        genre: One of ``GENRES``.
        seconds: Length of the clip. A longer clip need not begin like a shorter one.
        seed: Seed of the collection, >= 0.
        index: Number of the clip within its genre, >= 0.

    Returns:
        float32 mono samples in [-1, 1], ``round(seconds * SAMPLE_RATE)`` of them.
    """
    rng = np.random.default_rng([seed, GENRES.index(genre), index])
    style = STYLES[genre]
    take = _Take(style, seconds, rng)
    mix = _play_drums(_pick(style.grooves, rng), take)
    for part in style.parts:
        if rng.random() < part.presence:
            mix += _play_part(part, take)
    return _record(mix, rng)


class _Take:
    """What the players of one clip have agreed on, and the clip's randomness."""

    def __init__(self, style: Genre, seconds: float, rng: np.random.Generator) -> None:
        self.length = round(seconds * SAMPLE_RATE)
        self.bar_seconds = 60 * _BEATS_PER_BAR / rng.uniform(*style.tempo)
        # When the first bar begins, in seconds: 0 or before.
        self.start = -rng.uniform(0, self.bar_seconds)
        progression = chords_of(_pick(style.progressions, rng))
        first = int(rng.integers(len(progression)))
        self.looseness = rng.uniform(0.0, 0.008)
        self.key = int(rng.integers(12))
        self.tuning = rng.uniform(-0.3, 0.3)
        self.scale, self.rng = style.scale, rng
        self.bars = range(int(np.ceil((seconds - self.start) / self.bar_seconds)))
        # One more than bars, for the lines that lead to it.
        bars_and_next = range(len(self.bars) + 1)
        self.chords = [progression[(first + bar) % len(progression)] for bar in bars_and_next]

    def silence(self) -> Signal:
        return np.zeros(self.length, dtype=np.float32)

    def place(self, track: Signal, sound: Signal, bar: float, gain: float) -> None:
        """Add a sound to a track, at nearly this time (in bars) and loudness."""
        seconds = self.start + bar * self.bar_seconds + self.rng.normal(0, self.looseness)
        first = round(seconds * SAMPLE_RATE)
        heard = sound[max(0, -first) : max(0, self.length - first)]
        first = max(0, first)
        track[first : first + len(heard)] += heard * np.float32(gain * self.rng.uniform(0.7, 1.0))


def _play_drums(groove: Mapping[str, str], take: _Take) -> Signal:
    track = take.silence()
    for name, pattern in groove.items():
        sound = strike(DRUMS[name], take.rng)
        level = _vary_level(_DRUM_LEVEL, take.rng)
        for bar in take.bars:
            for step, symbol in enumerate(pattern):
                if symbol == "." or (symbol == "?" and take.rng.random() < 0.5):
                    continue
                take.place(track, sound, bar + step / len(pattern), level * _STROKES[symbol])
    return track


def _play_part(part: Part, take: _Take) -> Signal:
    track, rng = take.silence(), take.rng
    timbre = vary(TIMBRES[_pick(part.timbres, rng)], rng)
    instrument = Instrument(timbre, take.tuning + rng.normal(0, 0.05))
    pattern = _pick(part.patterns, rng)
    highest_degree = len(take.scale) + 2
    degree = int(rng.integers(highest_degree))
    for bar in take.bars:
        for note in re.finditer("([^.-])-*", pattern):
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, highest_degree))
            seconds = take.bar_seconds * len(note[0]) / len(pattern)
            for pitch in _pitches(note[1], part.lowest, take, bar, degree):
                sound = instrument.note(pitch, seconds)
                take.place(track, sound, bar + note.start() / len(pattern), 1.0)
    if part.drive:
        track = np.tanh(np.float32(part.drive) * track)
    return track * np.float32(_vary_level(part.level, rng))


def _pitches(symbol: str, lowest: int, take: _Take, bar: int, degree: int) -> list[int]:
    """Find the MIDI notes that a symbol of a pattern stands for."""

    def above_lowest(semitones: int) -> int:
        return lowest + (take.key + semitones - lowest) % 12

    chord, next_chord = take.chords[bar : bar + 2]
    if symbol == "C":
        return [above_lowest(tone) for tone in chord]
    if symbol == "w":
        return [above_lowest(next_chord[0]) + int(take.rng.choice((-1, 1)))]
    if symbol == "m":
        octave, number = divmod(degree, len(take.scale))
        return [above_lowest(0) + 12 * octave + take.scale[number]]
    octave, number = divmod(int(symbol), len(chord))
    return [above_lowest(chord[0]) + 12 * octave + chord[number] - chord[0]]


def _record(mix: Signal, rng: np.random.Generator) -> Signal:
    """Put the band in some room, before some microphone, on a tape of some noise and level."""
    noise = rng.standard_normal(len(mix), dtype=np.float32)
    sound = mix + noise * np.float32(10 ** rng.uniform(-3.5, -2.0))
    wetness = rng.uniform(0.0, 0.4)
    for seconds in rng.uniform(0.008, 0.07, size=4):
        delay = max(1, round(seconds * SAMPLE_RATE))
        sound[delay:] += mix[:-delay] * np.float32(wetness * rng.uniform(0.4, 1.0))
    low, high = np.exp(rng.uniform(np.log([20.0, 3000.0]), np.log([100.0, 10000.0])))
    filtered = band_pass(sound, low, high)
    # Drawn alike for all genres, so that none is known by its loudness.
    loudness = 10 ** (rng.uniform(-34.0, -20.0) / 20)
    gain = min(loudness / np.sqrt(np.mean(filtered**2)), 1.0 / np.abs(filtered).max())
    filtered *= gain
    return filtered.astype(np.float32)


def _vary_level(level: float, rng: np.random.Generator) -> float:
    return level * 10 ** float(rng.uniform(-0.2, 0.2))


def _pick(options: Sequence[_Item], rng: np.random.Generator) -> _Item:
    return options[rng.integers(len(options))]
