"""One clip to one more than there are workers, on real workers: none waits, none reads twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.cluster.launch import plan_launch
from fcn4_dist.cluster.supervision import run_launch
from fcn4_dist.cluster.topology import local_topology
from fcn4_dist.records import read_manifest

PROGRAM = Path(__file__).with_name("uneven_program.py")

Answers = list[dict[str, Any]]


@pytest.fixture(scope="module")
def ids(shards: Path) -> list[str]:
    """Ids of the clips, in the order of the manifest."""
    return [clip.id for clip in read_manifest(shards).record_set("train", shards).clips]


@pytest.fixture(
    scope="module",
    params=[2, pytest.param(3, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)],
    ids=lambda workers: f"{workers} workers",
)
def answers(
    request: pytest.FixtureRequest, shards: Path, tmp_path_factory: pytest.TempPathFactory
) -> Answers:
    """What each rank saw."""
    folder = tmp_path_factory.mktemp(f"uneven_{request.param}")
    launch = plan_launch(
        [str(PROGRAM), str(shards), str(folder)], local_topology(request.param), folder / "logs"
    )
    assert run_launch(launch) == 0
    return [json.loads((folder / f"rank_{rank}.json").read_text()) for rank in range(request.param)]


def test_every_clip_is_scored_exactly_once(answers: Answers, ids: list[str]) -> None:
    counts = [count for count in range(1, len(answers) + 2) for _batch_size in (1, 2)]
    scored = [[row[0] for row in predictions] for predictions in answers[0]["scored"]]
    assert scored == [ids[:count] for count in counts]


def test_scores_are_those_of_one_worker_alone_to_the_bit(answers: Answers) -> None:
    assert answers[0]["scored"] == answers[0]["alone"]
    of_all_clips = answers[0]["scored"][-1]
    assert len({tuple(row[1:]) for row in of_all_clips}) == len(of_all_clips)


def test_rank_0_alone_has_the_predictions(answers: Answers) -> None:
    for answer in answers[1:]:
        assert set(answer["scored"]) == {None}


def test_more_workers_than_clips_are_refused_before_any_step_on_every_rank(
    answers: Answers,
) -> None:
    workers = len(answers)
    for answer in answers:
        for clips in range(1, workers):
            assert answer["trained"][str(clips)] == (
                f"an epoch has no step: {clips} training clips are fewer than a global batch of "
                f"{workers} (batch_size 1 x {workers} ranks); lower --batch_size or the number of "
                "ranks"
            )


def test_an_epoch_trains_each_clip_at_most_once_and_every_rank_equally_often(
    answers: Answers, ids: list[str]
) -> None:
    workers = len(answers)
    for clips in (workers, workers + 1):
        of_ranks = [answer["trained"][str(clips)] for answer in answers]
        assert [len(of_rank) for of_rank in of_ranks] == [2] * workers
        for epoch in range(2):
            trained = {of_rank[epoch] for of_rank in of_ranks}
            assert len(trained) == workers
            assert trained <= set(ids[:clips])
