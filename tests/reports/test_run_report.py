"""The page about runs."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.evaluation import (
    compute_metrics,
    read_predictions,
    write_predictions,
)
from fcn4_dist.evaluation.intervals import bootstrap_intervals
from fcn4_dist.reports.run_report import run_report
from fcn4_dist.reports.run_view import view_runs
from fcn4_dist.reports.score_tables import epochs_table
from fcn4_dist.reports.setting_tables import environment_table
from fcn4_dist.runs.reading import read_run
from tests.reports.run_folders import (
    GENRES,
    epoch_line,
    make_predictions,
    step_line,
    write_course,
    write_description,
    write_run,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "\"' onload=alert(1) x='",
    "</style></title></svg><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "caf\udce9",
    "lone \ud800 half",
    "line\nbreak\x00\x1b[31m",
    "\u202eright to left",
    "موسيقى",
    "雨 & <b>",
    "x" * 5000,
]


class Page(HTMLParser):
    """What a browser would make of a page: its tags, and its text without tags."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.feed(html.decode())
        self.text = " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass
        if tag in ("td", "th", "dt", "dd", "li"):
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.pieces.append(data)


def page_of(*folders: Path) -> Page:
    return Page(run_report([read_run(folder) for folder in folders]))


def test_a_finished_run_is_told_whole(tmp_path: Path) -> None:
    skipped = [("jazz/54.wav", "/data/jazz/54.wav", "cannot be decoded")]
    text = page_of(write_run(tmp_path / "run", settings={"lr": 0.002}, skipped=skipped)).text
    for title in ("Training loss", "Validation ROC-AUC", "Validation accuracy", "Learning rate"):
        assert title in text
    assert "Run run" in text and "10 of 10 epochs" in text
    assert "lr learning rate of Adam, or the highest of it 0.0005 0.002" in text
    assert "jazz/54.wav cannot be decoded /data/jazz/54.wav" in text
    assert "split published" in text and "400 clips, 3:41:30 hours" in text
    assert "mindspore 2.8.0" in text and "Intel(R) Xeon(R) CPU @ 2.70GHz" in text
    assert "no predictions" not in text and "no metrics" not in text


def test_scores_and_intervals_are_those_of_evaluation(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    found = read_predictions(folder / "predictions.csv")
    metrics = compute_metrics(found.labels, found.scores, found.class_names)
    intervals = bootstrap_intervals(found.labels, found.scores)
    text = page_of(folder).text
    for name, value, interval in (
        ("macro ROC-AUC", metrics.roc_auc_macro, intervals.roc_auc_macro),
        ("accuracy", metrics.accuracy, intervals.accuracy),
        *(
            (f"{each.name} {each.positives} clips", each.roc_auc, interval)
            for each, interval in zip(metrics.classes, intervals.roc_auc, strict=True)
        ),
    ):
        assert interval
        assert f"{name} {value:.4f} [{interval[0]:.3f}, {interval[1]:.3f}]" in text


def test_the_most_confident_mistake_comes_first(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    predictions = make_predictions()
    predictions.scores[17] = 0.01
    predictions.scores[17, 3], predictions.scores[17, 7] = 0.987, 0.432
    write_predictions(predictions, folder / "predictions.csv")
    text = page_of(folder).text
    row = "pop/pop.00017.wav pop disco 0.987 0.432 /data/pop/pop.00017.wav"
    assert f"taken for score score of the label audio file {row}" in text


def test_several_labels_have_wrong_tags_and_no_matrix(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    predictions = make_predictions(labels_each=2)
    predictions.scores[4], predictions.labels[4] = 0.2, 0
    predictions.labels[4, [0, 1]] = 1
    predictions.scores[4, 0], predictions.scores[4, 9] = 0.0004, 0.9996
    write_predictions(predictions, folder / "predictions.csv")
    text = page_of(folder).text
    assert "Confusion matrix" not in text
    clip = "hiphop/hiphop.00004.wav blues, classical"
    given, _, not_given = text.partition("Tags not given")
    assert f"Tags given wrongly clip labels tag score audio file {clip} rock 1.000" in given
    assert f"clip labels tag score audio file {clip} blues 0.000" in not_given


def test_a_run_without_mistakes_says_so(tmp_path: Path) -> None:
    predictions = make_predictions()
    perfect = dataclasses.replace(predictions, scores=predictions.labels.astype(float))
    write_predictions(perfect, tmp_path / "predictions.csv")
    assert "Clips taken for another class None." in page_of(tmp_path).text


def test_several_runs_stand_side_by_side_and_what_differs_is_marked(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a" / "first")
    second = write_run(tmp_path / "a" / "second", seed=2, settings={"lr": 0.01, "batch_size": 8})
    html = run_report([read_run(first), read_run(second)])
    page = Page(html)
    assert "2 runs side by side" in page.text
    marked = re.findall(rb'<tr class="marked"><th scope="row"[^>]*>\s*<bdi>(\w+)', html)
    assert {b"lr", b"batch_size", b"run_dir"} == {name for name in marked if not name.isdigit()}
    assert "default first second" in page.text
    assert "The same for all runs." in page.text
    assert "Differences of runs that scored the same clips" in page.text
    assert "score second - first" in page.text
    label = next(attrs["aria-label"] for tag, attrs in page.tags if tag == "svg")
    assert label and "first: first" in label and "second: first" in label


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / place / "run") for place in ("a", "b")]
    text = page_of(*folders).text
    assert all(f"{folder} training" in text for folder in folders)


def test_different_data_are_told_for_each(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first")
    second = write_run(tmp_path / "second", skipped=[("x.wav", "/x.wav", "too short")])
    text = page_of(first, second).text
    assert text.count("split published") == 2 and "The same for" not in text


def test_an_evaluation_needs_no_curves(tmp_path: Path) -> None:
    write_description(tmp_path, command="eval", checkpoint="/w/MusicTagger-9_20.ckpt")
    write_predictions(make_predictions(), tmp_path / "predictions.csv")
    page = page_of(tmp_path)
    assert "Curves" not in page.text and "metrics.jsonl" not in page.text
    assert "scores of checkpoint MusicTagger-9_20.ckpt" in page.text
    assert "Confusion matrix" in page.text
    assert not [tag for tag, _ in page.tags if tag == "svg"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("run.json", "no run.json: settings, data, versions and machine are not known"),
        ("metrics.jsonl", "no metrics.jsonl: there are no curves"),
        ("predictions.csv", "no predictions.csv: no scores with intervals, no classes"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, name: str, sentence: str) -> None:
    folder = write_run(tmp_path / "run")
    (folder / name).unlink()
    assert sentence in page_of(folder, write_run(tmp_path / "other")).text
    assert sentence in page_of(folder).text


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "predictions.csv"])
def test_any_file_alone_makes_a_page(tmp_path: Path, name: str) -> None:
    folder = write_run(tmp_path / "run")
    for path in folder.iterdir():
        if path.name != name:
            path.unlink()
    assert "What is missing" in [attrs.get("aria-label") for _, attrs in page_of(folder).tags]


def test_a_run_that_is_still_going(tmp_path: Path) -> None:
    write_description(tmp_path)
    metrics = tmp_path / "metrics.jsonl"
    metrics.touch()
    assert "no epoch is finished yet" in page_of(tmp_path).text
    metrics.write_text(step_line(1) + step_line(2)[:30])
    text = page_of(tmp_path).text
    assert "1 unreadable line of metrics.jsonl" in text and "Training loss" in text
    write_course(tmp_path, epochs=3)
    assert "3 of 10 epochs: it is still going, or ended early" in page_of(tmp_path).text


def test_a_run_that_diverged(tmp_path: Path) -> None:
    write_description(tmp_path)
    stop = {"kind": "stopped", "epoch": 2, "step": 2, "global_step": 22}
    stop |= {"reason": "the loss is not finite", "ids": ["<b>.wav", "c.wav"]}
    lines = [step_line(step) for step in range(1, 21)] + [epoch_line(1, None)]
    lines += [step_line(21, None), step_line(22, None), json.dumps(stop) + "\n"]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    predictions = make_predictions()
    predictions.scores[:7] = np.nan
    write_predictions(predictions, tmp_path / "predictions.csv")
    text = page_of(tmp_path).text
    assert "stopped at epoch 2, step 2: the loss is not finite" in text
    assert "Clips of that step (2) <b>.wav c.wav" in text
    assert "still going" not in text
    assert "the loss was no finite number at 2 of 22 steps, first at step 21" in text
    assert "the network gives NaN for 7 of 80 clips" in text
    assert "Validation ROC-AUC" not in text


def test_skipped_steps_are_told_and_are_no_fault(tmp_path: Path) -> None:
    write_description(tmp_path)
    skipped = {"skipped": True, "loss_scale": 512.0}
    lines = [step_line(1), step_line(2, None, **skipped), step_line(3, 0.4, **skipped)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    text = page_of(tmp_path).text
    assert "2 steps skipped for an overflow" in text
    assert "no finite number" not in text


def test_a_class_without_clips_is_named(tmp_path: Path) -> None:
    predictions = make_predictions()
    kept = predictions.labels[:, 5] == 0
    assert kept.sum() == 72
    few = dataclasses.replace(
        predictions,
        ids=tuple(np.array(predictions.ids)[kept]),
        paths=tuple(np.array(predictions.paths)[kept]),
        labels=predictions.labels[kept],
        scores=predictions.scores[kept],
    )
    write_predictions(few, tmp_path / "predictions.csv")
    text = page_of(tmp_path).text
    assert (
        "classes that all clips or none have are in no mean: 1, like jazz; the means are of" in text
    )
    assert "jazz 0 clips —" in text


def write_hostile_run(folder: Path) -> Path:
    """Write a run whose every name is hostile."""
    write_description(
        folder,
        settings={name: name for name in HOSTILE} | {"prefix": HOSTILE[0]},
        class_names=HOSTILE,
        skipped=[(name, f"/{name}", name) for name in HOSTILE],
        versions=dict.fromkeys(HOSTILE, HOSTILE[0]),
        checkpoint=HOSTILE[2],
        run_id=HOSTILE[1],
    )
    stop = {"kind": "stopped", "epoch": 1, "step": 1, "global_step": 1}
    stop |= {"reason": HOSTILE[0], "ids": HOSTILE}
    (folder / "metrics.jsonl").write_text(step_line(1) + json.dumps(stop) + "\n")
    # A file of UTF-8 holds bytes that are not, but no half characters; a CSV line no NUL.
    names = [name for name in HOSTILE if "\ud800" not in name and "\x00" not in name]
    write_predictions(make_predictions(names), folder / "predictions.csv")
    return folder


def test_names_are_text_whatever_they_are(tmp_path: Path) -> None:
    page = page_of(write_hostile_run(tmp_path / "<img src=x onerror=alert(1)>"))
    assert not {"script", "img", "b", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    for name in HOSTILE[:4]:
        assert page.text.count(name) >= 5
    for shown in (r"caf\udce9", r"lone \ud800 half", r"line\nbreak\x00\x1b[31m", "موسيقى"):
        assert shown in page.text
    assert "x" * 200 not in page.text


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    html = run_report([read_run(write_run(tmp_path / "run"))])
    page = Page(html)
    links = [
        value
        for _, attrs in page.tags
        for name, value in attrs.items()
        if name in ("src", "srcset", "href", "xlink:href", "action", "data", "poster") and value
    ]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert b"url(" not in re.sub(rb"url\(#\w+\)", b"", html)
    assert b"@import" not in html
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_tables_have_headings_and_pictures_have_texts(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run"))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("table") == tags.count("caption") == tags.count("thead") > 5
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    labels = [attrs.get("aria-label") or "" for tag, attrs in page.tags if tag == "svg"]
    assert len(labels) == 5 and all(": first " in label for label in labels)


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name) for name in ("first", "second")]
    first, second = (run_report([read_run(folder) for folder in folders]) for _ in range(2))
    assert first == second


def test_many_steps_and_epochs_make_no_large_page(tmp_path: Path) -> None:
    folders = []
    for name in ("first", "second"):
        folder = write_run(tmp_path / name)
        generator = np.random.default_rng(1)
        lines = [
            step_line(step, float(generator.random()), samples_per_second=generator.random())
            for step in range(1, 10_001)
        ]
        lines += [epoch_line(epoch, best=epoch == 7) for epoch in range(1, 1001)]
        (folder / "metrics.jsonl").write_text("".join(lines))
        folders.append(folder)
    assert len(run_report([read_run(folder) for folder in folders])) < 350_000
    first, *_ = view_runs([read_run(folder) for folder in folders])
    shown = epochs_table(first)
    assert [row.name for row in shown.rows][:4] == ["5", "7", "10", "15"]
    assert (len(shown.rows), shown.rows[-1].name) == (201, "1000")
    assert "one of each 5 is shown, and the best" in shown.title


def test_too_many_classes_for_a_matrix_are_listed(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(70)]
    write_predictions(make_predictions(names, clips=140), tmp_path / "predictions.csv")
    text = page_of(tmp_path).text
    assert "70 classes are too many for a matrix" in text
    assert "Classes taken for another most often" in text


def test_the_genres_stand_in_the_matrix(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    found = read_predictions(folder / "predictions.csv")
    metrics = compute_metrics(found.labels, found.scores, GENRES)
    assert metrics.confusion_matrix
    text = page_of(folder).text
    for name, row in zip(GENRES, metrics.confusion_matrix, strict=True):
        assert f"{name} {' '.join(map(str, row))}" in text


def test_runs_that_computed_in_other_numbers_are_told_apart(tmp_path: Path) -> None:
    exact = write_run(tmp_path / "a", precision="float32", repeatable=True)
    quick = write_run(tmp_path / "b", precision="float32, convolutions in HF32", repeatable=False)
    table = environment_table(view_runs([read_run(exact), read_run(quick)]))
    rows = {row.name: row for row in table.rows}
    assert list(rows["precision"].cells) == ["float32", "float32, convolutions in HF32"]
    assert rows["precision"].marked and rows["repeatable to the bit"].marked
