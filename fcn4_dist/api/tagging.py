"""Tags of songs, in this process: it keeps the network, and on Ascend its card."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from fcn4_dist.api.naming import Network, Place, path_of
from fcn4_dist.config.forms import shown
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.tag import find_songs, in_order
from fcn4_dist.processes import usable_cores
from fcn4_dist.tagging import SongTags, Tagger, UnreadSong, load_network, parse_class_names
from fcn4_dist.terminal import Progress, warn
from fcn4_dist.text import count
from fcn4_dist.versions import check_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Model:
    """A trained network, ready for songs; where a model is asked for, it stands for its file.

    Args:
        model: A :class:`~fcn4_dist.Run`, the folder of one, a checkpoint, a folder of them (its
            best one, or else its last), or an ONNX file that ``export`` wrote, which needs no
            MindSpore.
        class_names: For a checkpoint that does not name its classes, what ``tag --class_names``
            takes: "gtzan" or "magnatagatune" for the ModelZoo's, or the names with commas between.
        device_target: "Ascend", "CPU", or "" for an Ascend card where there is one; ONNX files run
            on the CPU.
        device_id: The card.

    Attributes:
        path: The file it comes from.
        class_names: Names of the tags, in the order of the scores.

    Raises:
        InputError: If there is none, or it cannot be used here.
    """

    def __init__(
        self,
        model: Network,
        *,
        class_names: str = "",
        device_target: str = "",
        device_id: int = 0,
    ) -> None:
        self._network = load_network(
            path_of(model, "model"),
            class_names=parse_class_names(class_names),
            device_target=device_target,
            device_id=device_id,
        )
        self.path = self._network.path
        self.class_names = self._network.description.class_names

    @overload
    def tag(self, songs: Place) -> SongTags: ...  # type: ignore[overload-overlap]
    @overload
    def tag(self, songs: Iterable[Place]) -> list[SongTags]: ...
    def tag(self, songs: Place | Iterable[Place]) -> SongTags | list[SongTags]:
        """Tag songs, as :func:`fcn4_dist.tag` does."""
        tagger = Tagger(self._network)
        if isinstance(songs, Iterable) and not isinstance(songs, str | bytes):
            return _tag_all(tagger, find_songs([path_of(place, "songs") for place in songs]))
        song = path_of(songs, "songs")
        if song.is_dir():
            raise InputError(
                f"{song} is a folder: put it into a list for the tags of all its songs"
            )
        return tagger.tag(song)

    def taggram(self, song: Place, hop_seconds: float | None = None) -> "Taggram":
        """Tell which tag is heard when, as :func:`fcn4_dist.taggram` does."""
        if not isinstance(hop_seconds, Real | None):
            raise InputError(f"hop_seconds must be a number, got {shown(hop_seconds)}")
        tagger = Tagger(self._network, hop_seconds)
        return Taggram(*tagger.taggram(path_of(song, "song")))

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<Model {self.path}: {', '.join(self.class_names)}>"


@dataclass(frozen=True, repr=False)
class Taggram:
    """Which tag is heard when in a song; a notebook shows the picture.

    Attributes:
        song: The tags of the song as a whole, and more about it.
        decibels: Its log-mel spectrogram, float32 of shape (n_mels, frames).
    """

    song: SongTags
    decibels: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Seconds at which each window begins, (windows,)."""
        return self.song.starts

    @property
    def scores(self) -> np.ndarray:
        """Scores from 0 to 1 of each window and tag, (windows, tags)."""
        return self.song.window_scores

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the tags, in the order of the scores."""
        return self.song.class_names

    def plot(self, top_n: int = 5) -> "Figure":
        """Draw the tags over time under the spectrogram.

        Args:
            top_n: How many tags: those of the highest scores.

        Returns:
            The picture; its ``savefig`` writes a file.
        """
        check_extra("report")
        from fcn4_dist.reports.taggram_picture import draw_taggram

        return draw_taggram(self.song, self.decibels, top_n)

    def save_html(self, path: Place, top_n: int = 5) -> Path:
        """Write a page that plays the song and shows its tags over time; it needs nothing else.

        Args:
            path: The file.
            top_n: How many tags: those of the highest scores.

        Returns:
            The file.
        """
        check_extra("report")
        from fcn4_dist.reports.taggram_page import write_taggram_page

        page = path_of(path, "path")
        write_taggram_page(page, self.song, self.decibels, top_n)
        return page

    def _repr_png_(self) -> bytes | None:
        if find_spec("matplotlib") is None:
            return None
        from fcn4_dist.reports.taggram_picture import taggram_png

        return taggram_png(self.song, self.decibels, top_n=5)

    def __repr__(self) -> str:
        return f"<Taggram of {self.song.path}: {count(len(self.times), 'window')}>"


@overload
def tag(  # type: ignore[overload-overlap]
    songs: Place, model: "Network | Model"
) -> SongTags: ...
@overload
def tag(songs: Iterable[Place], model: "Network | Model") -> list[SongTags]: ...
def tag(songs: Place | Iterable[Place], model: "Network | Model") -> SongTags | list[SongTags]:
    """Tag a song, or several.

    Args:
        songs: An audio file of any length and any format librosa reads; or a list of files and
            folders of them, which other processes decode meanwhile.
        model: As of :class:`Model`, or one that is loaded, which saves the time to load it.

    Returns:
        The tags of the song; of a list those of each song, without songs that cannot be decoded,
        of which a warning says why.

    Raises:
        InputError: If the only song, or the model, cannot be used.

    Examples:
        >>> song = fcn4_dist.tag("music/rain/1-17367-A.ogg", "fcn4.onnx")
        >>> song
        <SongTags of music/rain/1-17367-A.ogg: rain 0.7..., dog_bark ..., rooster ...>
        >>> song.top(1)
        [('rain', 0.7...)]
        >>> song.scores.shape
        (3,)
        >>> len(fcn4_dist.tag(["music/rain/", "music/rooster/"], "fcn4.onnx"))
        14
    """
    return load(model).tag(songs)


def taggram(song: Place, model: "Network | Model", hop_seconds: float | None = None) -> Taggram:
    """Tell which tag is heard when in a song.

    Args:
        song: An audio file of any length.
        model: As of :func:`tag`.
        hop_seconds: From a window's beginning to the next one's, at most the length of a window;
            None for that.

    Raises:
        InputError: If the song, the model or the number cannot be used.

    Examples:
        >>> over_time = fcn4_dist.taggram("music/rain/1-17367-A.ogg", "fcn4.onnx", hop_seconds=0.1)
        >>> over_time.times
        array([0.   , 0.064, 0.136, 0.2  ])
        >>> over_time.scores.shape, over_time.class_names
        ((4, 3), ('dog_bark', 'rain', 'rooster'))
        >>> over_time.save_html("rain.html")
        PosixPath('rain.html')
    """
    return load(model).taggram(song, hop_seconds)


def top_tags(
    song: Place, model: "Network | Model", top_n: int = 5, class_names: str = ""
) -> list[tuple[str, float]]:
    """Give the tags of a song that have the highest scores.

    Args:
        song: An audio file of any length.
        model: As of :func:`tag`.
        top_n: How many tags to give.
        class_names: As of :class:`Model`.

    Returns:
        Tags and their scores (0 to 1, the mean over the song), the highest first.

    Raises:
        InputError: If the song or the model cannot be used.

    Examples:
        >>> fcn4_dist.top_tags("music/rain/1-17367-A.ogg", "fcn4.onnx", top_n=1)
        [('rain', ...)]
    """
    return load(model, class_names=class_names).tag(song).top(top_n)


def load(
    model: "Network | Model",
    *,
    class_names: str = "",
    device_target: str = "",
    device_id: int = 0,
) -> Model:
    """Load a network, once for many songs.

    Args:
        model: As of :class:`Model`; one that is loaded is given back.
        class_names: As of :class:`Model`.
        device_target: Likewise.
        device_id: Likewise.

    Raises:
        InputError: If there is none, or it cannot be used here.

    Examples:
        >>> model = fcn4_dist.load("fcn4.onnx")
        >>> model.class_names
        ('dog_bark', 'rain', 'rooster')
        >>> model.tag("music/rooster/1-26806-A.ogg").top(1)
        [('rooster', 0.6...)]
    """
    if isinstance(model, Model):
        return model
    return Model(model, class_names=class_names, device_target=device_target, device_id=device_id)


def _tag_all(tagger: Tagger, paths: list[Path]) -> list[SongTags]:
    tagged = []
    with Progress("tagging", len(paths), "songs") as progress:
        for result in in_order(tagger.tag_all(paths, min(usable_cores(), len(paths)))):
            if isinstance(result, UnreadSong):
                warn(f"no tags of {result.path}: it {result.reason}")
            else:
                tagged.append(result)
            progress.advance()
    return tagged
