"""Scores on the validation set while training, with the statistics a checkpoint would hold."""

from mindspore import Tensor, nn

from fcn4_dist.checkpoints.loading import parameter_values
from fcn4_dist.cluster.worker import Worker
from fcn4_dist.evaluation import compute_metrics
from fcn4_dist.evaluation.scoring import score_clips
from fcn4_dist.records import RecordSet
from fcn4_dist.training.saving import statistics_of


class Validator:
    """Scores the validation set; all ranks have to call it alike.

    Args:
        network: The network that is trained.
        record_set: The validation set.
        batch_size: Clips in a batch of one rank.
        worker: This rank.
    """

    def __init__(
        self, network: nn.Cell, record_set: RecordSet, batch_size: int, worker: Worker
    ) -> None:
        self._network, self._record_set = network, record_set
        self._batch_size, self._worker = batch_size, worker

    def scores(self) -> dict[str, float]:
        """Score the network as it is now; it is as before afterwards.

        Returns:
            ``roc_auc_macro`` and ``accuracy``, those that are defined, on rank 0; {} on others.
        """
        statistics = statistics_of(list(self._network.get_parameters()))
        own = parameter_values(statistics)
        average = self._worker.mean(own)
        for parameter in statistics:
            parameter.set_data(Tensor(average[parameter.name]))
        predictions = score_clips(
            self._network, self._record_set, self._batch_size, self._worker, visible=False
        )
        for parameter in statistics:
            parameter.set_data(Tensor(own[parameter.name]))
        self._network.set_train(True)
        if predictions is None:
            return {}
        metrics = compute_metrics(predictions.labels, predictions.scores, predictions.class_names)
        found = {"roc_auc_macro": metrics.roc_auc_macro, "accuracy": metrics.accuracy}
        return {name: value for name, value in found.items() if value is not None}
