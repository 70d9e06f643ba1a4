"""How the classes of a checkpoint that does not say them are named."""

from pathlib import Path

import pytest

from fcn4_dist.clips.class_names import parse_class_names, unnamed
from fcn4_dist.clips.gtzan import GTZAN_GENRES
from fcn4_dist.clips.magnatagatune import MODELZOO_TAGS
from fcn4_dist.errors import InputError

PATH = Path("weight/zoo.ckpt")


def test_names_are_separated_by_commas_or_lines_of_a_file(tmp_path: Path) -> None:
    assert parse_class_names("rock, hip hop,jazz") == ("rock", "hip hop", "jazz")
    (tmp_path / "names.txt").write_text("rock\nhip, hop\n\n爵士\n", "utf-8")
    assert parse_class_names(str(tmp_path / "names.txt")) == ("rock", "hip, hop", "爵士")
    assert parse_class_names("") == parse_class_names(" ") == ()
    # More than the name of a file may have.
    assert parse_class_names(",".join(MODELZOO_TAGS)) == MODELZOO_TAGS


def test_a_collection_of_the_modelzoo_stands_for_its_classes() -> None:
    assert parse_class_names("gtzan") == GTZAN_GENRES
    assert parse_class_names("magnatagatune") == MODELZOO_TAGS
    assert parse_class_names("IRMAS")[11:13] == ("drums", "no drums")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(
        InputError, match=r"names of --class_names from .*latin\.txt: it is not UTF-8"
    ):
        parse_class_names(str(tmp_path / "latin.txt"))


@pytest.mark.parametrize("text", ["a,,b", "a,", "a,b\n", "a,\x1b[2J", "a,\udce9", "a," + "n" * 256])
def test_what_is_no_name_is_refused_printably(text: str) -> None:
    with pytest.raises(InputError, match=r"must be printable and of 1 to 255 characters") as caught:
        parse_class_names(text.replace("\n", "\nc"))
    assert str(caught.value).isprintable()


def test_two_classes_do_not_have_one_name() -> None:
    with pytest.raises(InputError, match="has names more than once: 1, like rock"):
        parse_class_names("rock,jazz,rock")


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        *((10, ["gtzan"]), (50, ["magnatagatune", "esc50"]), (41, ["fsdkaggle2018"])),
        *((18, ["irmas"]), (17, ["emospeech"])),
    ],
)
def test_the_flags_for_a_checkpoint_of_the_modelzoo_are_said(
    classes: int, names: list[str]
) -> None:
    flags = "".join(f"--class_names {name} if it is the ModelZoo's for it, " for name in names)
    assert str(unnamed(PATH, classes)) == (
        f"{PATH} does not say what its {classes} classes are, nor does their number: give "
        f"{flags}else --class_names with the names "
        "in its order, separated by commas (or a file with a name a line)"
    )
    assert "ModelZoo" not in str(unnamed(PATH, 8))
