"""A collection that is a folder of audio files for each class."""

from pathlib import Path

import pytest

from fcn4_dist.clips import list_folder
from fcn4_dist.clips.folder import AUDIO_SUFFIXES
from fcn4_dist.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two clips each, as far as names tell."""
    for name in ("rock/b.mp3", "rock/a.wav", "jazz/b.ogg", "jazz/A.FLAC"):
        _touch(tmp_path / name)
    return tmp_path


def test_the_real_clips_are_three_classes_of_seven(real_clips: Path) -> None:
    collection = list_folder(real_clips, 3)
    assert collection.class_names == ("dog_bark", "rain", "rooster")
    classes = [class_name for _, _, class_name in collection.clips]
    assert classes == ["dog_bark"] * 7 + ["rain"] * 7 + ["rooster"] * 7
    for clip_id, path, class_name in collection.clips:
        assert clip_id == f"{class_name}/{path.name}"
        assert path.is_file()
    assert collection.ignored == ()


def test_clips_are_sorted_by_id_whatever_the_order_on_disk(folder: Path) -> None:
    # "rock" comes before "rock 2", "rock 2/" before "rock/".
    for number in (7, 3, 9, 1, 5):
        _touch(folder / "rock 2" / f"{number}.wav")
    collection = list_folder(folder, 3)
    assert collection.class_names == ("jazz", "rock", "rock 2")
    assert [clip_id for clip_id, _, _ in collection.clips] == [
        *("jazz/A.FLAC", "jazz/b.ogg"),
        *(f"rock 2/{number}.wav" for number in (1, 3, 5, 7, 9)),
        *("rock/a.wav", "rock/b.mp3"),
    ]


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_every_kind_of_audio_counts_in_small_and_capital_letters(folder: Path, suffix: str) -> None:
    _touch(folder / "rock" / f"c{suffix}")
    _touch(folder / "rock" / f"D{suffix.upper()}")
    collection = list_folder(folder, 2)
    assert {f"rock/c{suffix}", f"rock/D{suffix.upper()}"} <= {clip[0] for clip in collection.clips}


def test_files_that_are_not_audio_are_told_and_not_listed(folder: Path) -> None:
    _touch(folder / "rock" / "cover.jpg")
    _touch(folder / "rock" / "wav")
    collection = list_folder(folder, 2)
    assert set(collection.ignored) == {folder / "rock" / "cover.jpg", folder / "rock" / "wav"}
    assert len(collection.clips) == 4


@pytest.mark.parametrize("name", [".DS_Store", ".a.wav", "../.git/a.wav"])
def test_hidden_files_are_passed_over(folder: Path, name: str) -> None:
    before = list_folder(folder, 2)
    _touch(folder / "rock" / name)
    assert list_folder(folder, 2) == before


def test_what_is_no_audio_file_is_told_wherever_it_lies(folder: Path) -> None:
    _touch(folder / "loose.wav")
    _touch(folder / "rock" / "live" / "deep.wav")
    (folder / "rock" / "gone.wav").symlink_to(folder / "nowhere.wav")
    ignored = {path.relative_to(folder).as_posix() for path in list_folder(folder, 2).ignored}
    assert ignored == {"loose.wav", "rock/live", "rock/gone.wav"}


def test_a_single_class_folder_is_told_from_a_collection(folder: Path) -> None:
    with pytest.raises(InputError, match="holds audio files, not a folder for each class"):
        list_folder(folder / "rock", 2)


def test_names_with_blanks_and_letters_of_any_language_are_kept(folder: Path) -> None:
    _touch(folder / "rock" / "01 - 雨 é.wav")
    assert "rock/01 - 雨 é.wav" in [clip_id for clip_id, _, _ in list_folder(folder, 2).clips]


def test_a_missing_folder_is_refused_with_the_flag_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere is not a folder: .* --audio_path"):
        list_folder(tmp_path / "nowhere", 2)


def test_a_file_is_no_collection(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav is not a folder"):
        list_folder(folder / "rock" / "a.wav", 2)


def test_a_class_without_audio_is_named(folder: Path) -> None:
    _touch(folder / "pop" / "readme.txt")
    with pytest.raises(InputError, match=r"pop holds no audio file \(.*\.wav\): fill or remove it"):
        list_folder(folder, 3)


def test_another_number_of_classes_is_refused_with_the_flag_that_ends_it(folder: Path) -> None:
    sentence = r"holds 2 class folders \(jazz, rock\), num_classes is 10: give --num_classes 2"
    with pytest.raises(InputError, match=sentence):
        list_folder(folder, 10)


def test_an_empty_folder_is_no_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds 0 class folders \(none\)"):
        list_folder(tmp_path, 10)


def test_of_many_classes_the_first_are_shown(tmp_path: Path) -> None:
    for number in range(20):
        _touch(tmp_path / f"class{number:02}" / "a.wav")
    with pytest.raises(InputError, match=r"holds 20 class folders \(class00, .*class11, …\)"):
        list_folder(tmp_path, 10)


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
