"""Exact evaluation: every clip scored once on any number of ranks, metrics computed on rank 0."""

from fcn4_dist.evaluation.intervals import Intervals, metric_intervals
from fcn4_dist.evaluation.metrics import Metrics, check_defined, compute_metrics
from fcn4_dist.evaluation.predictions import (
    PREDICTIONS_NAME,
    Predictions,
    read_predictions,
    write_predictions,
)
from fcn4_dist.evaluation.summary import (
    HOW_THE_BEST_IS_CHOSEN,
    METRICS_NAME,
    TITLES,
    SavedMetrics,
    left_out_text,
    main_figures_text,
    metrics_content,
    metrics_text,
    summary_figures,
    summary_text,
)
