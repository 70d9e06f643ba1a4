"""The collection the settings name, with its audio at hand and without."""

import shutil
from pathlib import Path

import pytest

from fcn4_dist.clips import (
    Collection,
    choose_fold,
    choose_for_dataset,
    read_collection,
    write_annotations,
)
from fcn4_dist.clips.synthetic import GENRES, write_collection
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.errors import InputError


@pytest.fixture(params=["folder", "gtzan", "synthetic"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a made collection, which is also a folder of classes and has GTZAN's form."""
    for _ in write_collection(tmp_path / "audio", 2, 0.1, 1):
        pass
    return Settings(
        dataset=request.param, audio_path=str(tmp_path / "audio"), info_path=str(tmp_path)
    )


def test_the_annotations_say_without_the_audio_what_it_said(settings: Settings) -> None:
    listed = read_collection(settings)
    write_annotations(listed, Path(settings.info_path) / settings.info_name)
    shutil.rmtree(settings.audio_path)
    read = read_collection(settings, with_audio=False)
    assert read.clips == listed.clips
    assert read.class_names == listed.class_names == GENRES


def test_without_audio_and_annotations_the_stage_that_writes_them_is_named(
    settings: Settings,
) -> None:
    with pytest.raises(InputError, match=r"annotations_final\.csv is missing: .* --get_npy 1"):
        read_collection(settings, with_audio=False)


def test_only_gtzan_has_a_published_split(settings: Settings) -> None:
    has_roles = any(clip.role for clip in read_collection(settings).clips)
    assert has_roles == (settings.dataset == "gtzan")


@pytest.mark.parametrize("dataset", ["gtzan", "synthetic"])
def test_annotations_of_other_genres_are_refused(dataset: str, tmp_path: Path) -> None:
    tags = [f"class {number}" for number in range(10)]
    rows = [["clip_id", *tags, "mp3_path"], ["1", *"1111111111", "a.wav"]]
    file = tmp_path / "annotations_final.csv"
    file.write_text("".join("\t".join(row) + "\n" for row in rows))
    settings = Settings(dataset=dataset, info_path=str(tmp_path))
    with pytest.raises(InputError, match=rf"does not hold the classes of --dataset {dataset}, bl"):
        read_collection(settings, with_audio=False)


def test_a_made_collection_that_is_not_there_is_made_by_synth(tmp_path: Path) -> None:
    settings = Settings(dataset="synthetic", audio_path=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere is not a folder: run fcn4-dist synth"):
        read_collection(settings)


def test_another_folder_is_no_made_collection(real_clips: Path) -> None:
    settings = Settings(dataset="synthetic", audio_path=str(real_clips), num_classes=3)
    with pytest.raises(InputError, match=r"other folders than blues, .*: run fcn4-dist synth"):
        read_collection(settings)


@pytest.mark.parametrize("given", [{}, {"info_path": "elsewhere"}])
def test_annotations_beside_the_audio_are_found_where_no_other_place_is_given(
    given: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "annotations_final.csv").touch()
    flags = {"dataset": "magnatagatune", "audio_path": str(tmp_path), **given}
    settings = choose_for_dataset(load_settings([], flags)).settings
    assert settings.info_path == (given.get("info_path") or str(tmp_path))


@pytest.mark.parametrize(
    ("flags", "fold"),
    [({}, 0), ({"fold": "2"}, 2), ({"split": "kfold"}, 1), ({"fold": "7"}, 7)],
)
def test_the_first_published_fold_is_taken_where_none_is_given(
    flags: dict[str, str], fold: int
) -> None:
    loaded = load_settings(flags={"dataset": "csv", **flags})
    assert choose_fold(loaded, Collection((), (), folds=(0, 1, 2))).settings.fold == fold
    assert choose_fold(loaded, Collection((), ())).settings.fold == loaded.settings.fold


def test_missing_audio_is_found_in_folders_of_few_and_of_many(tmp_path: Path) -> None:
    names = [
        f"{folder}/{number:02}.wav"
        for folder, size in (("a", 3), ("b", 30))
        for number in range(size)
    ]
    lines = ["path,labels", *(f"{name},{name[0]}" for name in names)]
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    missing = {"a/01.wav", "b/07.wav", "b/11.wav"}
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name not in missing:
            (tmp_path / name).touch()
    (tmp_path / "b/08.wav").unlink()
    (tmp_path / "b/08.wav").symlink_to("09.wav")
    # A folder of that name is no audio.
    (tmp_path / "b/11.wav").mkdir()
    at = {name: str(tmp_path) for name in ("audio_path", "info_path")}
    collection = read_collection(Settings(dataset="csv", info_name="clips.csv", **at), counted=True)
    assert collection.missing == missing
    (told,) = collection.findings
    assert "audio files that are missing: 3, like a/01.wav in line 3, b/07.wav" in str(told)
