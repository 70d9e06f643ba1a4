"""Features of ranks on several hosts, in one folder: who shares it, and who has to send them."""

import os
import uuid
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from fcn4_dist.audio import ClipFeature, FeatureCache, Outcome
from fcn4_dist.cluster.peers import Peers
from fcn4_dist.errors import Fcn4DistError

_FEATURES_AT_ONCE = 8


def who_sees(folder: Path, peers: Peers) -> Sequence[bool]:
    """Find out which peers see number 0's folder under the same path; every peer has to call this.

    Args:
        folder: The folder, which number 0 has made.
        peers: This process's place.

    Returns:
        For each peer, whether what number 0 writes there is there for it.
    """
    token = folder / f".{peers.broadcast(uuid.uuid4().hex)}"
    if peers.is_main:
        token.touch()
    peers.all_gather(None)
    if folder.is_dir():
        # Opening a folder has a network file system look at it anew.
        os.listdir(folder)
    seen = peers.all_gather(token.exists())
    if peers.is_main:
        token.unlink()
    return seen


def gather_features(
    clips: Sequence[ClipFeature], cache: FeatureCache, peers: Peers, sees_main: bool
) -> None:
    """Bring features to number 0's folder from those that do not see it; every peer calls this.

    Args:
        clips: What this peer has computed.
        cache: Its features.
        peers: This process's place.
        sees_main: Whether its features are in number 0's folder already.
    """
    mine = [] if sees_main else sorted({clip.sha256 for clip in clips if clip.sha256})
    offered = peers.gather(mine)
    missing = {
        sha256 for of_rank in offered or [] for sha256 in of_rank if cache.outcome(sha256) is None
    }
    missing = peers.broadcast(missing)
    mine = [sha256 for sha256 in mine if sha256 in missing]
    for start in range(0, max(peers.all_gather(len(mine))), _FEATURES_AT_ONCE):
        sent = peers.gather([_taken_out(cache, each) for each in mine[start:][:_FEATURES_AT_ONCE]])
        for sha256, outcome, feature in chain.from_iterable(sent or []):
            cache.store(sha256, outcome, feature)


def _taken_out(cache: FeatureCache, sha256: str) -> tuple[str, Outcome, np.ndarray]:
    outcome = cache.outcome(sha256)
    if outcome is None:
        raise Fcn4DistError(f"the feature {cache.feature_file(sha256)} has gone: run it again")
    return sha256, outcome, cache.load(sha256)
