"""The command report: what runs left, on one page, or their scores as a table."""

from collections.abc import Sequence
from pathlib import Path

from fcn4_dist.errors import InputError
from fcn4_dist.files import PAGE_BEGINNING, check_replaceable, check_writable, write_bytes
from fcn4_dist.jobs.run_verification import faults_of_scores
from fcn4_dist.reports.table_formats import data_apart, plain_value, show_tables
from fcn4_dist.reports.tables import settings_that_differ
from fcn4_dist.runs.folder import DEFAULT_RUNS, REPORT_NAME
from fcn4_dist.runs.reading import RunRecord, read_run
from fcn4_dist.runs.trained import newest_run
from fcn4_dist.terminal import say, say_result, warn
from fcn4_dist.versions import check_extra

COMPARISON_NAME = "comparison.html"
_FORMATS_OF_TABLES = {".csv": "csv", ".md": "markdown", ".tex": "latex"}


def report(folders: Sequence[Path], output: Path | None, form: str | None = None) -> None:
    """Write a page about one run, or about several side by side; or print their scores.

    Args:
        folders: Folders of jobs of train or eval; none for the newest one in ``runs``.
        output: HTML file to write; None for ``report.html`` in the folder of a run, or
            ``comparison.html`` in the first of several.
        form: One of :data:`~fcn4_dist.reports.TABLE_FORMATS` to print the scores in, and write no
            page.

    Raises:
        InputError: If a folder holds no run, or the page cannot be written.
    """
    newest = None if folders else _newest()
    folders = [newest] if newest else folders
    if form is None:
        check_extra("report")
    records = [read_run(folder) for folder in folders]
    if form is None:
        _say_newest(newest)
        _write_page(records, folders, output)
        return
    with data_apart(form):
        _say_newest(newest)
        _warn_of_faults(records, "the table")
        _show_scores(records, form)


def _newest() -> Path:
    if newest := newest_run():
        return newest
    raise InputError(f"there is no run in {DEFAULT_RUNS}: name the folder of one (its run_dir)")


def _say_newest(newest: Path | None) -> None:
    if newest:
        say(f"the newest run: {newest}")


def _write_page(records: Sequence[RunRecord], folders: Sequence[Path], output: Path | None) -> None:
    from fcn4_dist.reports.run_report import run_report

    path = output or folders[0] / (REPORT_NAME if len(folders) == 1 else COMPARISON_NAME)
    if table := _FORMATS_OF_TABLES.get(path.suffix.lower()):
        raise InputError(
            f"--output {path} is for a page of HTML: for a table, give --format {table} instead, "
            "and send what is printed to the file with >"
        )
    check_writable(path.parent, "output")
    check_replaceable(path, "--output", PAGE_BEGINNING)
    _warn_of_faults(records, "the page")
    page = run_report(records)
    write_bytes(path, page)
    say_result(f"report of {len(records)} {'run' if len(records) == 1 else 'runs'}: {path}")


def _show_scores(records: Sequence[RunRecord], form: str) -> None:
    from fcn4_dist.reports.run_view import view_runs
    from fcn4_dist.reports.score_tables import (
        differences_table,
        run_differences,
        score_records,
        scores_table,
    )
    from fcn4_dist.reports.setting_tables import differing_settings_of

    runs = view_runs(records)
    for run in runs:
        if run.metrics is None:
            warn(f"{run.name} has no scores: {run.fault or 'there is no predictions.csv'}")
    described, settings = differing_settings_of(runs)
    names = [run.name for run in described]
    differences = run_differences(runs)
    tables = [settings_that_differ(names, settings)] if settings else []
    tables.append(scores_table(runs, while_training=form == "text"))
    if differences:
        tables.append(differences_table(runs[0].name, differences))
    of_runs = {
        name: {setting: plain_value(values[number]) for setting, values in settings.items()}
        for number, name in enumerate(names)
    }
    show_tables(tables, score_records(runs, differences, of_runs), form)


def _warn_of_faults(records: Sequence[RunRecord], shown: str) -> None:
    for record in records:
        for fault in faults_of_scores(record):
            warn(f"{shown} shows what does not fit: {fault}")
