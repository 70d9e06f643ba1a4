"""The tables of FMA: which track is of which subset, set, artist and genres."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fcn4_dist.clips.checks import errors_about
from fcn4_dist.clips.published import read_table
from fcn4_dist.clips.rows import iter_rows
from fcn4_dist.errors import InputError
from fcn4_dist.findings import refuse_errors
from fcn4_dist.text import count

SUBSETS = ("small", "medium", "large", "full")
"""Each lies within the next; the last two are the same songs, cut and whole."""

ROLES = {"training": "train", "validation": "val", "test": "test"}
"""What the tables call the sets, and what they are for."""

_HEADER_LINES = 3
_COLUMNS = (
    *("track_id", "set/split", "set/subset"),
    *("artist/id", "track/genre_top", "track/genres_all"),
)
_TRACK_ID = re.compile(r"0*([1-9][0-9]{0,5})(?:\.0*)?")
_ID_LIST = re.compile(r"\[\s*(?:[0-9]+\s*(?:,\s*[0-9]+\s*)*)?\]")


@dataclass(frozen=True)
class Track:
    """A row of ``tracks.csv``, as far as it is used.

    Attributes:
        line: At which it begins.
        number: Of the track, which its file is called by.
        split: Its set, one of ``ROLES``.
        subset: The smallest one it is in, one of ``SUBSETS``.
        artist: Id of the artist.
        top: Title of its top genre; "" if its genres are below several.
        genres: Ids of its genres, with those above them.
    """

    line: int
    number: int
    split: str
    subset: str
    artist: str
    top: str
    genres: tuple[int, ...]

    @property
    def file(self) -> str:
        """Path of its audio below the folder of a subset."""
        name = f"{self.number:06}"
        return f"{name[:3]}/{name}.mp3"

    def labels(self, titles: Mapping[int, str]) -> tuple[str, ...]:
        """Give the titles of all its genres, or its top genre where no titles are given."""
        if titles:
            return tuple(titles[genre] for genre in self.genres if genre in titles)
        return (self.top,) if self.top else ()


def read_tracks(path: Path) -> list[Track]:
    """Read ``tracks.csv``: of its columns those that are used, as the others are long texts.

    Raises:
        InputError: If it is missing, or is not in its published form.
    """
    rows = iter_rows(path, ",", "get the file again", prose=True)
    header = [fields for _, fields in islice(rows, _HEADER_LINES)]
    # Of the three lines, the last one names the first column, and the others name the rest.
    names = ["/".join(filter(None, map(str.strip, cells))) for cells in zip(*header, strict=False)]
    refuse_errors(
        errors_about(
            f"{path} lacks columns in its header of {_HEADER_LINES} lines",
            [name for name in _COLUMNS if name not in names],
            "get the file again as it was published",
        )
    )
    places = [names.index(name) for name in _COLUMNS]
    tracks, wrong = [], []
    for line, fields in rows:
        if len(fields) != len(names):
            wrong.append(f"{count(len(fields), 'field')} in line {line}")
            continue
        track, problem = _track_of(line, [fields[place].strip() for place in places])
        tracks.append(track)
        if problem:
            wrong.append(f"{problem} in line {line}")
    refuse_errors(
        errors_about(
            f"{path} has rows that are not as FMA's are, with its {len(names)} columns",
            wrong,
            "get the file again as it was published",
        )
    )
    if not tracks:
        raise InputError(f"{path} holds no row below its header: get the file again")
    return tracks


def _track_of(line: int, cells: Sequence[str]) -> tuple[Track, str]:
    """Give a track, and what is wrong with its cells; "" if nothing is."""
    track_id, split, subset, artist, top, all_genres = cells
    number, genres = _TRACK_ID.fullmatch(track_id), read_id_list(all_genres)
    wrong = {
        "track_id": number is None,
        "set/split": split not in ROLES,
        "set/subset": subset not in SUBSETS,
        "track/genres_all": genres is None,
    }
    problems = [
        f"{cell!r} for {name}"
        for name, cell in zip(_COLUMNS, cells, strict=True)
        if wrong.get(name)
    ]
    track = Track(line, int(number[1]) if number else 0, split, subset, artist, top, genres or ())
    return track, " and ".join(problems)


def read_genres(path: Path) -> dict[int, str]:
    """Read ``genres.csv``: the titles of the genres by their ids, in the order of the ids.

    Raises:
        InputError: If it is missing, or is not in its published form.
    """
    rows = read_table(path, ",", ("genre_id", "title"))
    ids, titles = Counter(row["genre_id"] for row in rows), Counter(row["title"] for row in rows)
    wrong = [
        row.place
        for row in rows
        if not (re.fullmatch("[0-9]{1,9}", row["genre_id"]) and row["title"])
        or ids[row["genre_id"]] + titles[row["title"]] > 2
    ]
    refuse_errors(
        errors_about(
            f"{path} has rows without an id and a title of their own", wrong, "get the file again"
        )
    )
    return dict(sorted((int(row["genre_id"]), row["title"]) for row in rows))


def read_id_list(text: str) -> tuple[int, ...] | None:
    """Read a list of ids as Python writes it; None if it is none.

    Args:
        text: Like "[17, 10]"; blanks do not count.
    """
    if not _ID_LIST.fullmatch(text.strip()):
        return None
    numbers = re.findall("[0-9]+", text)
    return tuple(map(int, numbers)) if all(len(each) < 10 for each in numbers) else None
