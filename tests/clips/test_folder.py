"""A collection that is a folder of audio files for each class."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.clips import Collection, read_collection
from fcn4_dist.clips.folder import AUDIO_SUFFIXES, labels_of_names
from fcn4_dist.config import Settings, load_settings
from fcn4_dist.errors import InputError, SettingsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two clips each, as far as names tell."""
    for name in ("rock/b.mp3", "rock/a.wav", "jazz/b.ogg", "jazz/A.FLAC"):
        _touch(tmp_path / name)
    return tmp_path


def test_the_real_clips_are_three_classes_of_seven(real_clips: Path) -> None:
    collection = _read(real_clips, 3)
    assert collection.class_names == ("dog_bark", "rain", "rooster")
    labels = [clip.labels for clip in collection.clips]
    assert labels == [("dog_bark",)] * 7 + [("rain",)] * 7 + [("rooster",)] * 7
    for clip in collection.clips:
        assert clip.id == f"{clip.labels[0]}/{clip.path.name}"
        assert clip.path.is_file()
    assert collection.findings == ()


def test_esc_10_is_ten_classes_of_forty(test_data: Path) -> None:
    collection = _read(test_data / "esc10", 10)
    assert collection.class_names[:2] == ("001 - Dog bark", "002 - Rain")
    for name in collection.class_names:
        assert sum(clip.labels == (name,) for clip in collection.clips) == 40


def test_a_folder_has_no_published_split(folder: Path) -> None:
    assert not any(clip.role for clip in _read(folder).clips)


def test_clips_are_sorted_by_id_whatever_the_order_on_disk(folder: Path) -> None:
    # "rock" comes before "rock 2", "rock 2/" before "rock/".
    for number in (7, 3, 9, 1, 5):
        _touch(folder / "rock 2" / f"{number}.wav")
    collection = _read(folder, 3)
    assert collection.class_names == ("jazz", "rock", "rock 2")
    assert _ids(collection) == [
        *("jazz/A.FLAC", "jazz/b.ogg"),
        *(f"rock 2/{number}.wav" for number in (1, 3, 5, 7, 9)),
        *("rock/a.wav", "rock/b.mp3"),
    ]


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_every_kind_of_audio_counts_in_small_and_capital_letters(folder: Path, suffix: str) -> None:
    _touch(folder / "rock" / f"c{suffix}")
    _touch(folder / "rock" / f"D{suffix.upper()}")
    assert {f"rock/c{suffix}", f"rock/D{suffix.upper()}"} <= set(_ids(_read(folder)))


def test_audio_in_folders_below_a_class_belongs_to_the_class(folder: Path) -> None:
    _touch(folder / "rock" / "live" / "1999" / "c.wav")
    clip = next(clip for clip in _read(folder).clips if clip.path.name == "c.wav")
    assert (clip.id, clip.labels) == ("rock/live/1999/c.wav", ("rock",))


def test_what_is_no_audio_file_is_a_remark_wherever_it_lies(folder: Path) -> None:
    for name in ("loose.wav", "rock/cover.jpg", "rock/live/notes.txt", "rock/wav"):
        _touch(folder / name)
    (folder / "rock" / "gone.wav").symlink_to(folder / "nowhere.wav")
    collection = _read(folder)
    assert len(collection.clips) == 4
    (remark,) = map(str, collection.findings)
    assert remark.startswith("ignored what is no audio file in a class folder")
    assert remark.endswith(": 5, like loose.wav, rock/cover.jpg, rock/gone.wav")


@pytest.mark.parametrize("name", [".DS_Store", ".a.wav", "../.git/a.wav", ".old/a.wav"])
def test_hidden_files_and_folders_are_passed_over(folder: Path, name: str) -> None:
    before = _read(folder)
    _touch(folder / "rock" / name)
    assert _read(folder) == before


@pytest.mark.parametrize(
    "name", ["__MACOSX", "@eaDir", "lost+found", "$Recycle.Bin", "rock/__MACOSX"]
)
def test_what_systems_leave_is_no_class_and_a_remark(folder: Path, name: str) -> None:
    before = _read(folder)
    _touch(folder / name / "a.wav")
    after = _read(folder)
    assert (after.class_names, after.clips) == (before.class_names, before.clips)
    assert str(after.findings[0]).endswith(f"1, like {name}")


def test_folders_of_sets_are_no_classes(folder: Path) -> None:
    _touch(folder / "test" / "c.wav")
    with pytest.raises(
        InputError, match=r": if 'test' is a class, and no set, give --num_classes 3"
    ):
        _read(folder)
    for name in ("sets/train/rock/a.wav", "sets/test/rock/b.wav"):
        _touch(folder / name)
    with pytest.raises(InputError, match="called like sets, not like classes: 2, like test, train"):
        _read(folder / "sets")


@pytest.mark.parametrize(
    "name", ["ro\u200bck", "r\u043eck", "ro\x1b[2Jck", "\u202ekcor", "hip\xa0hop", "nan"]
)
def test_a_class_folder_whose_name_looks_damaged_is_refused(folder: Path, name: str) -> None:
    (folder / "rock").rename(folder / name)
    with pytest.raises(InputError, match="classes whose names look damaged: 1, like ") as info:
        _read(folder)
    assert str(info.value).isprintable()


def test_blanks_around_a_name_are_kept_with_a_word(folder: Path) -> None:
    (folder / "rock").rename(folder / "rock ")
    collection = _read(folder)
    assert collection.class_names == ("jazz", "rock ")
    assert "blanks around their names: 1, like 'rock '; the blanks are a part" in str(
        collection.findings[0]
    )


def test_a_file_in_two_unicode_forms_is_named_by_both(folder: Path) -> None:
    _touch(folder / "rock" / "\xe9.wav")
    _touch(folder / "rock" / "e\u0301.wav")
    with pytest.raises(
        InputError, match=r"more than once: 1, like 'rock/e\\u0301\.wav' and 'rock/\\xe9"
    ):
        _read(folder)


def test_linked_files_and_class_folders_are_followed(folder: Path, real_clips: Path) -> None:
    (folder / "rain").symlink_to(real_clips / "rain")
    (folder / "rock" / "again.wav").symlink_to(folder / "rock" / "a.wav")
    ids = _ids(_read(folder, 3))
    assert "rock/again.wav" in ids
    assert "rain/1-17367-A.ogg" in ids


def test_a_linked_folder_below_a_class_is_a_remark_and_no_endless_loop(folder: Path) -> None:
    (folder / "rock" / "loop").symlink_to(folder / "rock")
    collection = _read(folder)
    assert len(collection.clips) == 4
    assert str(collection.findings[0]).endswith(": 1, like rock/loop")


def test_a_class_folder_that_links_to_the_collection_is_named(folder: Path) -> None:
    (folder / "all").symlink_to(folder)
    with pytest.raises(InputError, match="links to itself or above: 1, like all: remove them"):
        _read(folder, 3)


def test_names_with_blanks_and_letters_of_any_language_are_kept(folder: Path) -> None:
    _touch(folder / "rock" / "01 - 雨 é.wav")
    assert "rock/01 - 雨 é.wav" in _ids(_read(folder))


def test_a_name_that_is_not_utf_8_has_a_valid_id_and_its_real_path(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    _touch(folder / "rock" / name)
    clip = next(clip for clip in _read(folder).clips if clip.path.name == name)
    assert clip.id == r"rock/caf\xe9.wav"
    assert clip.path.is_file()


def test_two_files_of_one_id_are_refused(folder: Path) -> None:
    _touch(folder / "rock" / os.fsdecode(b"caf\xe9.wav"))
    _touch(folder / "rock" / r"caf\xe9.wav")
    with pytest.raises(InputError, match=r"clips more than once: 1, like rock/caf\\xe9\.wav: "):
        _read(folder)


def test_a_line_break_in_a_name_does_not_break_the_sentence(folder: Path) -> None:
    _touch(folder / "rock" / "a\nb.txt")
    assert str(_read(folder).findings[0]).endswith(r"like 'rock/a\nb.txt'")


def test_a_missing_folder_is_refused_with_the_flag_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere is not a folder: .* --audio_path"):
        _read(tmp_path / "nowhere")


def test_a_file_is_no_collection(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav is not a folder"):
        _read(folder / "rock" / "a.wav")


def test_a_single_class_folder_is_told_from_a_collection(folder: Path) -> None:
    with pytest.raises(InputError, match="holds audio files, not a folder for each class"):
        _read(folder / "rock")


def test_an_empty_folder_is_no_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds nothing, not a folder for each class"):
        _read(tmp_path)


def test_a_folder_that_cannot_be_listed_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "rock").chmod(0)
    folder.chmod(0o755)
    # From within, since what lies above belongs to the user of the tests alone.
    monkeypatch.chdir(folder)
    user = os.geteuid()
    if user == 0:
        # Root may list every folder.
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match=r"cannot list the folder rock \(Permission denied\)"):
            _read(Path())
    finally:
        os.seteuid(user)
        (folder / "rock").chmod(0o755)


def test_classes_without_audio_are_named(folder: Path) -> None:
    _touch(folder / "pop" / "readme.txt")
    (folder / "soul").mkdir()
    sentence = r"without an audio file \(.*\.wav\): 2, like pop, soul: fill or remove them"
    with pytest.raises(InputError, match=sentence):
        _read(folder, 4)


def test_all_that_is_wrong_is_said_at_once_in_a_line_each(folder: Path) -> None:
    _touch(folder / "Rock" / "a.wav")
    (folder / "soul").mkdir()
    with pytest.raises(InputError) as info:
        _read(folder, 10)
    lines = str(info.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"audio_path {folder} holds ") for line in lines)


EMOTIONS = (
    r"^Actor_\d+/03-01-(?:(?P<neutral>01)|(?P<calm>02)|(?P<happy>03)|(?P<sad>04)"
    r"|(?P<angry>05)|(?P<fearful>06)|(?P<disgust>07)|(?P<surprised>08))-"
)


@pytest.mark.parametrize(
    ("pattern", "labels"),
    [
        (r"/([^/-]+)-([^-]+)-([^-]+)-", ("calm", "help", "scream")),
        (r"/([^/-]+)-[^-]+-(?!none)([^-]+)?-", ("calm", "help")),
        (r"-(siren)?-?(scream)?-", ("scream",)),
        (r"(?<=/)[a-z]+", ("help",)),
        (r"^(\w+)/(?P<speech>help)", ("Metro", "speech")),
        (r"([a-z]+)-\1", ()),
        (r"(x*)", ()),
    ],
)
def test_parentheses_of_a_pattern_are_labels(pattern: str, labels: tuple[str, ...]) -> None:
    clip_id = "Metro/help-scream-calm-007.wav"
    assert labels_of_names([clip_id], pattern) == {clip_id: labels}


def test_a_name_of_a_parenthesis_stands_for_the_code_it_matches() -> None:
    ids = [f"Actor_12/03-01-0{code}-01-02-01-12.wav" for code in (1, 5, 8, 9)]
    assert list(labels_of_names(ids, EMOTIONS).values()) == [
        ("neutral",),
        ("angry",),
        ("surprised",),
        (),
    ]


def test_the_pattern_of_the_settings_file_for_speech_finds_word_sound_and_emotion() -> None:
    config = Path(__file__).parents[2] / "configs" / "speech.yaml"
    pattern = load_settings(config).settings.label_pattern
    ids = ["Near_Lake/glass-help me-None-1.wav", "webservice/go-safe-calm.wav"]
    assert list(labels_of_names(ids, pattern).values()) == [
        ("None", "glass", "help me"),
        ("calm", "go", "safe"),
    ]


@given(
    names=st.lists(
        st.tuples(st.sampled_from(["go", "stop"]), st.sampled_from(["calm", "angry"])), min_size=1
    )
)
def test_every_id_has_the_labels_that_its_name_was_made_of(names: list[tuple[str, str]]) -> None:
    ids = [f"{number}/{'-'.join(name)}.wav" for number, name in enumerate(names)]
    found = labels_of_names(ids, r"/(\w+)-(\w+)\.")
    assert list(found) == ids
    assert list(map(set, found.values())) == list(map(set, names))


def test_the_classes_may_be_in_the_names_of_files_at_any_depth(tmp_path: Path) -> None:
    for name in (
        "1-go-calm.wav",
        "House/2-go-angry.WAV",
        "House/old/3-stop.mp3",
        "House/noise.wav",
    ):
        _touch(tmp_path / name)
    _touch(tmp_path / "House" / "notes.txt")
    _touch(tmp_path / ".trash" / "4-go-calm.wav")
    collection = _read_by(tmp_path, r"\d-([a-z]+)(?:-([a-z]+))?", num_classes=4)
    assert collection.class_names == ("angry", "calm", "go", "stop")
    assert {clip.id: clip.labels for clip in collection.clips} == {
        "1-go-calm.wav": ("calm", "go"),
        "House/2-go-angry.WAV": ("angry", "go"),
        "House/old/3-stop.mp3": ("stop",),
    }
    ignored, unlabelled = map(str, collection.findings)
    assert ignored == f"ignored what is no audio file in {tmp_path}: 1, like House/notes.txt"
    assert unlabelled.startswith("label_pattern '\\\\d-")
    assert unlabelled.endswith(
        "finds no label in ids of clips: 1, like House/noise.wav; they are left out"
    )


def test_a_pattern_looks_into_linked_folders_as_into_those_of_classes(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other disk")
    _touch(other / "deep" / "x-rock.wav")
    (other / "deep" / "circle").symlink_to(folder)
    (folder / "more").symlink_to(other)
    collection = _read_by(folder, r"(rock|jazz)")
    assert "more/deep/x-rock.wav" in _ids(collection)
    assert len(collection.clips) == 5
    (ignored,) = map(str, collection.findings)
    assert ignored.endswith("1, like more/deep/circle")


def test_a_pattern_that_finds_nothing_is_refused(folder: Path) -> None:
    with pytest.raises(
        InputError, match=r"'\(x\)' finds no label in any of the 4 ids, like jazz/A\.FLAC: change"
    ):
        _read_by(folder, "(x)")
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no audio file \(\.aif, .*name another"):
        _read_by(folder / "empty", "(x)")
    with pytest.raises(SettingsError, match="label_pattern is for dataset folder: gtzan brings"):
        read_collection(Settings(dataset="gtzan", audio_path=str(folder), label_pattern="x"))


def test_what_a_pattern_finds_is_checked_as_all_names_of_classes_are(folder: Path) -> None:
    with pytest.raises(InputError, match=r"look damaged: .*'a\.wav' \(the name of an audio file\)"):
        _read_by(folder, "[^/]+$", num_classes=4)
    _touch(folder / "Rock" / "c.wav")
    with pytest.raises(InputError, match="names look the same, but for case"):
        _read_by(folder, "^(.*)/", num_classes=3)


def _read_by(folder: Path, pattern: str, num_classes: int = 2) -> Collection:
    return read_collection(
        Settings(audio_path=str(folder), label_pattern=pattern, num_classes=num_classes)
    )


def _read(folder: Path, num_classes: int = 2) -> Collection:
    return read_collection(
        Settings(dataset="folder", audio_path=str(folder), num_classes=num_classes)
    )


def _ids(collection: Collection) -> list[str]:
    return [clip.id for clip in collection.clips]


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
