"""Validation while training: scores, the best of them, and when to stop waiting for better ones."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mindspore import Tensor, nn

from fcn4_dist.checkpoints.loading import parameter_values
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.evaluation import (
    PREDICTIONS_NAME,
    Predictions,
    compute_metrics,
    left_out_text,
    summary_figures,
    summary_text,
    write_predictions,
)
from fcn4_dist.evaluation.scoring import score_clips
from fcn4_dist.model.batch_norm import moving_statistics
from fcn4_dist.records import RecordSet
from fcn4_dist.terminal import say, warn

CRITERION, OF_EQUALS = "roc_auc_macro", "cross_entropy"
_DIGITS = 12


@dataclass(frozen=True)
class Validation:
    """What a validation gives; nothing where there is none, or not yet, and on ranks but 0.

    Attributes:
        scores: The metrics that are defined, by name.
        is_best: Whether they are the best so far.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    is_best: bool = False


@dataclass
class BestValidation:
    """Keeps the best validation of a run; all of it is in ``scores``, which checkpoints hold.

    Attributes:
        val_interval: Epochs between two validations; 0 for none.
        patience: Validations after which training ends if none of them was better, as
            :meth:`offer` says, than the best before; 0 for never.
        scores: Epoch and scores of the best validation; empty for none yet.
    """

    val_interval: int
    patience: int
    scores: Mapping[str, float] = field(default_factory=dict)

    def offer(self, epoch: int, scores: Mapping[str, float]) -> bool:
        """Take the scores of an epoch if they are better, and tell whether they are.

        Better is a higher macro ROC-AUC, which small sets soon have in several epochs, and of
        equal ones the lower cross-entropy. Scores without a macro ROC-AUC are never the best.
        """
        if CRITERION not in scores or _merit(scores) <= _merit(self.scores):
            return False
        self.scores = {"epoch": epoch, **scores}
        return True

    def ends_training(self, epoch: int) -> bool:
        """Tell whether training ends after this epoch, because none was better for long."""
        if not self.patience:
            return False
        best_epoch = int(self.scores.get("epoch", 0))
        return epoch // self.val_interval - best_epoch // self.val_interval >= self.patience


def _merit(scores: Mapping[str, float]) -> tuple[float, float]:
    # Equal ROC-AUCs come as numbers that differ in their last bits, by the order of what is added
    # up. The best of an earlier version has no cross-entropy, and gives way to an equal one.
    return round(scores.get(CRITERION, -1.0), _DIGITS), -scores.get(OF_EQUALS, math.inf)


class Validator:
    """Scores the validation set with the statistics a checkpoint would hold.

    All ranks have to call it alike.

    Args:
        network: The network that is validated.
        record_set: The validation set; None for no validation.
        settings: The settings of the run.
        ranks: This rank.
        best: Epoch and scores of the best validation before; empty for none.

    Attributes:
        best: The best validation so far, known to rank 0.
    """

    def __init__(
        self,
        network: nn.Cell,
        record_set: RecordSet | None,
        settings: Settings,
        ranks: Ranks,
        best: Mapping[str, float],
    ) -> None:
        self._network, self._record_set = network, record_set
        self._settings, self._ranks = settings, ranks
        patience = settings.patience if record_set and settings.val_interval else 0
        self.best = BestValidation(settings.val_interval, patience, best)
        self._warned = False

    def is_due(self, epoch: int) -> bool:
        """Tell whether to validate after an epoch."""
        interval = self._settings.val_interval
        return self._record_set is not None and interval > 0 and epoch % interval == 0

    def validate(self, epoch: int) -> Validation:
        """Score the network as it is now; it is as before afterwards.

        Rank 0 shows the scores, and writes the predictions if they are the best so far.

        Args:
            epoch: The epoch that has ended.
        """
        assert self._record_set
        clips = self._score(self._record_set)
        if clips is None:
            return Validation()
        metrics = compute_metrics(clips.labels, clips.scores, clips.class_names, self._goes_on)
        scores = summary_figures(metrics)
        is_best = self.best.offer(epoch, scores)
        best = "; the best so far" if is_best else ""
        say(f"validation after epoch {epoch}: {summary_text(metrics)}{best}")
        if (left_out := left_out_text(metrics)) and not self._warned:
            self._warned = True
            warn(f"validation: {left_out}")
        if is_best:
            path = Path(self._settings.run_dir) / PREDICTIONS_NAME
            write_predictions(clips, path, self._goes_on)
        return Validation(scores, is_best)

    def ends_training(self, epoch: int) -> bool:
        """Tell, alike on every rank, whether ``patience`` ends training after an epoch."""
        if not self.best.patience:
            return False
        # Only rank 0 knows the scores.
        return self._ranks.broadcast(self.best.ends_training(epoch))

    def _goes_on(self, doing: str) -> None:
        # The others wait for rank 0 in the next collective.
        self._ranks.heartbeat.goes_on(doing, may_take_long=True)

    def _score(self, record_set: RecordSet) -> Predictions | None:
        statistics = moving_statistics(self._network.get_parameters())
        own = parameter_values(statistics)
        average = self._ranks.all_reduce_mean(own)
        for parameter in statistics:
            parameter.set_data(Tensor(average[parameter.name]))
        scored = score_clips(
            self._network,
            record_set,
            self._settings.window_seconds,
            self._settings.batch_size,
            self._ranks,
            visible=False,
        )
        for parameter in statistics:
            parameter.set_data(Tensor(own[parameter.name]))
        self._network.set_train(True)
        return scored.clips if scored else None
