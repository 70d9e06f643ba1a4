"""What an evaluation writes, and in which order."""

from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.cluster.heartbeat import Heartbeat, read_beat
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.evaluation import read_predictions
from fcn4_dist.evaluation.scoring import Scores
from fcn4_dist.jobs import evaluate
from fcn4_dist.jobs.evaluate import write_scores
from tests.reports.run_folders import make_predictions


def test_predictions_are_there_whatever_becomes_of_the_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(evaluate, "compute_metrics", fail)
    clips = make_predictions()
    with pytest.raises(MemoryError):
        write_scores(Scores(clips, clips), tmp_path, {}, Heartbeat())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "predictions.csv",
        "window_predictions.csv",
    ]
    assert np.array_equal(read_predictions(tmp_path / "predictions.csv").scores, clips.scores)


def test_scores_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    clips = make_predictions()
    clips.scores[3] = np.nan
    with pytest.raises(Fcn4DistError, match="the network gives NaN for 1 of 80 clips"):
        write_scores(Scores(clips, None), tmp_path, {}, Heartbeat())
    assert list(tmp_path.iterdir()) == []


def test_each_stage_says_to_the_watch_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    heartbeat = Heartbeat(tmp_path / "heartbeat")
    heartbeat.at("handing its scores to rank 0")

    def note(doing: str, *, may_take_long: bool = False) -> None:
        goes_on(doing, may_take_long=may_take_long)
        said.append(doing.replace(str(tmp_path), "DIR"))

    goes_on = heartbeat.goes_on
    monkeypatch.setattr(heartbeat, "goes_on", note)
    clips = make_predictions()
    write_scores(Scores(clips, None), tmp_path, {}, heartbeat)
    assert list(dict.fromkeys(said)) == [
        "writing DIR/predictions.csv",
        "computing metrics of 80 clips",
        "computing the micro ROC-AUC of 80 clips",
        "computing intervals of 80 clips",
    ]
    # Once a class at least, and it is still the one that the others wait for.
    assert said.count("computing intervals of 80 clips") >= len(clips.class_names)
    beat = read_beat(tmp_path / "heartbeat")
    assert beat and (beat.count, beat.signs, beat.may_take_long) == (1, len(said), True)
