"""FMA: clips and songs of the Free Music Archive, with its split by artists.

Defferrard, Benzi, Vandergheynst, Bresson, "FMA: A Dataset for Music Analysis", ISMIR 2017.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.collection import About, Clip, Collection, Dataset, PublishedScore
from fcn4_dist.clips.fma_tables import ROLES, SUBSETS, Track, read_genres, read_tracks
from fcn4_dist.clips.folder import unicode_text
from fcn4_dist.clips.published import (
    find_audio,
    find_below,
    find_root,
    held_against_published,
    unnamed_audio,
)
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

_TITLE = "FMA"
_TABLES = "fma_metadata"
_TRACKS = f"{_TABLES}/tracks.csv"
_PUBLISHED = {
    "small": (6400, 800, 800),
    "medium": (19922, 2505, 2573),
    "large": (84353, 10958, 11263),
    "full": (84353, 10958, 11263),
}
"""Clips for training, validation and test in each subset, by the authors' analysis.ipynb."""

# Their lengths in the archives of 30 s clips, which were cut where the metadata had the middle of
# the song: https://github.com/mdeff/fma/issues/8 and the page of known issues that it led to.
_CUT_TO_SECONDS = {
    **dict.fromkeys((1486, 5574, 65753, 80391, 98558, 98559, 98560, 98571, 99134, 105247), 0.0),
    **dict.fromkeys((108925, 126981, 127336, 133297, 143992), 0.0),
    **{98565: 1.6, 98566: 6.2, 98567: 0.5, 98568: 6.6, 98569: 1.5, 108924: 27.4},
}
_SHORTEST_SECONDS = 2.0


def read_fma(settings: Settings) -> Collection:
    """Read a subset of FMA from its tables, without a look into the audio.

    Args:
        settings: They name the folder that the archives were unpacked to, or that of one subset
            with the tables beside it; ``subset``, the largest one there if it is ""; and
            ``tag_list``: ``genre_top``, one genre for each clip, or ``genres_all``, with all above.

    Returns:
        The collection, with the roles of the published split; clips of an artist are a group.

    Raises:
        InputError: If tables or audio are not found, or a table is not in its published form.
    """
    audio_path = Path(settings.audio_path)
    tables = _find_tables(audio_path) or _named_tables(settings)
    file = tables / "tracks.csv"
    audio, findings = _find_audio(settings, tables)
    titles = read_genres(tables / "genres.csv") if settings.tag_list == "genres_all" else {}
    everything = read_tracks(file)
    tracks = [track for track in everything if _order(track.subset) <= _order(audio.subset)]
    cut = {} if audio.held_by == "full" else _CUT_TO_SECONDS
    files, moved = find_audio(audio.folder, [track.file for track in everything])
    beginning = unicode_text(audio.folder.relative_to(audio_path) / "_")[:-1]
    clips = [
        Clip(
            beginning + track.file,
            files[track.file],
            track.labels(titles),
            ROLES[track.split],
            track.artist,
            line=track.line,
        )
        for track in tracks
        if cut.get(track.number, _SHORTEST_SECONDS) >= _SHORTEST_SECONDS
    ]
    labelled = [clip for clip in clips if clip.labels]
    genres = {name for clip in labelled for name in clip.labels}
    return Collection(
        tuple(name for name in titles.values() if name in genres) or tuple(sorted(genres)),
        tuple(labelled),
        (
            *findings,
            *moved,
            *(_unknown_genres(file, tracks, titles) if titles else []),
            *remarks_about(
                f"{file} has tracks without a genre of the tag list",
                [clip.place for clip in clips if not clip.labels],
                "they are left out",
                Level.NOTE,
            ),
            *_known_to_be_cut(audio.folder, [track for track in tracks if track.number in cut]),
            *held_against_published(
                Counter(track.split for track in tracks),
                dict(zip(ROLES, _PUBLISHED[audio.subset], strict=True)),
                f"FMA's subset {audio.subset}",
                file,
            ),
            *unnamed_audio(audio.folder, audio_path, set(files.values()), str(file)),
        ),
    )


def is_fma(path: Path) -> bool:
    """Say whether a folder holds FMA, or is one of its folders of audio, by names."""
    return os.path.isdir(path) and _find_tables(path) is not None


def _find_tables(audio_path: Path) -> Path | None:
    """Find the folder of the tables below audio_path, or beside it if that holds one subset."""
    if root := find_below(audio_path, _TRACKS):
        return root / _TABLES
    beside = Path(os.path.abspath(audio_path)).parent / _TABLES
    is_beside = _holds_clips(audio_path) and os.path.isfile(beside / "tracks.csv")
    return beside if is_beside else None


def _named_tables(settings: Settings) -> Path:
    named = Path(settings.info_path)
    if os.path.isfile(named / "tracks.csv"):
        return named
    return find_root(settings, _TRACKS, _TITLE) / _TABLES


def _holds_clips(folder: Path) -> bool:
    return any(os.path.isdir(folder / name) for name in ("000", "001"))


@dataclass(frozen=True)
class _Audio:
    """The subset to read, the one whose archive holds it, and the folder of that."""

    subset: str
    held_by: str
    folder: Path


def _find_audio(settings: Settings, tables: Path) -> tuple[_Audio, list[Finding]]:
    audio_path, wanted = Path(settings.audio_path), settings.subset
    there = _folders_of_subsets(audio_path)
    if not there and _holds_clips(audio_path):
        there = {wanted: audio_path}
    elif not there and wanted:
        # Shards can be written where the audio is not; else it is said to be missing.
        root = tables.parent if tables.is_relative_to(audio_path) else audio_path
        there = {wanted: root / f"fma_{wanted}"}
    if "" in there:
        raise InputError(
            f"audio_path {audio_path} is not called like a subset of FMA: say which one it is with "
            f"--subset ({', '.join(SUBSETS)})"
        )
    fitting = [name for name in there if not wanted or _order(name) >= _order(wanted)]
    if not fitting:
        names = f"fma_{wanted}" if wanted else ", ".join(f"fma_{name}" for name in SUBSETS)
        raise InputError(
            f"audio_path {audio_path} holds no folder of FMA's audio ({names}): unpack the archive "
            "there, or name the folder that holds it with --audio_path; where the audio is not at "
            "hand, say with --subset what there are features of"
        )
    held_by = fitting[0] if wanted else fitting[-1]
    audio = _Audio(wanted or held_by, held_by, there[held_by])
    findings = []
    if not wanted and len(fitting) > 1:
        sentence = f"{audio_path} holds several subsets of FMA: {', '.join(fitting)}"
        sentence += f"; {held_by} is read, --subset names another"
        findings.append(Finding(Level.WARNING, sentence))
    if audio.subset != held_by:
        sentence = f"the clips of FMA's subset {wanted} are taken from {audio.folder}"
        findings.append(Finding(Level.NOTE, sentence))
    return audio, findings


def _folders_of_subsets(audio_path: Path) -> dict[str, Path]:
    """Give the folders of audio by their subsets, from the smallest one to the largest."""
    there = {}
    for subset in SUBSETS:
        name = f"fma_{subset}"
        if Path(os.path.abspath(audio_path)).name == name and _holds_clips(audio_path):
            there[subset] = audio_path
        elif root := find_below(audio_path, name):
            # Kaggle's copies have a folder within a folder of the same name.
            nested = root / name / name
            there[subset] = nested if os.path.isdir(nested) else root / name
    return there


def _order(subset: str) -> int:
    return SUBSETS.index(subset)


def _unknown_genres(
    path: Path, tracks: Iterable[Track], titles: Mapping[int, str]
) -> list[Finding]:
    return errors_about(
        f"{path} names genres that genres.csv does not",
        [
            f"{genre} in line {track.line}"
            for track in tracks
            for genre in track.genres
            if genre not in titles
        ],
        "get both files again",
    )


def _known_to_be_cut(folder: Path, tracks: Iterable[Track]) -> list[Finding]:
    lengths = {track.file: _CUT_TO_SECONDS[track.number] for track in tracks}
    short = [file for file, seconds in lengths.items() if seconds < _SHORTEST_SECONDS]
    others = [f"{file} ({lengths[file]} s)" for file in lengths if file not in short]
    return [
        *remarks_about(
            f"{folder} has clips that are known to be empty, or cut to less than "
            f"{_SHORTEST_SECONDS:g} s",
            short,
            "they are left out",
            Level.NOTE,
        ),
        *remarks_about(
            f"{folder} has other clips that are known to be cut",
            others,
            "they are padded, as any short clip is",
            Level.NOTE,
        ),
    ]


FMA = Dataset(
    name="fma",
    title="FMA, the Free Music Archive",
    on_disk="`fma_small/000/000002.mp3` … and so on in one or more of `fma_small`, `fma_medium`, "
    "`fma_large`, `fma_full`, and `fma_metadata/tracks.csv` beside them; `--subset` names one; the "
    "classes are the top genres, or with `--tag_list genres_all` all genres of `genres.csv`",
    read=read_fma,
    metadata=_TRACKS,
    published_split="`set/split` of `tracks.csv`, by artists: 80, 10 and 10 %",
    published_by_default=True,
    random_costs="cannot be compared with published scores, though artists stay on one side",
    group_is="artists",
    subsets=SUBSETS,
    tag_lists=("genre_top", "genres_all"),
    about=About(
        licence="each song has the Creative Commons licence that its artist chose; the tables are "
        "CC BY 4.0",
        where="<https://github.com/mdeff/fma>: `fma_metadata.zip` (342 MiB), and `fma_small.zip` "
        "(7.2 GiB), `fma_medium.zip` (22 GiB), `fma_large.zip` (93 GiB) or `fma_full.zip` (whole "
        "songs, 879 GiB), unpacked side by side",
        clips="8000 clips of 30 s, 8 genres (`small`); 25 000, 16 genres (`medium`); 106 574, 16 "
        "top genres, 161 in all (`large`, `full`)",
        unpacked="fma",
        leave_out="`fma_metadata/features.csv`, `echonest.csv` and `raw_*.csv`",
        defects="21 clips of the archives of 30 s clips were cut at the wrong place "
        "([issue 8](https://github.com/mdeff/fma/issues/8)): 18 of them (6 of `small`) are empty "
        "or shorter than 2 s and are left out, 3 are padded. Of `large`, users list some 150 more "
        "that librosa does not decode; what does not is skipped with its reason. Half of "
        "`large` and `full` has no top genre, some no genre at all: it is left out of that "
        "tag list",
        published=(
            PublishedScore(
                "SVM on statistics of MFCC, spectral contrast and centroid, `medium`",
                "accuracy 0.634 (16 genres)",
                "[baselines.ipynb](https://github.com/mdeff/fma/blob/outputs/baselines.ipynb)",
            ),
            PublishedScore(
                "SVM on statistics of MFCC, `small`",
                "accuracy 0.464 (8 genres)",
                "[usage.ipynb](https://github.com/mdeff/fma/blob/outputs/usage.ipynb)",
            ),
        ),
        modelzoo="AUC 0.910 on the published split of `small`, a text that is also in another of "
        "its READMEs",
    ),
    recognises=is_fma,
)
