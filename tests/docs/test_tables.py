"""Tables of the pages that are made of declarations, so that they are complete and true."""

import re

from fcn4_dist.cli.main import COMMANDS
from fcn4_dist.clips import DATASETS
from fcn4_dist.host.cann import CANN_OF_MINDSPORE
from fcn4_dist.host.cann_errors import CANN_ERRORS
from fcn4_dist.versions import EXTRAS
from tests.docs.pages import rows_below, text_of


def test_every_kind_of_collection_of_ones_own_is_there() -> None:
    """Those that others have published are on a page of their own."""
    heading = "| `--dataset` | what it is | on disk | published split |"
    rows = []
    for each in [dataset for dataset in DATASETS if dataset.about is None]:
        taken = "; `split: auto` takes it" if each.published_by_default else ""
        published = each.published_split + taken or "none"
        rows.append(f"| `{each.name}` | {each.title} | {each.on_disk} | {published} |")
    assert rows_below(heading, "docs/prepare.md") == rows


def test_every_command_is_there() -> None:
    rows = [f"| `{one.name}` | {one.summary} |" for one in COMMANDS]
    assert rows_below("| command | what it does |", "docs/command_line.md") == rows


def test_every_extra_is_there() -> None:
    rows = rows_below("| extra | for | brings |", "docs/install.md")
    assert {row.split("`")[1] for row in rows} == {
        f"[{name}]" for name in ("train", "tensorboard", *EXTRAS)
    }


def test_every_known_error_of_cann_is_there() -> None:
    rows = []
    for error in CANN_ERRORS:
        waited = " (this rank waited for another)" if error.follows else ""
        rows.append(f"| {error.code} | {error.meaning}{waited} | {error.mend} |")
    assert rows_below("| code | what it means | what to do |", "docs/ascend.md") == rows


def test_the_versions_of_cann_are_those_that_are_checked_for() -> None:
    named = dict(re.findall(r"^\| (2\.[\d.]+) \| ([^|]*) \|", text_of("docs/ascend.md"), re.M))
    assert {version.removesuffix(".0"): cann for version, cann in named.items()} == {
        version: ", ".join(cann) for version, cann in CANN_OF_MINDSPORE.items()
    }
