"""What every collection is checked for, wherever it comes from."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fcn4_dist.clips import Clip, Collection, read_collection
from fcn4_dist.clips.checks import check_collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError


def _sentences(
    classes: Sequence[str], ids: Sequence[str] = (), num_classes: int | None = 2
) -> list[str]:
    clips = tuple(Clip(clip_id, Path(clip_id), ()) for clip_id in ids)
    collection = Collection(tuple(classes), clips)
    return list(map(str, check_collection(collection, "clips.csv", num_classes)))


def test_nothing_is_wrong_with_clips_of_their_own_and_the_right_number_of_classes() -> None:
    assert _sentences(["jazz", "rock"], ["jazz/a.wav", "jazz/b.wav"]) == []


def test_another_number_of_classes_is_told_with_the_flag_that_ends_it() -> None:
    assert _sentences(["jazz", "rock"], num_classes=10) == [
        "clips.csv holds 2 classes (jazz, rock), num_classes is 10: give --num_classes 2, or name "
        "another collection"
    ]


def test_of_many_classes_the_first_are_shown() -> None:
    (sentence,) = _sentences([f"class{number:02}" for number in range(20)])
    assert "holds 20 classes (class00, class01, " in sentence
    assert "class11, …)" in sentence


@pytest.mark.parametrize(
    ("classes", "sentences"),
    [
        (["jazz", "metal", "rock"], []),
        (
            ["jazz"],
            [
                "clips.csv holds one class (jazz), from which nothing can be told: name the folder "
                "in which each class has one of its own, or another collection, or give "
                "--num_classes 1 if it is meant"
            ],
        ),
        (
            ["test", "train"],
            [
                "clips.csv holds 2 classes, and it is not sure that all are meant: if 'test' is a "
                "class, and no set, give --num_classes 2; else mend the names, or name another "
                "collection"
            ],
        ),
        (
            ["jazz", "rock", "rocks"],
            ["clips.csv holds 3 classes, if 'rock' and 'rocks' are classes of their own"],
        ),
        # Of hundreds, some always resemble each other.
        ([f"genre---rock{number}" for number in range(61)], []),
    ],
)
def test_where_nobody_has_counted_the_classes_what_is_odd_about_them_is_said(
    classes: list[str], sentences: list[str]
) -> None:
    assert _sentences(classes, num_classes=None) == sentences


@pytest.mark.parametrize("name", ["Rock", " rock", "rock ", "ROCK "])
def test_classes_that_differ_by_case_or_blanks_alone_are_named(name: str) -> None:
    assert _sentences(["rock", name]) == [
        "clips.csv holds classes whose names look the same, but for case, blanks or letters of "
        f"another form: 1, like 'rock' and {name!r}: give each class one name"
    ]


def test_clips_that_are_there_twice_or_outside_the_folder_are_named() -> None:
    twice, outside = _sentences(["jazz", "rock"], ["a.wav", "b.wav", "a.wav", "../c.wav"])
    assert twice == (
        "clips.csv names clips more than once: 1, like a.wav: leave one entry for each clip"
    )
    assert outside.startswith("clips.csv names clips outside audio_path: 1, like ../c.wav: name ")


def test_a_clip_by_its_absolute_path_and_below_the_folder_is_there_twice(tmp_path: Path) -> None:
    clips = tuple(Clip(name, tmp_path / name, ()) for name in ("a.wav", f"{tmp_path}/x/../a.wav"))
    (finding,) = check_collection(Collection(("a", "b"), clips), "clips.csv", 2)
    assert str(finding).startswith("clips.csv names clips more than once: 1, like ")


def test_missing_audio_is_a_warning_as_long_as_some_is_there(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_text("path,labels\na.wav,x\nb.wav,x\nc.wav,y\n")
    (tmp_path / "a.wav").touch()
    settings = Settings(
        dataset="csv",
        audio_path=str(tmp_path),
        info_path=str(tmp_path),
        info_name="clips.csv",
        num_classes=2,
    )
    collection = read_collection(settings)
    assert len(collection.clips) == 3
    assert list(map(str, collection.findings)) == [
        f"{file} names audio files that are missing: 2, like b.wav in line 3, c.wav in line 4; "
        "their clips are skipped"
    ]
    (tmp_path / "a.wav").unlink()
    with pytest.raises(InputError, match=r"none of the audio files .*: 3, like .* --audio_path"):
        read_collection(settings)
