"""MagnaTagATune: published annotations, its tags and its split by folder."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fcn4_dist.clips import Collection, read_collection, recognise_dataset
from fcn4_dist.clips.magnatagatune import MAGNATAGATUNE, MODELZOO_TAGS
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

BACH = "f/american_bach_soloists-j_s__bach_solo_cantatas-01-bwv54__i_aria"
TAGS = ("no voice", "singer", "duet", "harp")
ROWS = [
    (f"{BACH}-30-59.mp3", "harp", "duet"),
    (f"{BACH}-59-88.mp3", "harp", "singer"),
    ("0/lvx_nova-lvx_nova-01-contessa-117-146.mp3", "harp", "duet", "no voice"),
    ("c/lvx_nova-lvx_nova-01-contessa-146-175.mp3", "singer"),
    ("b/jade_leary-and_come_the_sirens-10-going_in-0-29.mp3",),
]


def test_the_most_frequent_tags_are_the_classes_and_ties_go_by_name(tmp_path: Path) -> None:
    collection = _read(tmp_path, num_classes=2)
    assert collection.class_names == ("harp", "duet")
    assert _read(tmp_path, num_classes=4).class_names == ("harp", "duet", "singer", "no voice")
    labels = {clip.id: clip.labels for clip in collection.clips}
    assert labels[f"{BACH}-30-59.mp3"] == ("harp", "duet")
    assert labels[f"{BACH}-59-88.mp3"] == ("harp",)


def test_clips_with_none_of_the_tags_stay_and_are_counted(tmp_path: Path) -> None:
    collection = _read(tmp_path, num_classes=2)
    assert sum(clip.labels == () for clip in collection.clips) == 2
    assert "without any of the 2 classes: 2, like c/lvx_nova" in str(collection.findings[0])


def test_the_published_split_goes_by_the_first_folder(tmp_path: Path) -> None:
    rows = [(f"{digit}/a-b-01-c-0-29.mp3", *TAGS) for digit in "0123456789abcdef"]
    collection = _read(tmp_path, rows=rows)
    roles = {clip.id[0]: clip.role for clip in collection.clips}
    assert [role for _, role in sorted(roles.items())] == ["train"] * 12 + ["val"] + ["test"] * 3


def test_a_clip_in_another_folder_has_no_role_and_is_counted(tmp_path: Path) -> None:
    collection = _read(tmp_path, rows=[*ROWS, ("mine/a-b-01-c-0-29.mp3", "harp")])
    assert collection.clips[-1].role == ""
    assert "not in a folder 0 to f: 1, like mine/a-b" in str(collection.findings[-1])


def test_clips_of_one_song_are_one_group(tmp_path: Path) -> None:
    groups = {clip.id: clip.group for clip in _read(tmp_path).clips}
    assert groups[f"{BACH}-30-59.mp3"] == groups[f"{BACH}-59-88.mp3"] == BACH
    assert len(set(groups.values())) == 4


def test_a_path_that_names_no_excerpt_has_no_group(tmp_path: Path) -> None:
    collection = _read(tmp_path, rows=[*ROWS, ("0/a.mp3", "harp")])
    assert next(clip.group for clip in collection.clips if clip.id == "0/a.mp3") == ""


def test_the_modelzoo_has_fifty_tags_in_its_order(tmp_path: Path) -> None:
    assert len(set(MODELZOO_TAGS)) == 50
    assert (MODELZOO_TAGS[0], MODELZOO_TAGS[-1]) == ("choral", "guitar")
    tags = sorted({*MODELZOO_TAGS, "singer"})
    rows = [("0/a-b-01-c-0-29.mp3", *tags), ("0/a-b-01-c-29-58.mp3", "guitar", "harp", "singer")]
    collection = _read(tmp_path, tags, rows, num_classes=50, tag_list="modelzoo")
    assert collection.class_names == MODELZOO_TAGS
    assert collection.clips[1].labels == ("harp", "guitar")


def test_the_modelzoo_s_list_needs_fifty_classes_and_its_tags(tmp_path: Path) -> None:
    with pytest.raises(InputError) as info:
        _read(tmp_path, tag_list="modelzoo")
    lacking, number = str(info.value).splitlines()
    assert "mend what else is found first" in number
    assert "lacks tags of the ModelZoo's list: 48, like choral," in lacking
    assert lacking.endswith("give --tag_list count")


def test_a_tag_that_no_clip_has_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has classes without a clip: 1, like no voice: "):
        _read(tmp_path, rows=[("0/a-b-01-c-0-29.mp3", "harp", "duet", "singer")])


def test_malformed_and_repeated_rows_are_told_at_once(tmp_path: Path) -> None:
    file = _write(tmp_path, TAGS, [*ROWS, ROWS[0]])
    file.write_text(file.read_text() + "9\t1\t0\ta.mp3\n" + "10\t1\t0\t0\t2\tb.mp3\n")
    with pytest.raises(InputError) as info:
        read_collection(_settings(tmp_path), with_audio=False)
    malformed, repeated = str(info.value).splitlines()
    assert malformed.startswith(f"{file} has rows that are not clip_id, 4 tags of 0 or 1, and mp3")
    assert "2, like line 8 (4 fields), line 9 ('2' for 'harp'): mend" in malformed
    assert f"more than once: 1, like {BACH}-30-59.mp3" in repeated


def test_it_is_found_from_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "magnatagatune" / "f").mkdir(parents=True)
    _write(tmp_path / "magnatagatune", TAGS, ROWS)
    collection = read_collection(_settings(tmp_path), with_audio=False)
    clip = collection.clips[-1]
    assert recognise_dataset(tmp_path) is MAGNATAGATUNE
    assert (clip.id[:2], clip.role) == ("f/", "test")
    assert clip.path.parent == tmp_path / "magnatagatune" / "f"


def test_where_it_is_not_both_places_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no annotations_final\.csv of MagnaTagATune: name"):
        read_collection(_settings(tmp_path), with_audio=False)


def _read(
    folder: Path,
    tags: Sequence[str] = TAGS,
    rows: Sequence[tuple[str, ...]] = ROWS,
    **others: str | int,
) -> Collection:
    _write(folder, tags, rows)
    return read_collection(_settings(folder, **others), with_audio=False)


def _settings(folder: Path, num_classes: int = 4, tag_list: str = "count") -> Settings:
    return Settings(
        dataset="magnatagatune",
        audio_path=str(folder),
        info_path=str(folder),
        num_classes=num_classes,
        tag_list=tag_list,
    )


def _write(folder: Path, tags: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Path:
    """Write annotations in the published form: rows of a path and the tags that are 1."""
    table = [["clip_id", *tags, "mp3_path"]]
    for number, (path, *given) in enumerate(rows, start=2):
        table.append([str(number), *(str(int(tag in given)) for tag in tags), path])
    file = folder / "annotations_final.csv"
    file.write_text("".join("\t".join(f'"{field}"' for field in row) + "\n" for row in table))
    return file
