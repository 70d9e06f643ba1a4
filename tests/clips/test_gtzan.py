"""GTZAN: ten genres of 100 clips, and the fault-filtered split."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fcn4_dist.clips import Collection, gtzan, read_collection
from fcn4_dist.clips.gtzan import GTZAN_GENRES
from fcn4_dist.clips.split import split_clips
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

LISTS = {"train": "train_filtered.txt", "val": "valid_filtered.txt", "test": "test_filtered.txt"}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Kaggle's form, as far as names tell: a clip of each genre."""
    for genre in GTZAN_GENRES:
        _touch(tmp_path / genre / f"{genre}.00000.wav")
    return tmp_path


def test_every_clip_has_its_genre_and_the_role_of_the_published_lists(
    tmp_path: Path, test_data: Path
) -> None:
    _touch_all(tmp_path, "{genre}/{genre}.{number:05}.wav")
    published = {
        line: role
        for role, name in LISTS.items()
        for line in (test_data / "gtzan_splits" / name).read_text().split()
    }
    collection = _read(tmp_path)
    assert collection.class_names == GTZAN_GENRES
    assert len(collection.clips) == 1000
    for clip in collection.clips:
        assert clip.labels == (clip.id.split("/")[0],)
        assert clip.role == published.get(clip.id, "")
    assert collection.findings == ()


def test_marsyas_spelling_and_ending_give_the_same_genres_and_roles(tmp_path: Path) -> None:
    _touch_all(tmp_path / "kaggle", "{genre}/{genre}.{number:05}.wav")
    _touch_all(tmp_path / "marsyas", "{genre}/{genre}.{number:05}.au", hiphop="hip-hop")
    kaggle, marsyas = _read(tmp_path / "kaggle"), _read(tmp_path / "marsyas")
    assert marsyas.clips[400].id == "hip-hop/hip-hop.00000.au"
    assert marsyas.class_names == kaggle.class_names
    for one, other in zip(kaggle.clips, marsyas.clips, strict=True):
        assert (one.labels, one.role) == (other.labels, other.role)


def test_the_filtered_split_has_its_published_sizes(tmp_path: Path) -> None:
    _touch_all(tmp_path, "{genre}/{genre}.{number:05}.wav")
    roles = Counter(clip.role for clip in _read(tmp_path).clips)
    assert roles == {"train": 443, "val": 197, "test": 290, "": 70}


def test_clips_of_one_song_are_a_group_in_each_spelling(tmp_path: Path) -> None:
    _touch_all(tmp_path / "kaggle", "{genre}/{genre}.{number:05}.wav")
    _touch_all(tmp_path / "marsyas", "{genre}/{genre}.{number:05}.au", hiphop="hip-hop")
    kaggle, marsyas = _read(tmp_path / "kaggle"), _read(tmp_path / "marsyas")
    groups = {clip.id: clip.group for clip in kaggle.clips}
    assert [clip.group for clip in marsyas.clips] == list(groups.values())
    assert groups["reggae/reggae.00080.wav"] == groups["reggae/reggae.00082.wav"] == "reggae.00080"
    assert groups["rock/rock.00016.wav"] == groups["metal/metal.00058.wav"] == "metal.00058"
    assert groups["blues/blues.00000.wav"] == ""
    sizes = Counter(filter(None, groups.values()))
    assert (len(sizes), sizes.total(), min(sizes.values())) == (68, 147, 2)


def test_no_song_is_in_two_sets_of_the_published_split(tmp_path: Path) -> None:
    _touch_all(tmp_path, "{genre}/{genre}.{number:05}.wav")
    sets = {(clip.group, clip.role) for clip in _read(tmp_path).clips if clip.group and clip.role}
    assert max(Counter(group for group, _ in sets).values()) == 1


@pytest.mark.parametrize("split", [{}, {"split": "kfold", "folds": 10}])
def test_a_drawn_split_has_its_share_of_each_genre_with_songs_on_one_side(
    tmp_path: Path, split: dict[str, Any]
) -> None:
    _touch_all(tmp_path, "{genre}/{genre}.{number:05}.wav")
    clips = _read(tmp_path).clips
    roles = split_clips(clips, {}, Settings(dataset="gtzan", **split)).roles
    validation = Counter(clip.labels[0] for clip in clips if roles[clip.id] == "val")
    assert set(validation.values()) == {10 if split else 20}
    sides = {(clip.group, roles[clip.id]) for clip in clips if clip.group}
    assert len(sides) == 68


@pytest.mark.parametrize("name", ["genres", "genres_original"])
def test_the_folder_above_will_do_and_is_remarked(tmp_path: Path, small: Path, name: str) -> None:
    above = tmp_path / "above"
    _touch(above / "features_30_sec.csv")
    (above / name).mkdir(parents=True)
    for genre in GTZAN_GENRES:
        (small / genre).rename(above / name / genre)
    collection = _read(above)
    assert str(collection.findings[0]) == f"read GTZAN from {above / name}, below audio_path"
    assert collection.clips[0].id == f"{name}/blues/blues.00000.wav"
    assert collection.clips[0].role == "val"


def test_missing_and_unknown_genre_folders_are_named_in_a_line_each(small: Path) -> None:
    (small / "reggae").rename(small / "raggae")
    (small / "rock" / "rock.00000.wav").unlink()
    (small / "rock").rmdir()
    with pytest.raises(InputError) as info:
        _read(small)
    missing, unknown = str(info.value).splitlines()
    assert f"{small} lacks genre folders of GTZAN: 2, like reggae, rock: name " in missing
    assert f"{small} holds folders that are no genre of GTZAN: 1, like raggae: " in unknown


def test_a_genre_without_clips_is_named(small: Path) -> None:
    (small / "pop" / "pop.00000.wav").rename(small / "pop" / "song.wav")
    with pytest.raises(InputError, match=r"without a clip .*blues\.00000\.wav: 1, like pop: "):
        _read(small)


@pytest.mark.parametrize(
    "name",
    ["blues/blues.0001.wav", "blues/jazz.00001.wav", "blues/b.wav", "blues/blues/blues.00001.wav"],
)
def test_files_of_other_names_are_remarked_and_ignored(small: Path, name: str) -> None:
    before = _read(small)
    _touch(small / name)
    collection = _read(small)
    assert collection.clips == before.clips
    assert any(f"1, like {name}; they are ignored" in str(remark) for remark in collection.findings)


def test_another_number_of_clips_is_remarked(tmp_path: Path) -> None:
    _touch_all(tmp_path, "{genre}/{genre}.{number:05}.wav")
    (tmp_path / "jazz" / "jazz.00054.wav").unlink()
    (remark,) = map(str, _read(tmp_path).findings)
    assert remark == f"GTZAN has 100 clips of each genre, {tmp_path} has 99 of jazz"


def test_a_clip_in_both_endings_is_named(small: Path) -> None:
    _touch(small / "jazz" / "jazz.00000.au")
    with pytest.raises(InputError, match=r"holds clips twice: 2, like jazz/jazz\.00000\.au, jazz"):
        _read(small)


def test_a_list_that_was_changed_is_refused(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / ".lists"
    for name in LISTS.values():
        _touch(changed / name)
    monkeypatch.setattr(gtzan, "_LISTS_FOLDER", changed)
    with pytest.raises(
        InputError, match=r"train_filtered\.txt .* damaged: install fcn4_dist again"
    ):
        _read(small)


def _read(folder: Path) -> Collection:
    return read_collection(Settings(dataset="gtzan", audio_path=str(folder)))


def _touch_all(folder: Path, pattern: str, **spelling: str) -> None:
    for genre in GTZAN_GENRES:
        for number in range(100):
            _touch(folder / pattern.format(genre=spelling.get(genre, genre), number=number))


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
