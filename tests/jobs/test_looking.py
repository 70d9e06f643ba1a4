"""A look at music: which kind of collection it is, and what keeps it from being learnt from."""

import shutil
from pathlib import Path

import pytest

from fcn4_dist.clips.gtzan import GTZAN_GENRES
from fcn4_dist.config import load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.looking import Music, look_at


@pytest.fixture
def music(real_clips: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "Björk's music"
    shutil.copytree(real_clips, folder)
    return folder


def look(path: Path, **flags: str) -> Music:
    return look_at(path, load_settings(None, flags))


def test_a_folder_of_class_folders_is_read_as_one(music: Path) -> None:
    seen = look(music)

    assert seen.dataset.name == "folder"
    assert seen.found["audio_path"] == str(music)
    assert seen.found["num_classes"] == 3
    assert seen.clips_of_classes == {"dog_bark": 7, "rain": 7, "rooster": 7}
    assert seen.seconds == (1.5,) * 21


def test_the_only_folder_in_a_folder_is_gone_down_to(music: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "archive" / "unpacked"
    unpacked.mkdir(parents=True)
    music.rename(unpacked / "music")

    assert look(tmp_path / "archive").place == unpacked / "music"


def test_a_csv_file_is_read_with_the_audio_beside_it(music: Path) -> None:
    (music / "labels.csv").write_text(
        "path,labels,split\n"
        "rain/1-17367-A.ogg,rain,train\ndog_bark/1-30226-A.ogg,dog|loud,train\n"
        "rain/1-21189-A.ogg,rain,test\n"
    )

    seen = look(music / "labels.csv")

    assert seen.dataset.name == "csv"
    assert seen.found["info_name"] == "labels.csv"
    assert seen.collection.class_names == ("dog", "loud", "rain")
    assert not seen.has_single_labels


def test_gtzan_is_known_by_its_names_alone(real_clip: Path, tmp_path: Path) -> None:
    for genre in GTZAN_GENRES:
        (tmp_path / "genres_original" / genre).mkdir(parents=True)
        for number in range(99):
            (tmp_path / "genres_original" / genre / f"{genre}.{number:05}.wav").touch()

    assert look(tmp_path).dataset.name == "gtzan"


def test_magnatagatune_is_known_by_its_file_and_folders(music: Path) -> None:
    (music / "rain").rename(music / "0")
    (music / "rooster").rename(music / "c")
    rows = ["clip_id\tslow\tloud\tmp3_path"]
    rows += [f"1\t1\t0\t0/{path.name}" for path in (music / "0").iterdir()]
    rows += [f"2\t0\t1\tc/{path.name}" for path in (music / "c").iterdir()]
    (music / "annotations_final.csv").write_text("\n".join(rows))

    for path in (music, music / "annotations_final.csv"):
        assert look(path).dataset.name == "magnatagatune"
        assert look(path).found["num_classes"] == 2


def test_songs_without_folders_are_of_the_classes_that_their_names_say(music: Path) -> None:
    for number, song in enumerate(sorted(music.rglob("*.ogg"))):
        song.rename(music / f"{number % 3}-{song.parent.name}-{song.name}")

    seen = look(music, label_pattern=r"^\d-(\w+)-")

    assert (seen.place, seen.dataset.name) == (music, "folder")
    assert seen.clips_of_classes == {"dog_bark": 7, "rain": 7, "rooster": 7}
    assert "say with --label_pattern where labels are in their names" in refusal_of(music)
    with pytest.raises(InputError, match="is no folder: leave out --label_pattern"):
        look(next(music.glob("*.ogg")), label_pattern="a")


def test_what_was_given_is_not_found_out(music: Path) -> None:
    seen = look(music, dataset="folder", num_classes="3")

    assert "num_classes" not in seen.found


def test_what_cannot_be_learnt_from_is_told_in_a_sentence(music: Path) -> None:
    for folder in ("rain", "rooster"):
        (music / folder).rename(music.parent / folder)
    assert f"{music} holds one class" in refusal_of(music)

    shutil.rmtree(music / "dog_bark")
    assert f"{music} holds no audio (.aif, .aiff, .au, .flac, " in refusal_of(music)

    for path in (music.parent / "rain").iterdir():
        path.rename(music / path.name)
    assert "songs, and no folder for each class: put them into folders" in refusal_of(music)

    shutil.rmtree(music)
    assert f"there is no folder or file {music}: name the folder" in refusal_of(music)


def refusal_of(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        look(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_song_is_no_collection(real_clip: Path) -> None:
    with pytest.raises(InputError, match="is a song: name a folder"):
        look(real_clip)


def test_music_is_named_once(music: Path) -> None:
    with pytest.raises(InputError, match=r"--audio_path and .* both say where the music is"):
        look(music, audio_path="elsewhere")
