"""The sounds of the made-up music: notes of pitched instruments and strokes of drums."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]
"""Mono samples of shape (n,)."""

SAMPLE_RATE = 22050
"""Of all made sound, in Hz."""

_TABLE_SIZE = 2048
_MOST_PARTIALS = 40
_DARK_PARTIALS = 3
_VIBRATO_HZ = 5.5
_SWEEP_SECONDS = 0.02


@dataclass(frozen=True)
class Timbre:
    """How a pitched instrument sounds.

    Attributes:
        rolloff: Partial k has amplitude k ** -rolloff.
        even: Gain of the even partials: 0 sounds hollow, like a square wave.
        attack: Seconds a note takes to rise.
        decay: Seconds in which its lowest partials fall to 1/e.
        bright_decay: The same for the partials above those.
        release: Seconds a note sounds on after its written length.
        vibrato: Largest excursion of the phase, in periods.
        detune_cents: Distance between the two voices of an ensemble; 0 for a single voice.
    """

    rolloff: float
    even: float
    attack: float
    decay: float
    bright_decay: float
    release: float = 0.05
    vibrato: float = 0.0
    detune_cents: float = 0.0


@dataclass(frozen=True)
class Drum:
    """How a drum or cymbal sounds: a falling sine and a burst of filtered noise.

    Attributes:
        tone_hz: Frequency the sine falls to.
        sweep: How many times higher than that it begins.
        tone_decay: Seconds in which the sine falls to 1/e.
        noise_band: Lower and upper edge of the noise, in Hz.
        noise_decay: Seconds in which the noise falls to 1/e.
        noise: Share of the noise in the sound, 0 to 1.
    """

    tone_hz: float
    sweep: float
    tone_decay: float
    noise_band: tuple[float, float]
    noise_decay: float
    noise: float


@dataclass(frozen=True)
class Instrument:
    """A pitched instrument that remembers its notes, so that each is rendered only once.

    Attributes:
        timbre: How it sounds.
        tuning: How far it is from concert pitch, in semitones.
    """

    timbre: Timbre
    tuning: float
    _notes: dict[tuple[int, float], Signal] = field(default_factory=dict, init=False, repr=False)

    def note(self, pitch: int, seconds: float) -> Signal:
        """Play one note.

        Args:
            pitch: MIDI note number.
            seconds: Written length; the sound is longer by the release.
        """
        key = (pitch, seconds)
        if key not in self._notes:
            frequency = 440.0 * 2 ** ((pitch + self.tuning - 69) / 12)
            self._notes[key] = _render_note(self.timbre, frequency, seconds)
        return self._notes[key]


def vary(timbre: Timbre, rng: np.random.Generator) -> Timbre:
    """Make another instrument of the same kind: no two pianos are alike."""
    rolloff, attack, decay = rng.uniform([0.85, 0.7, 0.7], [1.15, 1.4, 1.4])
    return replace(
        timbre,
        rolloff=timbre.rolloff * rolloff,
        attack=timbre.attack * attack,
        decay=timbre.decay * decay,
        bright_decay=timbre.bright_decay * decay,
    )


def strike(drum: Drum, rng: np.random.Generator) -> Signal:
    """Render a stroke of a drum that is tuned and damped a little differently each time.

    Args:
        drum: What to strike.
        rng: Gives the noise and the differences.

    Returns:
        The sound until it has died away, with a peak of 1.
    """
    pitch, damping, noise_share = rng.uniform([0.85, 0.75, 0.8], [1.18, 1.3, 1.0])
    noise_share *= drum.noise
    tone_decay, noise_decay = drum.tone_decay * damping, drum.noise_decay * damping
    time = _times(5 * max(tone_decay, noise_decay))
    # The phase is the integral of the falling frequency.
    glide = (drum.sweep - 1) * _SWEEP_SECONDS * (1 - np.exp(time / -_SWEEP_SECONDS))
    tone = np.sin(2 * np.pi * drum.tone_hz * pitch * (time + glide)) * np.exp(time / -tone_decay)
    noise = band_pass(rng.standard_normal(len(time)), *drum.noise_band)
    noise *= np.exp(time / -noise_decay)
    noise *= noise_share / np.abs(noise).max()
    sound = (1 - noise_share) * tone + noise
    scaled: Signal = (sound / np.abs(sound).max()).astype(np.float32)
    return scaled


def band_pass(
    signal: NDArray[np.floating[Any]], low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """Weaken what lies outside a band, by 6 dB an octave.

    Args:
        signal: Samples of shape (n,).
        low_hz: Lower edge of the band.
        high_hz: Upper edge; both edges are moved below Nyquist if need be.
    """
    # A second to import, which no other command of this package need wait for.
    from scipy.signal import butter, sosfilt

    high = min(high_hz, 0.45 * SAMPLE_RATE)
    low = min(low_hz, 0.5 * high)
    sections = butter(1, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    filtered: NDArray[np.float64] = sosfilt(sections, signal)
    return filtered


def _render_note(timbre: Timbre, frequency: float, seconds: float) -> Signal:
    time = _times(seconds + timbre.release)
    dark, bright = _wave_tables(timbre, frequency)
    dark_envelope = np.exp(time / -timbre.decay)
    bright_envelope = np.exp(time / -timbre.bright_decay)
    sound = np.zeros_like(time)
    for voice in (-0.5, 0.5) if timbre.detune_cents else (0.0,):
        phase = time * (frequency * 2 ** (voice * timbre.detune_cents / 1200))
        if timbre.vibrato:
            phase += timbre.vibrato * np.sin(time * (2 * np.pi * _VIBRATO_HZ))
        position = (phase * _TABLE_SIZE).astype(np.int32) % _TABLE_SIZE
        sound += dark[position] * dark_envelope + bright[position] * bright_envelope
    ramps = np.minimum(time / timbre.attack, (time[-1] - time) / timbre.release)
    sound *= np.minimum(ramps, 1.0)
    return sound.astype(np.float32)


def _wave_tables(timbre: Timbre, frequency: float) -> tuple[Signal, Signal]:
    """Make one period each of the low and the high partials, none of them above Nyquist."""
    count = int(np.clip(0.45 * SAMPLE_RATE / frequency, 1, _MOST_PARTIALS))
    partials = np.arange(1, count + 1)
    amplitudes = partials**-timbre.rolloff
    amplitudes[1::2] *= timbre.even
    spectrum = np.zeros((2, _TABLE_SIZE // 2 + 1), dtype=complex)
    row = (partials > _DARK_PARTIALS).astype(int)
    spectrum[row, partials] = -1j * amplitudes / np.linalg.norm(amplitudes)
    dark, bright = np.fft.irfft(spectrum, _TABLE_SIZE, norm="forward").astype(np.float32)
    return dark, bright


def _times(seconds: float) -> NDArray[np.float64]:
    return np.arange(max(2, round(seconds * SAMPLE_RATE))) / SAMPLE_RATE


TIMBRES = {
    "acoustic_guitar": Timbre(1.0, 0.8, 0.003, 0.5, 0.15),
    "brass": Timbre(0.8, 1.0, 0.04, 9.0, 2.0, 0.08, vibrato=0.02),
    "clean_guitar": Timbre(1.2, 0.5, 0.003, 0.8, 0.25),
    "electric_bass": Timbre(1.3, 0.9, 0.006, 0.8, 0.2),
    "electric_piano": Timbre(2.2, 0.4, 0.004, 1.1, 0.3, 0.1),
    "fiddle": Timbre(0.8, 0.9, 0.05, 9.0, 9.0, 0.08, vibrato=0.05),
    "flute": Timbre(2.4, 0.5, 0.06, 9.0, 9.0, 0.08, vibrato=0.03),
    "harmonica": Timbre(0.6, 1.0, 0.03, 9.0, 9.0, 0.06, vibrato=0.02, detune_cents=8.0),
    "organ": Timbre(1.4, 0.4, 0.008, 9.0, 9.0, 0.03, detune_cents=3.0),
    "overdriven_guitar": Timbre(0.9, 0.9, 0.004, 2.5, 1.2, 0.04, detune_cents=6.0),
    "pad": Timbre(1.3, 0.8, 0.25, 9.0, 9.0, 0.4, detune_cents=16.0),
    "piano": Timbre(1.5, 0.9, 0.003, 0.9, 0.2, 0.12),
    "picked_bass": Timbre(0.9, 0.9, 0.003, 0.7, 0.3),
    "saxophone": Timbre(1.0, 0.6, 0.03, 9.0, 2.0, 0.06, vibrato=0.03),
    "steel_guitar": Timbre(1.1, 0.9, 0.06, 2.0, 0.8, 0.15, vibrato=0.06),
    "strings": Timbre(1.1, 0.9, 0.12, 9.0, 9.0, 0.2, detune_cents=12.0),
    "sub_bass": Timbre(3.5, 0.3, 0.012, 2.0, 0.3, 0.08),
    "synth_lead": Timbre(0.8, 0.3, 0.01, 3.0, 0.6, 0.06, detune_cents=10.0),
    "upright_bass": Timbre(2.0, 0.8, 0.012, 0.45, 0.08, 0.08),
}
"""Pitched instruments by name."""

DRUMS = {
    "brush": Drum(190.0, 1.2, 0.04, (1500.0, 7000.0), 0.07, 0.85),
    "clap": Drum(400.0, 1.0, 0.01, (900.0, 3500.0), 0.10, 0.95),
    "closed_hat": Drum(3000.0, 1.0, 0.01, (6500.0, 10500.0), 0.03, 1.0),
    "crash": Drum(2500.0, 1.0, 0.10, (2500.0, 10500.0), 0.60, 0.95),
    "deep_kick": Drum(45.0, 3.0, 0.28, (30.0, 400.0), 0.01, 0.1),
    "kick": Drum(58.0, 3.0, 0.12, (500.0, 4000.0), 0.008, 0.2),
    "open_hat": Drum(3000.0, 1.0, 0.01, (5500.0, 10500.0), 0.16, 1.0),
    "ride": Drum(3400.0, 1.0, 0.25, (4500.0, 10000.0), 0.22, 0.85),
    "rim": Drum(820.0, 1.3, 0.02, (1500.0, 5000.0), 0.015, 0.4),
    "snare": Drum(185.0, 1.5, 0.09, (800.0, 8000.0), 0.12, 0.6),
}
"""Drums and cymbals by name."""
