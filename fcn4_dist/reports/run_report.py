"""One page about one run, or about several side by side, that needs nothing but itself."""

from collections.abc import Sequence

from fcn4_dist import __version__
from fcn4_dist.evaluation import left_out_text
from fcn4_dist.evaluation.intervals import LEVEL
from fcn4_dist.evaluation.metrics import THRESHOLD
from fcn4_dist.reports.charts import PALETTE, POINTS_SHOWN, STYLES
from fcn4_dist.reports.pages import render_page
from fcn4_dist.reports.run_charts import class_bars, curves
from fcn4_dist.reports.run_view import view_runs
from fcn4_dist.reports.score_tables import (
    MISTAKES_SHOWN,
    differences_table,
    epochs_table,
    mistakes_tables,
    run_differences,
    scores_table,
)
from fcn4_dist.reports.setting_tables import (
    data_summaries,
    environment_table,
    settings_tables,
)
from fcn4_dist.reports.tables import score_text
from fcn4_dist.runs.reading import RunRecord

# A matrix of more classes says nothing to the eye.
_MATRIX_CLASSES = 60


def run_report(records: Sequence[RunRecord]) -> bytes:
    """Make the page. The same records give the same bytes.

    Args:
        records: What the runs left, one or more.

    Returns:
        HTML in UTF-8, without scripts, that loads nothing.
    """
    runs = view_runs(records)
    axis_begin, classes = class_bars(runs)
    differences = run_differences(runs)
    content = {
        "title": f"Run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs side by side",
        "runs": runs,
        "version": __version__,
        "palette": PALETTE,
        "styles": STYLES,
        "level": f"{LEVEL:.0%}".replace("%", " %"),
        "interval_methods": dict.fromkeys(run.intervals.method for run in runs if run.intervals),
        "left_out": [
            (run, text) for run in runs if run.metrics and (text := left_out_text(run.metrics))
        ],
        "points_shown": POINTS_SHOWN,
        "mistakes_shown": MISTAKES_SHOWN,
        "threshold": THRESHOLD,
        "scores": scores_table(runs),
        "differences": differences and differences_table(runs[0].name, differences),
        "curves": curves(runs),
        "epochs": [table for run in runs if (table := epochs_table(run)).rows],
        "axis_begin": axis_begin,
        "classes": classes,
        "matrices": [run for run in runs if run.metrics and run.metrics.confusion_matrix],
        "matrix_classes": _MATRIX_CLASSES,
        "mistakes": [(run, tables) for run in runs if (tables := mistakes_tables(run))],
        "settings": settings_tables(runs),
        "data": data_summaries(runs),
        "environment": environment_table(runs),
    }
    return render_page("report.html.j2", content, score=score_text)
