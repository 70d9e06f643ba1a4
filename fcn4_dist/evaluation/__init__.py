"""Exact evaluation: every clip scored once on any number of ranks, metrics computed on rank 0."""

from fcn4_dist.evaluation.intervals import Intervals, bootstrap_intervals
from fcn4_dist.evaluation.metrics import ClassMetrics, Metrics, compute_metrics
from fcn4_dist.evaluation.predictions import Predictions, write_predictions

__all__ = [
    "ClassMetrics",
    "Intervals",
    "Metrics",
    "Predictions",
    "bootstrap_intervals",
    "compute_metrics",
    "write_predictions",
]
