"""Three hundred tags, most of them rare, on the whole road: what is said stays short and true."""

import csv
import json
import random
from pathlib import Path

import pytest

from fcn4_dist.cli import main

pytestmark = pytest.mark.slow

KINDS = (
    "genre---{}",
    "mood/theme---{} & more",
    "Größe {} für Orchester",
    "标签 {}",
    "{} " + "x" * 60,
)
TAGS = [KINDS[number % 5].format(f"no. {number}") for number in range(300)]
SMALL = ["--window_seconds", "1.5", "--hop_length", "96", "--n_mels", "32"]
LONGEST_LINE = 1600


def write_collection(clips: Path, folder: Path) -> None:
    """Give real clips 300 tags, the first ones often and the last ones once."""
    drawn = random.Random(1)
    files = sorted(path.relative_to(clips).as_posix() for path in clips.rglob("*.ogg"))
    weights = [1 / (number + 1) for number in range(len(TAGS))]
    labels = {file: set(drawn.choices(TAGS, weights, k=drawn.randint(1, 12))) for file in files}
    for number, tag in enumerate(TAGS):
        labels[files[number % len(files)]].add(tag)
    with open(folder / "clips.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "labels", "split", "fold"])
        for number, name in enumerate(files):
            role, fold = ("test", "") if number % 5 == 4 else ("", number % 3 + 1)
            writer.writerow([name, "|".join(sorted(labels[name])), role, fold])


def test_what_is_said_of_hundreds_of_tags_stays_short(
    real_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_collection(real_clips, tmp_path)

    def said(*words: str) -> list[str]:
        assert main(list(words)) == 0
        captured = capsys.readouterr()
        lines = (captured.out + captured.err).splitlines()
        assert max(map(len, lines)) < LONGEST_LINE
        return lines

    def holds(lines: list[str], *parts: str) -> bool:
        return any(all(part in line for part in parts) for line in lines)

    shards, run, scored = (str(tmp_path / name) for name in ("shards", "run", "scored"))
    of_audio = ["--dataset", "csv", "--audio_path", str(real_clips), "--info_path", str(tmp_path)]
    of_audio += ["--info_name", "clips.csv", "--npy_path", str(tmp_path / "npy")]
    lines = said("preprocess", *of_audio, "--mr_path", shards, "--fold", "2", *SMALL)
    assert len(lines) < 60
    assert holds(lines, "num_classes", "300", "found in", "clips.csv")
    assert holds(lines, "train ", " of 300 ", " more)")
    assert holds(lines, "each class by itself: fcn4-dist inspect ")
    weights = ["--checkpoint_path", str(tmp_path / "weights")]
    lines = said(
        *("train", "--mr_path", shards, "--run_dir", run, "--width", "0.125", *weights),
        *("--batch_size", "4", "--epoch_size", "1"),
    )
    assert holds(lines, "the training set has no clip of classes: ", "nothing is learnt of them")
    assert holds(lines, "validation: classes that all clips or none have", "the means are of ")
    lines = said("eval", "--model", run, "--run_dir", scored)
    assert len(lines) < 60
    assert holds(lines, "these are the lowest and highest of ", "metrics.json has all")
    content = json.loads((tmp_path / "scored/metrics.json").read_text("utf-8"))
    assert [each["name"] for each in content["classes"]] == sorted(TAGS)
    counted = sum(each["roc_auc"] is not None for each in content["classes"])
    assert 0 < counted == 300 - len(content["left_out"])
    assert holds(lines, f"classes in the means {counted} of 300")
    said("report", run, scored, "--output", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert f"the means are of {counted} of 300" in page and "标签 " in page
    assert page.count('class="track"') == 2 * 300
    lines = said("inspect", shards, "--per_class", "1")
    assert holds(lines, "train has no clip of classes: ")
    assert holds(lines, "of the 50 classes of 300 that have most clips")
