"""The best validation so far."""

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.training.validation import BestValidation


def test_the_best_is_by_macro_roc_auc_and_the_first_of_equals() -> None:
    best = BestValidation(val_interval=1, patience=0)
    assert best.offer(1, {"roc_auc_macro": 0.5, "accuracy": 0.9})
    assert not best.offer(2, {"roc_auc_macro": 0.5, "accuracy": 1.0})
    assert best.offer(3, {"roc_auc_macro": 0.6, "accuracy": 0.1})
    assert not best.offer(4, {})
    assert best.scores == {"epoch": 3, "roc_auc_macro": 0.6, "accuracy": 0.1}


def test_patience_counts_validations_not_epochs() -> None:
    best = BestValidation(val_interval=2, patience=2)
    best.offer(4, {"roc_auc_macro": 0.5})
    assert [best.ends_training(epoch) for epoch in range(4, 10)] == [False] * 4 + [True] * 2


def test_without_any_score_patience_counts_from_the_beginning() -> None:
    best = BestValidation(val_interval=1, patience=3)
    assert [best.ends_training(epoch) for epoch in range(1, 5)] == [False, False, True, True]


def test_without_patience_training_never_ends_early() -> None:
    assert not BestValidation(val_interval=0, patience=0).ends_training(1000)


@given(
    aucs=st.lists(st.floats(0, 1), min_size=1, max_size=12),
    patience=st.integers(1, 4),
    cut=st.data(),
)
def test_a_run_that_is_resumed_anywhere_ends_where_it_would_have_ended(
    aucs: list[float], patience: int, cut: st.DataObject
) -> None:
    def end(best: BestValidation, first: int) -> int:
        for epoch in range(first, len(aucs) + 1):
            best.offer(epoch, {"roc_auc_macro": aucs[epoch - 1]})
            if best.ends_training(epoch):
                return epoch
        return len(aucs)

    whole = end(BestValidation(1, patience), 1)
    stopped = cut.draw(st.integers(1, whole))
    before = BestValidation(1, patience)
    for epoch in range(1, stopped + 1):
        before.offer(epoch, {"roc_auc_macro": aucs[epoch - 1]})
    resumed = BestValidation(1, patience, before.scores)
    last = stopped if resumed.ends_training(stopped) else end(resumed, stopped + 1)
    assert last == whole
