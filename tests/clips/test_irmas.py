"""IRMAS: training clips of one instrument by their names, testing clips of several by texts."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips import Clip, Collection, read_collection, recognise_dataset, split_clips
from fcn4_dist.clips.annotations import write_annotations
from fcn4_dist.clips.irmas import IRMAS_INSTRUMENTS, MODELZOO_IRMAS, with_test_set
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError

TRAINING = (
    *("cel/008__[cel][nod][cla]0058__1.wav", "cel/008__[cel][nod][cla]0058__2.wav"),
    *(
        "cel/[cel][cla]0001__1.wav",
        "cla/[cla][cla]0150__1.wav",
        "cla/[cla][---][jaz_blu]0175__1.wav",
    ),
    *("flu/[flu][cla]0346__1.wav", "gac/001__[gac][dru][cou_fol]0518__1.wav"),
    *("gel/[gel][pop_roc]0829__1.wav", "org/[org][jaz_blu]1037__3.wav"),
    *("pia/[pia][pop_roc]1281__2.wav", "sax/094__[sax][dru][jaz_blu]1703__3.wav"),
    *("tru/001__[tru][nod][jaz_blu]1986__1.wav", "vio/001__[vio][nod][cou_fol]2194__1.wav"),
    *("voi/001__[voi][dru][pop_roc]2321__1.wav", "voi/[voi][dru][lat_sou]2322__1.wav"),
)
TESTING = {
    "IRMAS-TestingData-Part1/Part1/(02) dont kill the whale-1": "gel\t\nvoi\t\n",
    "IRMAS-TestingData-Part1/Part1/(02) dont kill the whale-11": "voi\t\r\ngel \r\n",
    "IRMAS-TestingData-Part2/IRTestingData-Part2/01 - Canto das três raças-3": "gac\nvoi\nvoi\n",
    "IRMAS-TestingData-Part3/Part3/01. Another World-10": "pia",
}


@pytest.fixture
def irmas(tmp_path: Path) -> Path:
    """The form of the unpacked archives, with a few of their names."""
    folder = tmp_path / "music" / "IRMAS"
    for name in TRAINING:
        _touch(folder / "IRMAS-TrainingData" / name)
    (folder / "IRMAS-TrainingData" / "README.txt").write_text("IRMAS")
    for name, text in TESTING.items():
        _touch(folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(text, "utf-8")
    return folder


def test_the_folder_of_training_and_testing_is_the_published_split(irmas: Path) -> None:
    collection = _read(irmas)
    assert collection.class_names == IRMAS_INSTRUMENTS
    labels = {clip.id: clip.labels for clip in collection.clips}
    assert labels["IRMAS-TrainingData/cla/[cla][---][jaz_blu]0175__1.wav"] == ("clarinet",)
    assert [labels[f"{name}.wav"] for name in TESTING] == [
        *(("electric guitar", "voice"), ("voice", "electric guitar")),
        *(("acoustic guitar", "voice"), ("piano",)),
    ]
    assert Counter(clip.role for clip in collection.clips) == {"train": 15, "test": 4}
    (short,) = map(str, collection.findings)
    assert short.startswith(
        f"IRMAS is not whole in {irmas}, or is more than what was published: 12"
    )
    assert "2 of 505 clarinet" in short
    assert short.endswith("4 of 2874 testing clips; what is there is used")


def test_excerpts_of_a_recording_are_a_group(irmas: Path) -> None:
    groups = {clip.id.split("/", 1)[1]: clip.group for clip in _read(irmas).clips}
    assert {groups[name] for name in TRAINING[:2]} == {"0058"}
    assert groups["Part1/(02) dont kill the whale-1.wav"] == "(02) dont kill the whale"
    assert groups["Part1/(02) dont kill the whale-11.wav"] == "(02) dont kill the whale"
    assert groups["Part3/01. Another World-10.wav"] == "01. Another World"


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(["", "001__", "130__"]),
            st.sampled_from(["cel", "cla", "voi"]),
            st.sampled_from(["", "[dru]", "[nod]", "[---]"]),
            st.sampled_from(["cla", "cou_fol", "pop_roc"]),
            st.integers(0, 9999),
            st.integers(1, 5),
        )
    )
)
def test_every_training_name_tells_its_recording(
    parts: list[tuple[str, str, str, str, int, int]],
) -> None:
    names = [f"{a}[{b}]{c}[{d}]{number:04}__{e}.wav" for a, b, c, d, number, e in parts]
    ids = [*names, "Part1/a song - 1-2.wav"]
    clips = with_test_set(
        Collection(IRMAS_INSTRUMENTS, tuple(Clip(each, Path(each), ()) for each in ids))
    ).clips
    assert [clip.group for clip in clips] == [*(f"{part[4]:04}" for part in parts), "a song - 1"]
    assert [clip.role for clip in clips] == ["train"] * len(parts) + ["test"]


@pytest.mark.slow
def test_the_published_numbers_of_clips_are_the_whole_collection(tmp_path: Path) -> None:
    numbers = {
        **{"cel": 388, "cla": 505, "flu": 451, "gac": 637, "gel": 760, "org": 682, "pia": 721},
        **{"sax": 626, "tru": 577, "vio": 580, "voi": 778},
    }
    for code, number in numbers.items():
        folder = tmp_path / "IRMAS-TrainingData" / code
        folder.mkdir(parents=True)
        for each in range(number):
            (folder / f"[{code}][cla]{each:04}__1.wav").touch()
    for part, number in enumerate((807, 1301, 766), 1):
        folder = tmp_path / f"IRMAS-TestingData-Part{part}" / f"Part{part}"
        folder.mkdir(parents=True)
        for each in range(number):
            (folder / f"song {each}-1.wav").touch()
            (folder / f"song {each}-1.txt").write_text("pia\t\n")
    collection = _read(tmp_path)
    (note,) = map(str, collection.findings)
    assert note.startswith("IRMAS has what was published: 388 cello, ")
    assert note.endswith(", 2874 testing clips")
    assert Counter(clip.role for clip in collection.clips) == {"train": 6705, "test": 2874}


def test_the_modelzoo_has_drums_and_genres_which_only_training_clips_tell(irmas: Path) -> None:
    collection = _read(irmas, tag_list="modelzoo")
    assert collection.class_names == MODELZOO_IRMAS
    assert MODELZOO_IRMAS[1] == "clarinet"
    assert MODELZOO_IRMAS[11:14] == ("drums", "no drums", "classical")
    labels = {clip.path.name: clip.labels for clip in collection.clips}
    assert labels["008__[cel][nod][cla]0058__1.wav"] == ("cello", "no drums", "classical")
    assert labels["[cla][---][jaz_blu]0175__1.wav"] == ("clarinet", "jazz and blues")
    assert len(labels) == len(TRAINING)
    # Without a test set, there is no published split.
    assert not any(clip.role for clip in collection.clips)
    split = split_clips(collection.clips, {}, Settings(dataset="irmas", tag_list="modelzoo"))
    assert split.rule["split"] == "random"
    left_out = str(collection.findings[0])
    assert left_out.startswith(
        f"{irmas} holds testing clips, of which neither drums nor genre are "
    )
    assert "4, like IRMAS-TestingData-Part1" in left_out


def test_training_clips_alone_are_split_by_recording(irmas: Path) -> None:
    collection = _read(irmas / "IRMAS-TrainingData")
    assert collection.clips[0].id == "cel/008__[cel][nod][cla]0058__1.wav"
    assert not any(clip.role for clip in collection.clips)
    assert any("holds no testing clips of IRMAS" in str(each) for each in collection.findings)


def test_what_preprocess_writes_tells_roles_and_recordings_again(
    irmas: Path, tmp_path: Path
) -> None:
    collection = _read(irmas)
    write_annotations(collection, tmp_path / "labels.csv")
    shutil.rmtree(irmas / "IRMAS-TrainingData")
    settings = _settings(irmas, info_path=str(tmp_path), info_name="labels.csv")
    again = read_collection(settings, with_audio=False)
    assert again.class_names == collection.class_names
    for one, other in zip(again.clips, collection.clips, strict=True):
        assert (one.id, set(one.labels), one.role, one.group) == (
            *(other.id, set(other.labels)),
            *(other.role, other.group),
        )


def test_what_was_written_for_one_list_of_tags_is_not_another(irmas: Path, tmp_path: Path) -> None:
    write_annotations(_read(irmas), tmp_path / "labels.csv")
    names = {"info_path": str(tmp_path), "info_name": "labels.csv"}
    settings = _settings(irmas, tag_list="modelzoo", **names)
    with pytest.raises(InputError, match="the classes of --dataset irmas --tag_list modelzoo, cel"):
        read_collection(settings, with_audio=False, counted=True)


def test_what_is_odd_about_clips_is_said_of_each_kind(irmas: Path) -> None:
    part = irmas / "IRMAS-TestingData-Part3" / "Part3"
    for name in ("no text-1.wav", "empty-1.wav"):
        _touch(part / name)
    (part / "empty-1.txt").write_text("\n")
    (part / "no audio-1.txt").write_text("pia\n")
    (part / "._empty-1.txt").write_text("x")
    _touch(irmas / "IRMAS-TrainingData" / "vio" / "[cel][cla]0002__1.wav")
    _touch(irmas / "IRMAS-TrainingData" / "vio" / "[cel][xyz]0002__1.wav")
    collection = _read(irmas)
    assert len(collection.clips) == 20
    unnamed, lonely, empty, folder = map(str, collection.findings[:4])
    assert "neither named like cel/[cel][cla]0001__1.wav nor have a .txt" in unnamed
    assert "2, like IRMAS-TestingData-Part3/Part3/no text-1.wav, IRMAS-TrainingData/" in unnamed
    assert "texts of instruments without an audio file: 1, like IRMAS-Test" in lonely
    assert "no audio-1.txt; they are ignored" in lonely
    assert "whose .txt is empty: 1, like IRMAS-TestingData-Part3/Part3/empty-1.wav; they" in empty
    assert "in the folder of another instrument than their name's: 1, like IRMAS-Tra" in folder


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"pia\ndrums\n",
            r"names no instrument of IRMAS \(cel, .* voi\): 1, like 'drums' of IRMAS-T",
        ),
        (b"\xff\xfep\0i\0a\0", r"names no instrument of IRMAS"),
        (b"x" * 70000, r"texts that cannot be read: 1, like IRMAS-T.*it has 70000 bytes"),
    ],
)
def test_a_text_of_something_else_is_refused(irmas: Path, content: bytes, sentence: str) -> None:
    (irmas / f"{list(TESTING)[3]}.txt").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        _read(irmas)


def test_the_folders_may_be_links_to_another_disk(irmas: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for folder in irmas.iterdir():
        (linked / folder.name).symlink_to(folder)
    assert [clip.id for clip in _read(linked).clips] == [clip.id for clip in _read(irmas).clips]


def test_a_folder_of_something_else_is_refused(irmas: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds no training clip of IRMAS, named like cel/\[cel\]"
    ):
        _read(irmas / "IRMAS-TestingData-Part1")
    shutil.rmtree(irmas / "IRMAS-TrainingData" / "vio")
    with pytest.raises(InputError, match="holds no clip of classes of IRMAS: 1, like violin: name"):
        _read(irmas)


def test_irmas_is_told_from_folders_of_classes_by_its_names(irmas: Path) -> None:
    training = irmas / "IRMAS-TrainingData"
    for place in (irmas, irmas.parent, training):
        found = recognise_dataset(place)
        assert found is not None
        assert found.name == "irmas"
    training.rename(irmas / "IRMAS_Training_Data")
    found = recognise_dataset(irmas)
    assert found is not None
    assert found.name == "irmas"
    (irmas / "IRMAS_Training_Data").rename(irmas / "train")
    for clip in (irmas / "train" / "cel").iterdir():
        clip.rename(clip.with_name(f"cello {clip.name}"))
    found = recognise_dataset(irmas / "train")
    assert found is not None
    assert found.name == "folder"


def _read(folder: Path, tag_list: str = "instrument") -> Collection:
    return read_collection(_settings(folder, tag_list=tag_list), counted=True)


def _settings(folder: Path, **others: str) -> Settings:
    return Settings(
        **{"dataset": "irmas", "audio_path": str(folder), "tag_list": "instrument"} | others,
        num_classes=11,
    )


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
