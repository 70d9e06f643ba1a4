"""The made-up music collection."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from fcn4_dist.clips.synthetic import GENRES, render_clip, write_collection
from fcn4_dist.clips.synthetic.genres import STYLES, Genre, Part, chords_of
from fcn4_dist.clips.synthetic.instruments import DRUMS, SAMPLE_RATE, TIMBRES, Instrument, strike

CLIPS_PER_CLASS = 14


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Clips of 6 s, shape (genres, clips, samples)."""
    return np.array(
        [
            [render_clip(genre, 6.0, 5, index) for index in range(CLIPS_PER_CLASS)]
            for genre in GENRES
        ]
    )


def test_the_genres_are_those_of_gtzan() -> None:
    names = "blues classical country disco hiphop jazz metal pop reggae rock"
    assert tuple(names.split()) == GENRES


@pytest.mark.parametrize("genre", GENRES)
def test_a_clip_depends_on_nothing_but_its_arguments(genre: str) -> None:
    first = render_clip(genre, 1.5, 3, 4)
    render_clip(GENRES[0], 0.5, 0, 0)
    np.random.seed(9)
    assert np.array_equal(first, render_clip(genre, 1.5, 3, 4))


def test_another_genre_seed_or_index_gives_another_clip() -> None:
    arguments = [("pop", 1.0, 3, 4), ("rock", 1.0, 3, 4), ("pop", 1.0, 4, 4), ("pop", 1.0, 3, 5)]
    heard = {render_clip(*each).tobytes() for each in arguments}
    assert len(heard) == len(arguments)


@pytest.mark.parametrize("seconds", [0.1, 1.00003, 3.7])
def test_every_clip_has_exactly_the_asked_length(seconds: float) -> None:
    for genre in GENRES:
        assert render_clip(genre, seconds, 1, 0).shape == (round(seconds * SAMPLE_RATE),)


def test_clips_are_finite_float32_within_full_scale_and_never_silent(clips: np.ndarray) -> None:
    assert clips.dtype == np.float32
    assert np.isfinite(clips).all()
    peaks = np.abs(clips).max(axis=-1)
    assert peaks.max() <= 1.0
    assert peaks.min() > 0.01


def test_no_second_of_a_clip_is_a_gap(clips: np.ndarray) -> None:
    seconds = clips.reshape(len(GENRES), CLIPS_PER_CLASS, 6, SAMPLE_RATE)
    loudness = np.sqrt((seconds**2).mean(axis=-1))
    assert (loudness.min(axis=-1) > 0.1 * loudness.max(axis=-1)).all()


def test_genres_cannot_be_told_by_loudness_alone(clips: np.ndarray) -> None:
    loudness = np.log(np.sqrt((clips**2).mean(axis=-1)))
    assert _accuracy(loudness.reshape(-1, 1)) < 0.2


def test_genres_cannot_be_told_by_brightness_alone(clips: np.ndarray) -> None:
    spectra = [np.abs(np.fft.rfft(clip)) for clip in _each(clips)]
    centroids = [np.average(np.arange(len(each)), weights=each) for each in spectra]
    assert _accuracy(np.log(centroids).reshape(-1, 1)) < 0.35


def test_genres_are_told_apart_by_timbre_and_rhythm(clips: np.ndarray) -> None:
    assert _accuracy(np.array([_timbre_and_rhythm(clip) for clip in _each(clips)])) > 0.7


def test_drum_strokes_come_at_the_tempo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STYLES, "pop", _genre_of(120, {"kick": "xxxx"}))
    for index in range(5):
        onsets = librosa.onset.onset_detect(y=render_clip("pop", 6.0, 0, index), units="time")
        assert len(onsets) >= 11
        assert np.diff(onsets) == pytest.approx(0.5, abs=0.06)


def test_a_chord_sounds_its_tones_in_some_key(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Part(("flute",), 60, ("C",), 1.0)
    monkeypatch.setitem(STYLES, "pop", _genre_of(60, {}, player))
    for index in range(5):
        clip = render_clip("pop", 6.0, 0, index)
        chroma = librosa.feature.chroma_cqt(y=clip, sr=SAMPLE_RATE).mean(axis=1)
        heard = set(np.argsort(chroma)[-3:])
        assert heard in [{key, (key + 4) % 12, (key + 7) % 12} for key in range(12)]


def test_a_lone_stroke_stays_within_full_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STYLES, "pop", _genre_of(60, {"rim": "x..."}))
    peaks = [np.abs(render_clip("pop", 4.0, 0, index)).max() for index in range(40)]
    assert max(peaks) <= 1.0


@pytest.mark.parametrize("name", sorted(DRUMS))
def test_a_stroke_dies_away_from_a_peak_of_one(name: str) -> None:
    sound = np.abs(strike(DRUMS[name], np.random.default_rng(0)))
    assert sound.max() == pytest.approx(1.0)
    assert sound[-len(sound) // 10 :].max() < 0.05


@pytest.mark.parametrize("genre", GENRES)
def test_the_tables_speak_of_known_sounds_and_symbols(genre: str) -> None:
    style = STYLES[genre]
    for groove in style.grooves:
        assert set(groove) <= set(DRUMS)
        assert set("".join(groove.values())) <= set("xo?.")
    for part in style.parts:
        assert set(part.timbres) <= set(TIMBRES)
        assert set("".join(part.patterns)) <= set("0123Cwm-.")
    for progression in style.progressions:
        assert len(chords_of(progression)) == len(progression.split())


def test_roman_numerals_spell_chords() -> None:
    assert chords_of("I ii7 bVII Imaj7 i5") == [
        (0, 4, 7),
        (2, 5, 9, 12),
        (10, 14, 17),
        (0, 4, 7, 11),
        (0, 7),
    ]


@pytest.mark.parametrize("name", sorted(TIMBRES))
@pytest.mark.parametrize(("pitch", "frequency"), [(45, 110.0), (69, 440.0), (76, 659.26)])
def test_an_instrument_plays_in_tune(name: str, pitch: int, frequency: float) -> None:
    note = Instrument(TIMBRES[name], 0.0).note(pitch, 1.0)
    spectrum = np.abs(np.fft.rfft(note * np.hanning(len(note))))
    harmonic = np.argmax(spectrum) * SAMPLE_RATE / len(note) / frequency
    assert harmonic == pytest.approx(max(1, round(harmonic)), rel=0.012)


def test_a_collection_has_a_folder_for_each_genre(tmp_path: Path) -> None:
    paths = list(write_collection(tmp_path / "audio", 2, 0.3, 1))
    expected = [
        tmp_path / "audio" / genre / f"{genre}.{index:05d}.wav"
        for genre in GENRES
        for index in range(2)
    ]
    assert paths == expected
    assert sorted(each for each in tmp_path.rglob("*") if each.is_file()) == expected


def test_files_are_16_bit_mono_wav_of_the_rendered_clip(tmp_path: Path) -> None:
    for path in write_collection(tmp_path, 1, 0.5, 1):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)
        samples, sample_rate = soundfile.read(path, dtype="float32")
        assert sample_rate == SAMPLE_RATE
        rendered = render_clip(path.parent.name, 0.5, 1, 0)
        np.testing.assert_allclose(samples, rendered, atol=1e-4)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again, other = (
        [path.read_bytes() for path in write_collection(tmp_path / name, 1, 0.5, seed)]
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert first == again
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_each_path_is_given_as_soon_as_its_file_is_there(tmp_path: Path) -> None:
    progress = write_collection(tmp_path, 1, 0.1, 1)
    assert not list(tmp_path.iterdir())
    first = next(progress)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [first]


def _genre_of(tempo: float, groove: dict[str, str], *parts: Part) -> Genre:
    return Genre((tempo, tempo), (0,), ("I",), (groove,), parts)


def _each(clips: np.ndarray) -> np.ndarray:
    return clips.reshape(-1, clips.shape[-1])


def _accuracy(features: np.ndarray) -> float:
    """Cross-validated share of clips whose genre is known from the features; chance is 0.1."""
    labels = np.repeat(np.arange(len(GENRES)), CLIPS_PER_CLASS)
    folds = StratifiedKFold(7, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), SVC(C=10.0))
    return float(cross_val_score(model, features, labels, cv=folds).mean())


def _timbre_and_rhythm(clip: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(y=clip, sr=SAMPLE_RATE, n_mels=64)
    decibels = librosa.power_to_db(mel)
    timbre = librosa.feature.mfcc(S=decibels, n_mfcc=20)
    onsets = np.maximum(0.0, np.diff(decibels, axis=1)).reshape(4, 16, -1).mean(axis=1)
    statistics = [summary(axis=1) for each in (timbre, onsets) for summary in (each.mean, each.std)]
    return np.concatenate(statistics)
