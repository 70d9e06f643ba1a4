"""What ranks on several hosts bring together: who shares a folder, and features where none do."""

import os
import uuid
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from fcn4_dist.audio import ClipFeature, FeatureCache, Outcome
from fcn4_dist.cluster.mpi import MpiRanks
from fcn4_dist.cluster.peers import Alone
from fcn4_dist.errors import Fcn4DistError

_FEATURES_AT_ONCE = 8


def ranks_that_see(folder: Path, ranks: MpiRanks | Alone) -> list[bool]:
    """Find out which ranks see rank 0's folder under the same path; every rank has to call this.

    Args:
        folder: The folder, which rank 0 has made.
        ranks: This process's place.

    Returns:
        For each rank, whether what rank 0 writes there is there for it.
    """
    token = folder / f".{ranks.all_gather(uuid.uuid4().hex)[0]}"
    if ranks.rank == 0:
        token.touch()
    ranks.all_gather(None)
    if folder.is_dir():
        # Opening a folder has a network file system look at it anew.
        os.listdir(folder)
    seen = ranks.all_gather(token.exists())
    if ranks.rank == 0:
        token.unlink()
    return seen


def gather_features(
    clips: Sequence[ClipFeature], cache: FeatureCache, ranks: MpiRanks | Alone, sees_rank_0: bool
) -> None:
    """Bring features to rank 0's folder from ranks that do not see it; every rank calls this.

    Args:
        clips: What this rank has computed.
        cache: Its features.
        ranks: This process's place.
        sees_rank_0: Whether its features are in rank 0's folder already.
    """
    mine = [] if sees_rank_0 else sorted({clip.sha256 for clip in clips if clip.sha256})
    offered = ranks.gather(mine)
    missing = {
        sha256 for of_rank in offered or [] for sha256 in of_rank if cache.outcome(sha256) is None
    }
    missing = ranks.all_gather(missing)[0]
    mine = [sha256 for sha256 in mine if sha256 in missing]
    for start in range(0, max(ranks.all_gather(len(mine))), _FEATURES_AT_ONCE):
        sent = ranks.gather([_taken_out(cache, each) for each in mine[start:][:_FEATURES_AT_ONCE]])
        for sha256, outcome, feature in chain.from_iterable(sent or []):
            cache.store(sha256, outcome, feature)


def _taken_out(cache: FeatureCache, sha256: str) -> tuple[str, Outcome, np.ndarray]:
    outcome = cache.outcome(sha256)
    if outcome is None:
        raise Fcn4DistError(f"the feature {cache.feature_file(sha256)} has gone: run it again")
    return sha256, outcome, cache.load(sha256)
