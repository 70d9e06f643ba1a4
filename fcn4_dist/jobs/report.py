"""The command report: what runs left, on one page."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fcn4_dist.errors import InputError
from fcn4_dist.files import PAGE_BEGINNING, check_replaceable, check_writable, write_bytes
from fcn4_dist.jobs.run_verification import faults_of_scores
from fcn4_dist.runs.folder import REPORT_NAME
from fcn4_dist.terminal import say_result, warn

COMPARISON_NAME = "comparison.html"


def report(folders: Sequence[Path], output: Path | None) -> None:
    """Write a page about one run, or about several side by side.

    Args:
        folders: Folders of jobs of train or eval.
        output: HTML file to write; None for ``report.html`` in the folder of a run, or
            ``comparison.html`` in the first of several.

    Raises:
        InputError: If a folder holds no run, or the page cannot be written.
    """
    for package in ("jinja2", "matplotlib"):
        if find_spec(package) is None:
            raise InputError(f"{package} is not installed in this Python: pip install {package}")
    from fcn4_dist.reports.run_report import run_report
    from fcn4_dist.runs.reading import read_run

    records = [read_run(folder) for folder in folders]
    path = output or folders[0] / (REPORT_NAME if len(folders) == 1 else COMPARISON_NAME)
    check_writable(path.parent, "output")
    check_replaceable(path, "--output", PAGE_BEGINNING)
    for record in records:
        for fault in faults_of_scores(record):
            warn(f"the page shows what does not fit: {fault}")
    page = run_report(records)
    write_bytes(path, page)
    say_result(f"report of {len(records)} {'run' if len(records) == 1 else 'runs'}: {path}")
