"""The best validation so far, and when to stop waiting for a better one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CRITERION = "roc_auc_macro"


@dataclass
class BestValidation:
    """Keeps the best validation of a run; all of it is in ``scores``, which checkpoints hold.

    Attributes:
        val_interval: Epochs between two validations; 0 for none.
        patience: Validations without a better one after which training ends; 0 for never.
        scores: Epoch and scores of the best validation; empty for none yet.
    """

    val_interval: int
    patience: int
    scores: Mapping[str, float] = field(default_factory=dict)

    def offer(self, epoch: int, scores: Mapping[str, float]) -> bool:
        """Take the scores of an epoch if they are better, by macro ROC-AUC; tell whether so."""
        found = scores.get(CRITERION)
        if found is None or found <= self.scores.get(CRITERION, -1.0):
            return False
        self.scores = {"epoch": epoch, **scores}
        return True

    def ends_training(self, epoch: int) -> bool:
        """Tell whether training ends after this epoch, because none was better for long."""
        if not self.patience:
            return False
        best_epoch = int(self.scores.get("epoch", 0))
        return epoch // self.val_interval - best_epoch // self.val_interval >= self.patience
