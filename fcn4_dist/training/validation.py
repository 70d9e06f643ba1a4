"""Scores on the validation set while training, with the statistics a checkpoint would hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from mindspore import Tensor, nn

from fcn4_dist.checkpoints.loading import parameter_values
from fcn4_dist.cluster.ranks import Ranks
from fcn4_dist.config import Settings
from fcn4_dist.evaluation import Predictions, compute_metrics, summary_figures, summary_text
from fcn4_dist.evaluation.scoring import score_clips
from fcn4_dist.records import RecordSet
from fcn4_dist.terminal import say, warn
from fcn4_dist.training.saving import statistics_of


@dataclass(frozen=True)
class Validation:
    """What a validation gives.

    Attributes:
        scores: The metrics that are defined, by name.
        predictions: Of the clips.
    """

    scores: Mapping[str, float]
    predictions: Predictions


class Validator:
    """Scores the validation set; all ranks have to call it alike.

    Args:
        network: The network that is validated.
        record_set: The validation set.
        settings: The settings of the run.
        ranks: This rank.
    """

    def __init__(
        self, network: nn.Cell, record_set: RecordSet, settings: Settings, ranks: Ranks
    ) -> None:
        self._network, self._record_set = network, record_set
        self._settings, self._ranks = settings, ranks
        self._warned = False

    def validate(self, epoch: int) -> Validation | None:
        """Score the network as it is now, and show the scores; it is as before afterwards.

        Args:
            epoch: The epoch that has ended.

        Returns:
            The scores on rank 0; None on others.
        """
        statistics = statistics_of(list(self._network.get_parameters()))
        own = parameter_values(statistics)
        average = self._ranks.all_reduce_mean(own)
        for parameter in statistics:
            parameter.set_data(Tensor(average[parameter.name]))
        scored = score_clips(
            self._network,
            self._record_set,
            self._settings.window_seconds,
            self._settings.batch_size,
            self._ranks,
            visible=False,
        )
        for parameter in statistics:
            parameter.set_data(Tensor(own[parameter.name]))
        self._network.set_train(True)
        if scored is None:
            return None
        clips = scored.clips
        metrics = compute_metrics(clips.labels, clips.scores, clips.class_names)
        say(f"validation after epoch {epoch}: {summary_text(metrics)}")
        if metrics.left_out and not self._warned:
            self._warned = True
            warn(f"validation leaves out, for want of both kinds: {', '.join(metrics.left_out)}")
        return Validation(summary_figures(metrics), clips)
