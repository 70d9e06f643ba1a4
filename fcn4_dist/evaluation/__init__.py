"""Exact evaluation: every clip scored once on any number of ranks, metrics computed on rank 0."""

from fcn4_dist.evaluation.metrics import Metrics, compute_metrics
from fcn4_dist.evaluation.predictions import Predictions, write_predictions

__all__ = ["Metrics", "Predictions", "compute_metrics", "write_predictions"]
