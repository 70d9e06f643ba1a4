"""docs/collections.md is made of the registry and the settings files, so it is complete and true.

To make it anew: ``FCN4_REWRITE=1 pytest tests/docs/test_collections_page.py``. What stands above
the table of all collections, and from the heading ``TAIL`` on, is written by hand.
"""

import os
import re
from dataclasses import fields

import pytest
import yaml

from fcn4_dist.clips import DATASETS
from fcn4_dist.clips.collection import About, Dataset
from tests.docs.pages import REPOSITORY, pages, text_of

PAGE = "docs/collections.md"
HEADING = [
    "| `--dataset` | what it is | clips | published split | published score |",
    "|---|---|---|---|---|",
]
TAIL = "## Labels in the names of files"
PUBLISHED = [dataset for dataset in DATASETS if dataset.about]


def summary(dataset: Dataset) -> str:
    """The row of a collection in the table of all."""
    taken = "; `split: auto` takes it" if dataset.published_by_default else ""
    published = dataset.published_split + taken or "none"
    if dataset.about is None:
        return f"| [`{dataset.name}`](prepare.md#collections) | {dataset.title} | | {published} | |"
    best = dataset.about.published
    score = f"{best[0].network}: {best[0].score}" if best else ""
    name = f"[`{dataset.name}`](#{dataset.name})"
    return f"| {name} | {dataset.title} | {dataset.about.clips} | {published} | {score} |"


def commands(dataset: Dataset, about: About) -> list[str]:
    """From the unpacked folder to shards, to a tagger, and to the scores of all folds."""
    flags = f" {about.flags}" if about.flags else ""
    where = f"--dataset {dataset.name} --audio_path {about.unpacked}{flags}"
    folds = [f"fcn4-dist cross-validate {where}"] if about.folds else []
    return [
        "```bash",
        f"fcn4-dist preprocess {where}",
        f"fcn4-dist train {about.unpacked}{flags} --run_dir runs/{dataset.name}",
        *folds,
        "```",
    ]


def split_of(dataset: Dataset, about: About) -> str:
    """What the published split is, how it is taken, and what another one costs."""
    usual = ", which `--split auto` takes" if dataset.published_by_default else ""
    fold = f" `--fold` is {about.folds}, {dataset.first_fold} by default." if about.folds else ""
    costs = f" A random split of it {dataset.random_costs}." if dataset.random_costs else ""
    return f"`--split published`{usual}: {dataset.published_split}.{fold}{costs}"


def parts_of(dataset: Dataset) -> str:
    """What of it can be taken alone."""
    subsets = ", ".join(f"`{name}`" for name in dataset.subsets)
    lists = [f"`{name}`" for name in dataset.tag_lists]
    parts = [f"`--subset`: {subsets}; all that is there without it"] if subsets else []
    if lists:
        parts.append(f"`--tag_list`: {', '.join([f'{lists[0]} (the usual one)', *lists[1:]])}")
    return ". ".join(parts)


def settings_files(dataset: Dataset) -> str:
    """The files of configs/ that are for it, by their own first sentence."""
    files = []
    for name in pages("configs/*.yaml"):
        text = text_of(name)
        if yaml.safe_load(text).get("dataset", "folder") == dataset.name:
            head = " ".join(re.findall(r"^# ?(.*)", text.split("\n#\n")[0], re.M))
            files.append(f"[{name}](../{name}): {head.split('. ')[0].rstrip('.')}.")
    return " ".join(files)


def section(dataset: Dataset) -> list[str]:
    """All that is told of a collection."""
    about = dataset.about
    assert about
    points = {
        "On disk": dataset.on_disk,
        "Not needed": about.leave_out,
        "Where": about.where,
        "Licence": about.licence,
        "Split": split_of(dataset, about),
        "Parts": parts_of(dataset),
        "Known defects": about.defects,
        "ModelZoo": about.modelzoo,
        "Measured here": about.ours or "not yet",
        "Settings": settings_files(dataset),
    }
    lines = [f"- **{title}**: {text.rstrip('.')}." for title, text in points.items() if text]
    scores = [f"| {one.network} | {one.score} | {one.source} |" for one in about.published]
    table = ["", "| published | score | source |", "|---|---|---|", *scores] if scores else []
    head = f"{dataset.title}: {about.clips}."
    return ["", f"## {dataset.name}", "", head, "", *commands(dataset, about), "", *lines, *table]


def test_the_page_tells_of_every_collection() -> None:
    text = text_of(PAGE)
    head, tail = text.partition("| `--dataset`")[0], text.partition(TAIL)[2]
    sections = [line for dataset in PUBLISHED for line in section(dataset)]
    made = "\n".join([*HEADING, *map(summary, DATASETS), *sections])
    page = f"{head}{made}\n\n{TAIL}{tail}"
    if os.environ.get("FCN4_REWRITE"):
        (REPOSITORY / PAGE).write_text(page, encoding="utf-8")
    assert text_of(PAGE) == page


@pytest.mark.parametrize("dataset", PUBLISHED, ids=lambda dataset: dataset.name)
def test_nothing_is_left_out_that_a_reader_asks(dataset: Dataset) -> None:
    told = {one.name for one in fields(About) if getattr(dataset.about, one.name)}
    assert told >= {"licence", "where", "clips", "unpacked", "defects", "published"}
    assert settings_files(dataset)
