"""What the ten genres play: tempo, harmony, drum patterns and parts, as tables.

A pattern is one bar of four beats, cut into as many equal steps as it has symbols, so 12 steps
shuffle and 16 do not. In a drum pattern ``x`` is a stroke, ``o`` a soft one, ``?`` a soft one
half of the time. In the pattern of a part ``C`` is the whole chord, a digit the chord's tone of
that number counted upwards from its root (0), ``w`` a half step beside the next bar's root, ``m``
a step of a wandering melody, and ``-`` holds the note before. In both ``.`` is a rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
_BLUES = (0, 3, 5, 6, 7, 10)
_PENTATONIC = (0, 2, 4, 7, 9)
_PHRYGIAN = (0, 1, 3, 5, 7, 8, 10)

_DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}


@dataclass(frozen=True)
class Part:
    """What one player of a band does; of several timbres or patterns each clip has one.

    Attributes:
        timbres: Names of instruments in ``TIMBRES``.
        lowest: MIDI number of the lowest root; whole chords lie in the octave above it.
        patterns: Patterns as described above.
        level: Typical level in the mix, relative to the other parts.
        drive: Gain into the amplifier's distortion, 0 for none.
        presence: How likely the player is there.
    """

    timbres: tuple[str, ...]
    lowest: int
    patterns: tuple[str, ...]
    level: float
    drive: float = 0.0
    presence: float = 1.0


@dataclass(frozen=True)
class Genre:
    """What makes a genre; of several progressions or grooves each clip has one.

    Attributes:
        tempo: Slowest and fastest, in beats per minute.
        scale: Of the melodies, in semitones above the key note.
        progressions: Chords, one a bar, in the form that :func:`chords_of` reads.
        grooves: The pattern of each drum by its name in ``DRUMS``.
        parts: The players.
    """

    tempo: tuple[float, float]
    scale: tuple[int, ...]
    progressions: tuple[str, ...]
    grooves: tuple[Mapping[str, str], ...]
    parts: tuple[Part, ...]


def chords_of(progression: str) -> list[tuple[int, ...]]:
    """Spell the chords of a progression such as ``"ii7 V7 Imaj7 bVII"``.

    Args:
        progression: Roman numerals, capitals for a major third, ``b`` for a flattened root, with
            nothing (a triad), ``5`` (no third), ``7`` or ``maj7`` behind.

    Returns:
        The tones of each chord from its root upwards, in semitones above the key note.
    """
    chords = []
    for word in progression.split():
        numeral = word.strip("bmaj57")
        flat, kind = word.split(numeral)
        root = _DEGREES[numeral.lower()] - len(flat)
        third = 4 if numeral.isupper() else 3
        tones = {"": (third, 7), "5": (7,), "7": (third, 7, 10), "maj7": (third, 7, 11)}[kind]
        chords.append((root, *(root + tone for tone in tones)))
    return chords


STYLES: Mapping[str, Genre] = {
    "blues": Genre(
        (66, 126),
        _BLUES,
        (
            "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
            "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 I7",
            "i7 i7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",
        ),
        (
            {"kick": "x.....x....o", "snare": "...x.....x..", "closed_hat": "x.ox.ox.ox.o"},
            {"kick": "x..o..x..o..", "snare": "...x..?..x.?", "ride": "x.xx.xx.xx.x"},
        ),
        (
            Part(("electric_bass", "upright_bass"), 31, ("0..1..2..3..", "0.00.02.23.2"), 0.8),
            Part(("piano", "clean_guitar", "organ"), 55, ("C..C.CC..C.C", "..C..C..C..C"), 0.3),
            Part(("clean_guitar",), 43, ("C.CC.CC.CC.C", "C-.C-.C-.C-."), 0.3, 1.5, 0.7),
            Part(("harmonica", "saxophone"), 60, ("m-.m.mm-----", "..mm-mm-m..."), 0.4, 1.5, 0.9),
        ),
    ),
    "classical": Genre(
        (56, 132),
        _MAJOR,
        ("I V vi iii IV I IV V", "i iv V7 i", "I vi ii V7", "i bVI iv V"),
        ({},),
        (
            Part(("piano", "flute", "acoustic_guitar"), 55, ("01232123", "02130213" * 2), 0.5),
            Part(("strings",), 52, ("C", "C-C-", "C--C"), 0.3, presence=0.9),
            Part(("strings", "fiddle"), 36, ("0", "0-2-", "0-12"), 0.45, presence=0.8),
            Part(("fiddle", "flute", "piano"), 67, ("m-m-m-mm", "m---m-m-"), 0.35, presence=0.8),
        ),
    ),
    "country": Genre(
        (84, 150),
        _PENTATONIC,
        ("I I IV IV V V I I", "I IV I V", "I vi IV V", "I V I I IV I V I"),
        (
            {"kick": "x.x.", "brush": "o?x?o?x?", "rim": ".x.x"},
            {"kick": "x.x.", "brush": "oox?ooxooox?ooxo"},
        ),
        (
            Part(("upright_bass", "electric_bass"), 31, ("0.2.", "0.2.0.2w"), 0.8),
            Part(("acoustic_guitar",), 48, ("0.C.2.C.", "0.CC2.CC", "0...C.C.2...C.CC"), 0.5),
            Part(("piano", "clean_guitar"), 55, (".C.C", "..C...C."), 0.25, presence=0.5),
            Part(("fiddle", "steel_guitar"), 64, ("m-mmm-m-", "m---mm--"), 0.4, presence=0.9),
        ),
    ),
    "disco": Genre(
        (106, 134),
        _MINOR,
        ("i bVII bVI V", "i7 iv7 bVII bIII", "vi7 ii7 V7 Imaj7", "i7 i7 iv7 iv7"),
        (
            {"kick": "xxxx", "clap": ".x.x", "open_hat": ".x.x.x.x"},
            {"kick": "xxxx", "snare": ".x.x", "open_hat": ".x.x.x.x", "closed_hat": "xo.o" * 4},
        ),
        (
            Part(("electric_bass", "picked_bass"), 31, ("03030303", "0.30.303"), 0.8),
            Part(("clean_guitar",), 55, ("..C...CC..C..CC.", "C.CC.CC.C.CC.CCC"), 0.35),
            Part(("strings", "synth_lead"), 64, ("C-------......mm", "m--m--m-", "C"), 0.3),
            Part(("electric_piano", "piano"), 55, ("C..C..C.", ".C.C"), 0.3, presence=0.6),
        ),
    ),
    "hiphop": Genre(
        (72, 108),
        _MINOR,
        ("i i bVI bVI", "i iv", "i7 i7 iv7 iv7", "i bVI bIII bVII"),
        (
            {"deep_kick": "x......x..x.....", "clap": "..x.", "closed_hat": "x?x?x?xxx?x?x?x?"},
            {"deep_kick": "x.....x...?.....", "snare": "..x.", "closed_hat": "xxxxxxxx"},
        ),
        (
            Part(("sub_bass",), 28, ("0------0--0-----", "0--0------2--.0."), 1.0),
            Part(
                ("electric_piano", "piano", "strings"), 55, ("C-----..C-......", "01213121"), 0.35
            ),
            Part(("synth_lead", "flute"), 64, ("m..m..m.....m...", "..m-..mm"), 0.2, presence=0.5),
        ),
    ),
    "jazz": Genre(
        (92, 190),
        _MAJOR,
        ("ii7 V7 Imaj7 VI7", "Imaj7 vi7 ii7 V7", "i7 iv7 bVII7 bIIImaj7"),
        (
            {"ride": "x..x.ox..x.o", "closed_hat": ".x.x", "snare": "..?..?..?..?"},
            {"ride": "x..x.xx..x.x", "closed_hat": ".o.o", "kick": "o?o?", "rim": ".....?.....?"},
        ),
        (
            Part(("upright_bass",), 29, ("012w", "021w", "0123"), 0.9),
            Part(
                ("piano", "clean_guitar"), 53, ("C-...C......", "..C...C-....", "...C....C-.."), 0.4
            ),
            Part(("saxophone", "brass"), 60, ("m.mm.mm.mm-.", "..mm.mm-----"), 0.4, presence=0.9),
        ),
    ),
    "metal": Genre(
        (96, 184),
        _PHRYGIAN,
        ("i5 i5 bII5 i5", "i5 bVI5 bVII5 i5", "i5 bIII5 bII5 bVII5"),
        (
            {"kick": "x" * 16, "snare": ".x.x", "crash": "x..."},
            {"kick": "x.xxx.xxx.xxx.xx", "snare": ".x.x", "crash": "x.x."},
        ),
        (
            Part(("picked_bass",), 28, ("00000000", "0" * 16), 0.6, 3.0),
            Part(("overdriven_guitar",), 38, ("C" * 16, "C.CCC.CCC.CCC.CC", "C--C--C-"), 0.7, 20.0),
            Part(("overdriven_guitar",), 64, ("m" * 16, "m---m-m-"), 0.35, 6.0, presence=0.4),
        ),
    ),
    "pop": Genre(
        (92, 132),
        _MAJOR,
        ("I V vi IV", "vi IV I V", "IV I V vi"),
        (
            {"kick": "x..x..x.", "clap": ".x.x", "closed_hat": "xxxxxxxx"},
            {"kick": "x.x.", "snare": ".x.x", "closed_hat": "xoxoxoxo"},
        ),
        (
            Part(("electric_bass", "sub_bass"), 33, ("00000000", "0--0--0-"), 0.7),
            Part(("pad",), 55, ("C", "C-C-"), 0.4),
            Part(("synth_lead", "acoustic_guitar"), 60, ("01210121", "0.12.10.2.12.10."), 0.3),
            Part(("synth_lead", "flute"), 67, ("m-mmm---", "mm-m-m-m"), 0.3, presence=0.8),
        ),
    ),
    "reggae": Genre(
        (66, 100),
        _MINOR,
        ("i iv", "I V", "I IV V IV", "i bVII"),
        (
            {"kick": "..x.", "rim": "..x.", "closed_hat": "xoxoxoxo"},
            {"kick": "..x.", "snare": "..x.", "closed_hat": "x?xox?xox?xox?xo"},
        ),
        (
            Part(("electric_bass", "sub_bass"), 29, ("0--.1.2-..0.....", "..0-1-0-2---...."), 1.0),
            Part(("clean_guitar", "piano"), 57, ("....C.......C...", "..C...C...C...C."), 0.5),
            Part(("organ",), 57, ("..C.C.C...C.C.C.", "..C...C...C...C."), 0.3, presence=0.7),
            Part(("brass", "harmonica"), 64, ("m-m---..", "..m-mm--"), 0.25, presence=0.5),
        ),
    ),
    "rock": Genre(
        (96, 160),
        _BLUES,
        ("I5 bVII5 IV5 I5", "I IV V IV", "i5 bVI5 bVII5 i5", "I V IV IV"),
        (
            {"kick": "x...x.x.", "snare": ".x.x", "closed_hat": "xxxxxxxx"},
            {"kick": "x..xx...", "snare": ".x.x", "open_hat": "xxxx"},
        ),
        (
            Part(("picked_bass", "electric_bass"), 31, ("00000000", "0.00.002"), 0.7),
            Part(("overdriven_guitar",), 47, ("C.CC.CC.", "C---C-C-", "C-.C-.C-"), 0.45, 1.2),
            Part(("organ", "acoustic_guitar"), 55, ("C", "CCCCCCCC"), 0.25, presence=0.4),
            Part(("overdriven_guitar",), 60, ("m---mm-.", "..m-m-mm"), 0.35, 2.0, presence=0.6),
        ),
    ),
}
"""The genres by name."""

GENRES = tuple(sorted(STYLES))
"""Names of the genres, sorted; a genre's number is its place here."""
