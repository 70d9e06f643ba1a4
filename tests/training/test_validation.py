"""The best validation so far."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.training.validation import BestValidation

Scores = Mapping[str, float]


def scores_of(auc: float | None, cross_entropy: float, accuracy: float) -> Scores:
    """Give what a validation gives; without ROC-AUC where no class has both kinds of clips."""
    found = {"accuracy": accuracy, "cross_entropy": cross_entropy}
    return found if auc is None else {"roc_auc_macro": auc, **found}


def merit(scores: Scores) -> tuple[float, float]:
    return round(scores["roc_auc_macro"], 12), -scores["cross_entropy"]


# A small set has few values of ROC-AUC, and many epochs of each.
AUCS = st.none() | st.sampled_from([0.5, 0.75, 1.0]) | st.floats(0, 1)
VALIDATIONS = st.lists(
    st.builds(scores_of, AUCS, st.sampled_from([0.25, 0.5]) | st.floats(0, 40), st.floats(0, 1)),
    min_size=1,
    max_size=12,
)


@given(VALIDATIONS)
def test_the_best_has_the_highest_macro_roc_auc_and_of_equals_the_lowest_cross_entropy(
    validations: list[Scores],
) -> None:
    best = BestValidation(val_interval=1, patience=0)
    taken = [best.offer(epoch, scores) for epoch, scores in enumerate(validations, 1)]
    epochs = [epoch for epoch, scores in enumerate(validations, 1) if "roc_auc_macro" in scores]
    if not epochs:
        assert best.scores == {} and not any(taken)
        return
    # max() gives the first of equals.
    chosen = max(epochs, key=lambda epoch: merit(validations[epoch - 1]))
    assert best.scores == {"epoch": chosen, **validations[chosen - 1]}
    assert max(epoch for epoch, is_best in enumerate(taken, 1) if is_best) == chosen


def test_epochs_that_tell_all_classes_apart_are_not_all_the_same() -> None:
    best = BestValidation(val_interval=1, patience=0)
    assert best.offer(1, {"roc_auc_macro": 1.0, "accuracy": 0.5, "cross_entropy": 0.7})
    assert best.offer(2, {"roc_auc_macro": 1.0, "accuracy": 1.0, "cross_entropy": 0.1})
    assert not best.offer(3, {"roc_auc_macro": 0.9, "accuracy": 1.0, "cross_entropy": 0.01})


def test_what_rounding_makes_of_equal_roc_aucs_decides_nothing() -> None:
    best = BestValidation(val_interval=1, patience=0)
    assert best.offer(1, {"roc_auc_macro": 0.75, "cross_entropy": 0.5})
    # Of one number of rightly ordered pairs, scikit-learn makes either.
    assert best.offer(2, {"roc_auc_macro": 0.7499999999999999, "cross_entropy": 0.4})
    assert not best.offer(3, {"roc_auc_macro": 0.75, "cross_entropy": 0.5})


def test_a_best_of_an_earlier_version_gives_way_to_an_equal_one() -> None:
    best = BestValidation(1, 0, {"epoch": 4, "roc_auc_macro": 0.9, "accuracy": 0.5})
    assert not best.offer(5, {"roc_auc_macro": 0.8, "cross_entropy": 0.1})
    assert best.offer(6, {"roc_auc_macro": 0.9, "cross_entropy": 0.7})
    assert not best.offer(7, {"roc_auc_macro": 0.9, "cross_entropy": 0.7})


def test_patience_counts_validations_not_epochs() -> None:
    best = BestValidation(val_interval=2, patience=2)
    best.offer(4, {"roc_auc_macro": 0.5})
    assert [best.ends_training(epoch) for epoch in range(4, 10)] == [False] * 4 + [True] * 2


def test_without_any_score_patience_counts_from_the_beginning() -> None:
    best = BestValidation(val_interval=1, patience=3)
    assert [best.ends_training(epoch) for epoch in range(1, 5)] == [False, False, True, True]


def test_without_patience_training_never_ends_early() -> None:
    assert not BestValidation(val_interval=0, patience=0).ends_training(1000)


def test_patience_takes_an_equal_one_of_lower_cross_entropy_for_a_better_one() -> None:
    best = BestValidation(val_interval=1, patience=2)
    for epoch, cross_entropy in enumerate((0.5, 0.4, 0.3, 0.3), 1):
        best.offer(epoch, {"roc_auc_macro": 1.0, "cross_entropy": cross_entropy})
        assert not best.ends_training(epoch)
    best.offer(5, {"roc_auc_macro": 1.0, "cross_entropy": 0.3})
    assert best.ends_training(5)


@given(validations=VALIDATIONS, patience=st.integers(1, 4), cut=st.data())
def test_a_run_that_is_resumed_anywhere_ends_where_it_would_have_ended(
    validations: list[Scores], patience: int, cut: st.DataObject
) -> None:
    def end(best: BestValidation, first: int) -> tuple[int, Scores]:
        for epoch in range(first, len(validations) + 1):
            best.offer(epoch, validations[epoch - 1])
            if best.ends_training(epoch):
                return epoch, best.scores
        return len(validations), best.scores

    whole = end(BestValidation(1, patience), 1)
    stopped = cut.draw(st.integers(1, whole[0]))
    before = BestValidation(1, patience)
    for epoch in range(1, stopped + 1):
        before.offer(epoch, validations[epoch - 1])
    resumed = BestValidation(1, patience, before.scores)
    ended = resumed.ends_training(stopped)
    assert ((stopped, resumed.scores) if ended else end(resumed, stopped + 1)) == whole
