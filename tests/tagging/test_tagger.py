"""Tagging songs, one or thousands."""

import os
import signal
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.evaluation.scoring import score_clips
from fcn4_dist.records import read_manifest
from fcn4_dist.tagging import (
    Network,
    Song,
    SongEnd,
    SongReader,
    SongTags,
    SongWindows,
    Tagger,
    UnreadSong,
    load_network,
)
from fcn4_dist.tagging.checkpoint_network import CheckpointNetwork
from tests.tagging.test_song_reading import write_noise


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> Network:
    """The network of the checkpoint."""
    return load_network(checkpoint)


def test_a_clip_has_the_scores_that_evaluation_gives_it(
    network: CheckpointNetwork, windowed: Settings, real_clips: Path
) -> None:
    record_set = read_manifest(Path(windowed.mr_path)).record_set("val", Path(windowed.mr_path))
    scores = score_clips(network.cell, record_set, 1.3, 4, Ranks(0, 1))
    assert scores is not None and scores.windows is not None
    tagger = Tagger(network)
    for clip, expected in zip(record_set.clips, scores.clips.scores, strict=True):
        tags = tagger.tag(real_clips / clip.source)
        np.testing.assert_allclose(tags.scores, expected, rtol=1e-4)
        assert tags.class_names == network.description.class_names
        assert tags.window_scores.shape == (2, 3)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_songs_in_common_batches_have_the_scores_they_have_alone(
    network: Network, tmp_path: Path, batch_size: int
) -> None:
    lengths = (0.5, 6.0, 1.3, 20.0, 2.7)
    paths = [write_noise(tmp_path / f"{length}.wav", length) for length in lengths]
    tagger = Tagger(network, hop_seconds=0.9, batch_size=batch_size)
    together = dict(tagger.tag_all(paths, processes=2))
    assert sorted(together) == [0, 1, 2, 3, 4]
    for number, path in enumerate(paths):
        alone, tags = tagger.tag(path), together[number]
        assert isinstance(tags, SongTags) and tags.path == path
        np.testing.assert_array_equal(tags.starts, alone.starts)
        np.testing.assert_allclose(tags.window_scores, alone.window_scores, rtol=1e-4, atol=1e-9)


def test_what_cannot_be_decoded_is_passed_over_with_its_reason(
    network: Network, tmp_path: Path, real_clip: Path
) -> None:
    (tmp_path / "no.mp3").write_text("no music")
    (tmp_path / "folder.wav").mkdir()
    paths = [tmp_path / "no.mp3", real_clip, tmp_path / "gone.wav", tmp_path / "folder.wav"]
    results = dict(Tagger(network).tag_all(paths, processes=2))
    assert isinstance(results[1], SongTags)
    for number, reason in (
        (0, "cannot be decoded: Format not recognised."),
        (2, "cannot be read: No such file or directory"),
        (3, "cannot be read: Is a directory"),
    ):
        assert results[number] == UnreadSong(paths[number], reason)


def test_a_song_that_takes_too_long_costs_only_its_own_tags(
    network: Network, tmp_path: Path, real_clip: Path
) -> None:
    tagger = _TroubledTagger(network, clip_timeout=2)
    results = dict(tagger.tag_all([tmp_path / "hang", real_clip], processes=1))
    assert results[0] == UnreadSong(tmp_path / "hang", "takes longer than clip_timeout, 2 s")
    assert isinstance(results[1], SongTags)


def test_a_decoder_that_crashes_costs_only_its_own_song(
    network: Network, tmp_path: Path, real_clip: Path
) -> None:
    results = dict(_TroubledTagger(network).tag_all([tmp_path / "crash", real_clip], processes=1))
    assert isinstance(results[0], UnreadSong) and "crashes the decoder" in results[0].reason
    assert isinstance(results[1], SongTags)


class _TroubledTagger(Tagger):
    def __init__(self, network: Network, **options: float) -> None:
        super().__init__(network, **options)
        self.reader = _TroubledReader(network.description)


class _TroubledReader(SongReader):
    def read(
        self, path: Path, columns: int = 0
    ) -> Generator[Song | SongWindows | None, None, SongEnd]:
        if path.name == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if path.name == "hang":
            time.sleep(600)
        return super().read(path, columns)


@pytest.mark.parametrize("hop_seconds", [0.0, -1.0, 1e-12, 1.31, float("nan")])
def test_an_impossible_hop_is_refused(network: Network, hop_seconds: float) -> None:
    with pytest.raises(InputError, match=r"hop_seconds must be at least .*, a frame, and at most"):
        Tagger(network, hop_seconds)


def test_a_batch_of_nothing_and_no_time_are_refused(network: Network) -> None:
    with pytest.raises(InputError, match="batch_size must be at least 1"):
        Tagger(network, batch_size=0)
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="clip_timeout must be above 0 s, got"):
            Tagger(network, clip_timeout=seconds)


def test_a_song_that_cannot_be_decoded_is_an_error_of_its_own(
    network: Network, tmp_path: Path
) -> None:
    (tmp_path / "no.mp3").write_text("no music")
    tagger = Tagger(network)
    for tag in (tagger.tag, partial(tagger.taggram, apart=True)):
        with pytest.raises(InputError, match=r"no tags of .*no\.mp3: it cannot be decoded: Format"):
            tag(tmp_path / "no.mp3")
