"""How many clips of each class the sets have, as rows of tables."""

from dataclasses import replace
from pathlib import Path

from fcn4_dist.records import read_manifest
from fcn4_dist.records.class_counts import (
    classes_without_clips_in,
    counts_by_class,
    counts_in_short,
)


def test_each_class_has_a_row_and_each_set_a_column(shards: Path) -> None:
    rows = counts_by_class(read_manifest(shards))
    assert rows[0] == ["class", "train", "val", "left out", "skipped"]
    assert rows[1] == ["dog_bark", "6", "1", "0", "0"]
    assert rows[-1] == ["all clips", "16", "5", "0", "0"]


def test_in_short_each_set_has_a_row_with_its_rarest_and_most_frequent_class(shards: Path) -> None:
    manifest = read_manifest(shards)
    manifest = replace(manifest, class_names=("blues", *manifest.class_names))
    assert counts_in_short(manifest)[1:] == [
        ["train", "16", "3 of 4", "5 (rain and 1 more)", "5", "6 (dog_bark)"],
        ["val", "5", "3 of 4", "1 (dog_bark)", "2", "2 (rain and 1 more)"],
    ]
    assert classes_without_clips_in(manifest, "val") == ["blues"]


def test_a_set_without_any_label_and_clips_in_no_set_have_their_row(shards: Path) -> None:
    manifest = read_manifest(shards)
    unlabelled = [replace(clip, labels=()) for clip in manifest.clips]
    unlabelled[0] = replace(unlabelled[0], set=None, status="skipped")
    rows = counts_in_short(replace(manifest, clips=tuple(unlabelled)))
    assert rows[1] == ["train", "15", "0 of 3", "0 (none)", "0", "0 (none)"]
    assert rows[-1] == ["skipped", "1", "", "", "", ""]
