"""FSDKaggle2018 as Zenodo and as Kaggle have it: two tables, two folders."""

from collections import Counter
from pathlib import Path

import pytest

from fcn4_dist.clips import Collection, read_collection, recognise_dataset
from fcn4_dist.clips.fsdkaggle2018 import FSDKAGGLE2018_CLASSES
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

META = "FSDKaggle2018.meta"
TRAINING = f"{META}/train_post_competition.csv"
SCORED = f"{META}/test_post_competition_scoring_clips.csv"
# Rows as they were published; the clip that was ignored is one of the three empty ones.
ROWS = (
    "00044347.wav,Hi-hat,0,28739,Attribution",
    "001ca53d.wav,Saxophone,1,358827,Attribution",
    "002d256b.wav,Trumpet,0,10897,Creative Commons 0",
)
TEST_ROWS = (
    "00326aa9.wav,Oboe,Private,355125,Attribution",
    "0038a046.wav,Bass_drum,Public,90621,Creative Commons 0",
)
IGNORED = "0b0427e2.wav,None,Ignored,150299,Attribution"


@pytest.fixture
def zenodo(tmp_path: Path) -> Path:
    """The form of Zenodo's archives: of every class a clip, and a few more."""
    folder = tmp_path / "zenodo" / "FSDKaggle2018"
    rows = [*ROWS, *(f"a{i:07}.wav,{name},1,{i},Attribution" for i, name in _classes())]
    _write(folder / TRAINING, "fname,label,manually_verified,freesound_id,license", rows)
    _write(folder / SCORED, "fname,label,usage,freesound_id,license", TEST_ROWS)
    _touch_all(folder / "FSDKaggle2018.audio_train", rows)
    _touch_all(folder / "FSDKaggle2018.audio_test", TEST_ROWS)
    return folder


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """The form of Kaggle's files, with what was never scored among the test clips."""
    folder = tmp_path / "kaggle" / "FSDKaggle2018"
    rows = [*(row.rsplit(",", 2)[0] for row in ROWS), *(f"{i}.wav,{n},1" for i, n in _classes())]
    _write(folder / "train.csv", "fname,label,manually_verified", rows)
    tests = [*TEST_ROWS, IGNORED]
    _write(folder / "test_post_competition.csv", "fname,label,usage,freesound_id,license", tests)
    _touch_all(folder / "audio_train", rows)
    _touch_all(folder / "audio_test", tests)
    return folder


def test_zenodos_tables_and_folders_are_the_training_and_the_test_set(zenodo: Path) -> None:
    collection = _read(zenodo)
    assert collection.class_names == FSDKAGGLE2018_CLASSES == tuple(sorted(FSDKAGGLE2018_CLASSES))
    assert Counter(clip.role for clip in collection.clips) == {"train": 44, "test": 2}
    clips = {clip.id: clip for clip in collection.clips}
    saxophone = clips["FSDKaggle2018.audio_train/001ca53d.wav"]
    assert (saxophone.labels, saxophone.line) == (("Saxophone",), 3)
    assert saxophone.path.is_file()
    assert clips["FSDKaggle2018.audio_test/0038a046.wav"].labels == ("Bass_drum",)
    short, verified = map(str, collection.findings)
    assert "2, like 44 of 9473 training clips, 2 of 1600 test clips; what is there" in short
    assert verified == (
        f"42 of the 44 labels in {zenodo / TRAINING} were verified by people; the others may be "
        "wrong"
    )


def test_kaggles_files_are_read_without_what_was_never_scored(kaggle: Path) -> None:
    collection = _read(kaggle)
    assert Counter(clip.role for clip in collection.clips) == {"train": 44, "test": 2}
    assert collection.clips[0].id == "audio_test/00326aa9.wav"
    assert not any("does not name" in str(each) for each in collection.findings)
    (kaggle / "train.csv").rename(kaggle / "train_post_competition.csv")
    assert len(_read(kaggle).clips) == 46


def test_both_forms_are_recognised_also_from_the_folder_above(zenodo: Path, kaggle: Path) -> None:
    for folder in (zenodo, zenodo.parent, kaggle, kaggle.parent):
        found = recognise_dataset(folder)
        assert found is not None
        assert found.name == "fsdkaggle2018"


def test_without_a_table_of_the_test_set_there_is_no_published_split(zenodo: Path) -> None:
    (zenodo / SCORED).unlink()
    collection = _read(zenodo)
    assert not any(clip.role for clip in collection.clips)
    assert "0 of 1600 test clips" in str(collection.findings[0])
    assert str(collection.findings[-1]) == (
        f"{zenodo / META} holds no table of the test set (test_post_competition_scoring_clips.csv "
        "or test_post_competition.csv): the sets are drawn from the others"
    )


def test_tables_may_be_elsewhere_than_the_audio(zenodo: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    for name in ("train", "test"):
        (zenodo / f"FSDKaggle2018.audio_{name}").rename(audio / f"FSDKaggle2018.audio_{name}")
    collection = _read(audio, info_path=str(zenodo))
    assert collection.clips[0].id == "FSDKaggle2018.audio_test/00326aa9.wav"
    assert collection.clips[0].path.is_file()
    # All in one folder.
    for clip in collection.clips:
        clip.path.rename(audio / clip.path.name)
    for name in ("train", "test"):
        (audio / f"FSDKaggle2018.audio_{name}").rmdir()
    collection = _read(audio, info_path=str(zenodo))
    assert collection.clips[0].id == "00044347.wav"
    assert all(clip.path.is_file() for clip in collection.clips)
    assert not any("does not name" in str(each) for each in collection.findings)


def test_the_folder_of_the_training_clips_alone_is_not_the_collection(zenodo: Path) -> None:
    settings = Settings(
        dataset="fsdkaggle2018",
        audio_path=str(zenodo / "FSDKaggle2018.audio_train"),
        info_path=str(zenodo),
        num_classes=41,
    )
    with pytest.raises(
        InputError, match=r"alone: name the folder that also holds FSDKaggle2018\.a"
    ):
        read_collection(settings)


def test_missing_and_extra_files_are_said_of_each_set(zenodo: Path) -> None:
    (zenodo / "FSDKaggle2018.audio_train" / "00044347.wav").unlink()
    (zenodo / "FSDKaggle2018.audio_test" / "extra.wav").touch()
    shown = "\n".join(map(str, _read(zenodo).findings))
    assert "audio_test/extra.wav; they are ignored" in shown
    assert "missing: 1, like FSDKaggle2018.audio_train/00044347.wav in line 2; their" in shown


@pytest.mark.parametrize(
    ("table", "old", "new", "sentence"),
    [
        (
            TRAINING,
            "Hi-hat",
            "Hihat",
            r"labels that are no class of FSDKaggle2018: 1, like 'Hihat' in",
        ),
        (
            TRAINING,
            "Hi-hat",
            "",
            r"fields in the column label that are empty: 1, like '' in line 2",
        ),
        (TRAINING, "Hi-hat,0", "Hi-hat,x", "column manually_verified that are no number"),
        (TRAINING, "00044347.wav", "/kaggle/input/00044347.wav", "not named alone, without a fol"),
        (
            TRAINING,
            "00044347.wav",
            "001ca53d.wav",
            r"names clips more than once: 1, like .* in lin",
        ),
        (TRAINING, "Trumpet,0,10897,", "Trumpet,0,", r"do not have the 5 fields .* line 4 \(4 fie"),
        (TRAINING, "label", "labels", "lacks columns: 1, like label"),
        (
            SCORED,
            "Oboe,Private",
            "None,Private",
            r"no class of FSDKaggle2018: 1, like 'None' in",
        ),
        (SCORED, "usage", "use", "lacks columns: 1, like usage"),
    ],
)
def test_damaged_tables_are_refused(
    zenodo: Path, table: str, old: str, new: str, sentence: str
) -> None:
    text = (zenodo / table).read_text()
    (zenodo / table).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=sentence):
        _read(zenodo)


def test_numbers_as_pandas_writes_them_and_a_byte_order_mark_are_read(zenodo: Path) -> None:
    text = (zenodo / TRAINING).read_text().replace(",1,", ",1.0,").replace(",0,", ",0.0,")
    (zenodo / TRAINING).write_text("\ufeff" + text, "utf-8")
    assert len(_read(zenodo).clips) == 46


def test_a_class_without_a_clip_is_named(zenodo: Path) -> None:
    lines = (zenodo / TRAINING).read_text().splitlines()
    (zenodo / TRAINING).write_text("\n".join(line for line in lines if "Writing" not in line))
    with pytest.raises(
        InputError, match="no clip of classes of FSDKaggle2018: 1, like Writing: get"
    ):
        _read(zenodo)


def _classes() -> list[tuple[int, str]]:
    return list(enumerate(FSDKAGGLE2018_CLASSES))


def _read(folder: Path, **others: str) -> Collection:
    settings = Settings(dataset="fsdkaggle2018", audio_path=str(folder), **others)
    return read_collection(settings, counted=True)


def _write(path: Path, header: str, rows: list[str] | tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")


def _touch_all(folder: Path, rows: list[str] | tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        (folder / row.split(",")[0]).touch()
