"""The command tag: songs in, tags out."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fcn4_dist.clips.folder import AUDIO_SUFFIXES
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.files import (
    PAGE_BEGINNING,
    PICTURE_BEGINNING,
    check_replaceable,
    check_writable,
)
from fcn4_dist.log import stdout_is_data
from fcn4_dist.processes import usable_cores
from fcn4_dist.tagging import CLIP_TIMEOUT, MOST_COLUMNS, Network, SongTags, Tagger, UnreadSong
from fcn4_dist.terminal import Progress, clock, put, put_json, say, say_result, table, warn
from fcn4_dist.text import count, csv_line
from fcn4_dist.versions import check_extra

_DIGITS = 6


@dataclass(frozen=True)
class TagRequest:
    """What to tell of songs, and how.

    Attributes:
        songs: Audio files, and folders of them.
        top_n: How many tags of a song to show.
        output: "text", "json" or "csv".
        plot: PNG file to draw the tags of one song over time; None for none.
        html: HTML file to show them with the music; None for none.
        hop_seconds: From a window's beginning to the next one's; None for the length of a window.
        batch_size: Windows the network gets at once; None for what is best for it.
        processes: Processes that decode; 0 for one a core.
        clip_timeout: Seconds until there must be something new of a song that is decoded.
    """

    songs: Sequence[Path]
    top_n: int = 5
    output: str = "text"
    plot: Path | None = None
    html: Path | None = None
    hop_seconds: float | None = None
    batch_size: int | None = None
    processes: int = 0
    clip_timeout: float = CLIP_TIMEOUT


def tag(request: TagRequest, load: Callable[[], Network]) -> int:
    """Tag songs.

    Args:
        request: Which, and what to tell of them.
        load: Gives the network; called when the request has been found to make sense.

    Returns:
        The exit code: 0 if at least one song has tags, else 1.

    Raises:
        InputError: If the request cannot be met; also if its only song cannot be decoded.
    """
    paths = find_songs(request.songs)
    _check(request, paths)
    with nullcontext() if request.output == "text" else stdout_is_data():
        network = load()
        tagger = Tagger(
            network, request.hop_seconds, request.batch_size, clip_timeout=request.clip_timeout
        )
        say(f"tags by {network.path}")
        if request.output == "csv":
            put(csv_line(["path", "seconds", *network.description.class_names]))
        if len(paths) == 1:
            _tag_one(tagger, paths[0], request)
            return 0
        tagged = _tag_all(tagger, paths, request)
        say(f"{tagged} of {count(len(paths), 'song')} have tags")
    return 0 if tagged else Fcn4DistError.exit_code


def find_songs(places: Sequence[Path]) -> list[Path]:
    """List audio files that are named, and those in folders that are.

    Raises:
        InputError: If there is no such file or folder, or no audio file in it.
    """
    songs: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(
                Path(folder) / name
                for folder, _, names in os.walk(place)
                for name in names
                if Path(name).suffix.lower() in AUDIO_SUFFIXES
            )
            if not inside:
                raise InputError(
                    f"there is no audio file ({', '.join(sorted(AUDIO_SUFFIXES))}) in {place}: "
                    "name the files themselves if they have other endings"
                )
            songs += inside
        elif place.exists():
            songs.append(place)
        else:
            raise InputError(f"there is no file or folder {place}")
    return songs


def in_order(
    results: Iterator[tuple[int, SongTags | UnreadSong]],
) -> Iterator[SongTags | UnreadSong]:
    """Give results in the order of the songs; those that are early wait."""
    early: dict[int, SongTags | UnreadSong] = {}
    awaited = 0
    for number, result in results:
        early[number] = result
        while awaited in early:
            yield early.pop(awaited)
            awaited += 1


def _check(request: TagRequest, paths: Sequence[Path]) -> None:
    for flag, file, beginning in (
        ("plot", request.plot, PICTURE_BEGINNING),
        ("html", request.html, PAGE_BEGINNING),
    ):
        if file is None:
            continue
        if len(paths) != 1:
            raise InputError(f"--{flag} shows one song, and {len(paths)} are named: name one")
        if file.exists() and file.samefile(paths[0]):
            raise InputError(f"--{flag} {file} is the song itself: name another file")
        check_writable(file.parent, flag)
        check_replaceable(file, f"--{flag}", beginning)
    if request.plot and request.html and request.plot.resolve() == request.html.resolve():
        raise InputError(f"--plot and --html both name {request.html}: name two files")
    if request.plot or request.html:
        check_extra("report")
    if request.top_n < 1:
        raise InputError(f"--top_n must be at least 1, got {request.top_n}")
    if request.processes < 0:
        raise InputError(f"--processes must be at least 0, got {request.processes}")
    if not request.clip_timeout > 0:
        raise InputError(f"--clip_timeout must be above 0 s, got {request.clip_timeout:g}")


def _tag_one(tagger: Tagger, path: Path, request: TagRequest) -> None:
    columns = MOST_COLUMNS if request.plot or request.html else 0
    tags, spectrogram = tagger.taggram(path, columns, apart=True)
    _tell(tags, request)
    if request.plot is not None:
        from fcn4_dist.reports.taggram_picture import write_taggram

        write_taggram(request.plot, tags, spectrogram, request.top_n)
        say_result(f"tags over time: {request.plot}")
    if request.html is not None:
        from fcn4_dist.reports.taggram_page import write_taggram_page

        write_taggram_page(request.html, tags, spectrogram, request.top_n)
        say_result(f"tags over time, with the music: {request.html}")


def _tag_all(tagger: Tagger, paths: Sequence[Path], request: TagRequest) -> int:
    """Tell of several songs, and count those that have tags."""
    tagged = 0
    # Where standard output is data, progress has the terminal only if it is a bar.
    visible = request.output == "text" or sys.stderr.isatty()
    with Progress("tagging", len(paths), "songs", visible=visible) as progress:
        processes = min(request.processes or usable_cores(), len(paths))
        for result in in_order(tagger.tag_all(paths, processes)):
            progress.count()
            if isinstance(result, UnreadSong):
                warn(f"no tags of {result.path}: it {result.reason}")
                if request.output == "json":
                    put_json({"path": str(result.path), "error": result.reason})
            else:
                tagged += 1
                _tell(result, request)
            progress.show()
    return tagged


def _tell(tags: SongTags, request: TagRequest) -> None:
    windows, silent = len(tags.starts), tags.silent_windows
    remarks = ", ".join(tags.remarks)
    if silent == windows:
        level = f"{tags.level_dbfs:.1f} dBFS at its loudest"
        why = ", ".join(filter(None, [level, remarks]))
        warn(f"{tags.path} is silent ({why}): its tags are of nothing to be heard")
    elif remarks:
        warn(f"{tags.path}: {remarks}; its tags are of what was decoded")
    if request.output == "text":
        rows = [[name, f"{score:.3f}"] for name, score in tags.top(request.top_n)]
        some = f", {silent} of {count(windows, 'window')} silent" if silent else ""
        say_result(f"{tags.path} ({clock(tags.seconds)}{some})")
        say_result(table([["tag", "score"], *rows]))
        say_result("")
    elif request.output == "json":
        put_json(_content(tags, request.top_n))
    else:
        put(_csv(tags))


def _content(tags: SongTags, top_n: int) -> dict[str, Any]:
    return {
        "path": str(tags.path),
        "seconds": round(tags.seconds, 3),
        "top": [name for name, _ in tags.top(top_n)],
        "level_dbfs": tags.level_dbfs,
        "scores": dict(zip(tags.class_names, tags.scores.round(_DIGITS).tolist(), strict=True)),
        "windows": {
            "seconds": tags.window_seconds,
            "starts": tags.starts.round(3).tolist(),
            "level_dbfs": tags.levels.tolist(),
            "scores": tags.window_scores.round(_DIGITS).tolist(),
        },
    }


def _csv(tags: SongTags) -> str:
    scores = [f"{score:.{_DIGITS}f}" for score in tags.scores]
    return csv_line([str(tags.path), f"{tags.seconds:.3f}", *scores])
