"""Cross-validation: the folds of one split gathered."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, roc_auc_score

from fcn4_dist.errors import InputError
from fcn4_dist.evaluation import Predictions, compute_metrics, write_predictions
from fcn4_dist.evaluation.folds import gather_folds

NAMES = ("blues", "jazz", "rock")


def predictions(fold: int, clips: int = 12, names: tuple[str, ...] = NAMES) -> Predictions:
    random = np.random.default_rng(fold)
    labels = np.eye(len(names), dtype=np.int32)[np.arange(clips) % len(names)]
    ids = tuple(f"{fold}/{number}.wav" for number in range(clips))
    scores = np.clip(0.4 * labels + random.random(labels.shape) * 0.6, 0, 1)
    return Predictions(ids, ids, labels, scores, names)


def write(folder: Path, *folds: Predictions) -> list[Path]:
    folders = [folder / f"fold-{number}" for number in range(1, len(folds) + 1)]
    for path, fold in zip(folders, folds, strict=True):
        write_predictions(fold, path / "predictions.csv")
    return folders


def test_mean_and_spread_are_those_of_the_folds_metrics(tmp_path: Path) -> None:
    all_folds = [predictions(1), predictions(2, clips=15), predictions(3)]
    folds = gather_folds(write(tmp_path, *all_folds))
    assert folds.clips == (12, 15, 12)
    accuracies = [
        accuracy_score(each.labels.argmax(axis=1), each.scores.argmax(axis=1)) for each in all_folds
    ]
    assert [figures["accuracy"] for figures in folds.figures] == pytest.approx(accuracies)
    assert folds.mean["accuracy"] == pytest.approx(np.mean(accuracies))
    assert folds.spread["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))


def test_pooled_are_the_clips_of_all_folds_scored_as_one_set(tmp_path: Path) -> None:
    one, two = predictions(1), predictions(2)
    pooled = gather_folds(write(tmp_path, one, two)).pooled
    assert pooled.ids == one.ids + two.ids
    labels = np.concatenate([one.labels, two.labels])
    scores = np.concatenate([one.scores, two.scores])
    metrics = compute_metrics(pooled.labels, pooled.scores, pooled.class_names)
    expected = roc_auc_score(labels, scores, average="macro")
    assert metrics.roc_auc_macro == pytest.approx(expected, abs=1e-12)


@given(order=st.permutations(range(4)))
def test_the_order_of_the_folders_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    folders = write(tmp_path_factory.mktemp("folds"), *(predictions(fold) for fold in range(4)))
    pooled = gather_folds([folders[number] for number in order]).pooled
    as_written = gather_folds(folders).pooled
    assert set(pooled.ids) == set(as_written.ids)
    metrics, expected = (
        compute_metrics(each.labels, each.scores, each.class_names) for each in (pooled, as_written)
    )
    assert metrics.roc_auc_macro == pytest.approx(expected.roc_auc_macro, abs=1e-12)


def test_a_metric_that_a_fold_does_not_have_has_no_mean(tmp_path: Path) -> None:
    several = predictions(2)
    several.labels[0] = 1
    folds = gather_folds(write(tmp_path, predictions(1), several))
    assert "accuracy" in folds.figures[0]
    assert "accuracy" not in folds.mean
    assert "roc_auc_macro" in folds.mean


def test_a_clip_of_two_folds_is_named_with_both(tmp_path: Path) -> None:
    one, *_ = write(tmp_path, predictions(1), predictions(2))
    with pytest.raises(InputError, match=r"1/0\.wav was scored in .*fold-1 and in .*fold-1: name"):
        gather_folds([one, one])


def test_folds_of_other_classes_are_refused(tmp_path: Path) -> None:
    folders = write(tmp_path, predictions(1), predictions(2, names=("blues", "jazz")))
    with pytest.raises(InputError, match=r"other classes \(blues, jazz, rock; blues, jazz\)"):
        gather_folds(folders)


def test_a_single_fold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither mean nor spread"):
        gather_folds(write(tmp_path, predictions(1)))


def test_a_folder_without_predictions_is_named(tmp_path: Path) -> None:
    folders = [*write(tmp_path, predictions(1)), tmp_path / "fold-2"]
    with pytest.raises(InputError, match=r"fold-2/predictions\.csv: No such file"):
        gather_folds(folders)
