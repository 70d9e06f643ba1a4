"""Files that are either whole or not there."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.errors import InputError
from fcn4_dist.files import (
    check_writable,
    read_json,
    replace_file,
    sha256_of,
    write_atomically,
    write_json,
    write_text,
)


class PowerCut(BaseException):
    """Ends a run in the middle, as Ctrl-C does."""


def test_a_file_is_not_seen_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "file"
    with write_atomically(path) as file:
        file.write(b"half")
        file.flush()
        assert not path.exists()
        file.write(b" and whole")
    assert path.read_bytes() == b"half and whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [PowerCut, ValueError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(failure), write_atomically(path) as file:
        file.write(b"new")
        raise failure
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    with write_atomically(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_reader_of_the_old_file_keeps_reading_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old"


def test_a_file_that_can_be_made_again_is_not_seen_before_it_is_complete_either(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replace_file(path) as file:
        file.write(b"new and longer")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [PowerCut, OSError])
def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(failure), replace_file(path) as file:
        file.write(b"new")
        raise failure
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_replacement_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "no folder" / "file"):
        pass


def test_text_is_utf_8_and_names_that_are_not_leave_as_the_bytes_they_were(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "é\r\n" + os.fsdecode(b"\xe9"))
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9\r\n\xe9"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc é"), inner),
    max_leaves=10,
)


@given(content=st.dictionaries(st.text("abc é", min_size=1), JSON))
def test_json_is_read_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.json"
    write_json(path, {"format": 3, **content})
    assert read_json(path, 3) == {"format": 3, **content}
    assert json.loads(path.read_text("utf-8")) == {"format": 3, **content}


def test_json_has_a_line_for_each_key_and_each_item_so_that_changes_can_be_seen(
    tmp_path: Path,
) -> None:
    content = {"format": 1, "names": ["a", "b"], "clips": [{"id": "é"}, {"id": "b"}], "none": []}
    write_json(tmp_path / "file.json", content)
    assert (tmp_path / "file.json").read_text("utf-8").splitlines() == [
        "{",
        '"format": 1,',
        '"names": ["a", "b"],',
        '"clips": [',
        '{"id": "é"},',
        '{"id": "b"}',
        "],",
        '"none": []',
        "}",
    ]


@pytest.mark.parametrize(
    "name", [b"caf\xe9.wav", b'\xff\n"\\.wav', "é\udc80雨".encode("utf-8", "surrogateescape")]
)
def test_json_keeps_names_that_are_not_utf_8_wherever_they_are(tmp_path: Path, name: bytes) -> None:
    text = os.fsdecode(name)
    clips = [{"id": text, "sizes": {text: 1}}, {"id": "é"}]
    content = {"format": 1, "name": text, "names": [text], "clips": clips}
    write_json(tmp_path / "file.json", content)
    assert read_json(tmp_path / "file.json", 1) == content


@pytest.mark.parametrize("text", ["", "{", "no json", '{"format": 1'])
def test_a_file_that_is_not_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(InputError, match=r"cannot read .*file\.json: "):
        read_json(tmp_path / "file.json", 1)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*missing\.json: "):
        read_json(tmp_path / "missing.json", 1)


@pytest.mark.parametrize(("text", "found"), [("[]", None), ("{}", None), ('{"format": 2}', 2)])
def test_a_file_of_another_format_is_named_with_both_formats(
    tmp_path: Path, text: str, found: object
) -> None:
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(InputError, match=rf"file\.json has format {found}, this version reads 1"):
        read_json(tmp_path / "file.json", 1)


def test_a_folder_that_can_be_made_is_accepted_and_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path, "mr_path")
    check_writable(tmp_path / "new" / "deep", "mr_path")
    check_writable(Path("no such folder here"), "mr_path")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "new", "new/deep"])
def test_a_folder_a_file_is_in_the_way_of_is_refused_with_the_flag(
    tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / below
    with pytest.raises(InputError) as caught:
        check_writable(folder, "mr_path")
    assert str(caught.value) == (
        f"mr_path {folder} cannot be written to ({tmp_path}/file is a file): name another folder "
        "with --mr_path"
    )


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_a_hash_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(number % 251 for number in range(1000)) * (size // 1000 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content[:size]).hexdigest()
