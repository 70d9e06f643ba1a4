"""The bytes of a checkpoint: read by MindSpore as by us, and no change of them goes unnoticed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from mindspore import Parameter, Tensor, nn
from mindspore.train import serialization

from fcn4_dist.checkpoints.container import (
    CHECKSUM_NAME,
    TEXT_NAME,
    DamagedError,
    read_text,
    read_values,
    verify_container,
    write_container,
)
from fcn4_dist.checkpoints.content import read_checkpoint, verify_checkpoint, write_checkpoint
from fcn4_dist.checkpoints.loading import parameter_values
from fcn4_dist.errors import InputError
from fcn4_dist.model.fcn4 import Fcn4
from tests.checkpoints.examples import VALUES, described, flip

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = TEXTS.filter(lambda name: not name.startswith(TEXT_NAME))
KINDS_OF_NUMBERS = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
]
ARRAYS = st.sampled_from(KINDS_OF_NUMBERS).flatmap(
    lambda kind: arrays_of.arrays(
        np.dtype(kind), arrays_of.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
    )
)


def container(text: str, values: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    write_container(file, text, values)
    return file.getvalue()


def assert_same(read: dict[str, np.ndarray], written: dict[str, np.ndarray]) -> None:
    assert list(read) == list(written)
    for name, value in written.items():
        assert (read[name].dtype, read[name].shape) == (value.dtype, value.shape)
        assert read[name].tobytes() == value.tobytes()


@given(text=TEXTS, values=st.dictionaries(NAMES, ARRAYS, max_size=5))
@example(text="", values={"none": np.zeros(0, np.float32), "no row": np.zeros((0, 3), np.int8)})
@example(text="\0", values={"": np.array(True)})
def test_what_is_written_is_read_back_to_the_bit(
    text: str, values: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.ckpt"
    path.write_bytes(container(text, values))
    verify_container(path)
    assert read_text(path) == text
    assert_same(read_values(path), values)


def test_an_array_that_is_not_contiguous_is_written_in_its_own_order(tmp_path: Path) -> None:
    value = np.arange(24, dtype=np.float32).reshape(4, 6)[::2, ::-3].T
    (tmp_path / "a.ckpt").write_bytes(container("", {"turned": value}))
    assert_same(read_values(tmp_path / "a.ckpt"), {"turned": value})


def test_plain_mindspore_reads_the_same_arrays_and_the_text(tmp_path: Path) -> None:
    text = '{"classes": ["día", "爵士", "🎷"]}'
    values = {
        f"{kind}{shape}": np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(kind)
        for kind in KINDS_OF_NUMBERS
        for shape in ((), (1,), (2, 3), (2, 1, 3, 3))
    }
    path = tmp_path / "a.ckpt"
    path.write_bytes(container(text, values))
    read = ms.load_checkpoint(str(path))
    assert str(read.pop(TEXT_NAME)) == text
    assert len(str(read.pop(CHECKSUM_NAME))) == 64
    assert_same({name: value.asnumpy() for name, value in read.items()}, values)


@pytest.mark.parametrize("slice_bytes", [None, 256], ids=["whole", "cut into slices"])
def test_files_of_plain_mindspore_are_read(
    slice_bytes: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if slice_bytes:
        monkeypatch.setattr(serialization, "SLICE_SIZE", slice_bytes)
    network = Fcn4(50, (4, 4, 4, 4))
    optimizer = nn.Adam(network.trainable_params())
    parameters = list(optimizer.parameters_and_names())
    saved = [parameter for _, parameter in parameters] + list(network.get_parameters())
    saved = list({parameter.name: parameter for parameter in saved}.values())
    path = tmp_path / "foreign.ckpt"
    ms.save_checkpoint(saved, str(path), append_dict={"epoch": 3, "loss": 0.5, "by": "somebody"})
    assert read_text(path) is None
    expected = {
        name: value.asnumpy()
        for name, value in ms.load_checkpoint(str(path)).items()
        if isinstance(value, Parameter)
    }
    assert any(value.nbytes > 256 for value in expected.values())
    assert_same(read_values(path), expected)


def test_our_values_go_through_plain_mindspore_and_back(tmp_path: Path) -> None:
    path = tmp_path / "again.ckpt"
    ms.save_checkpoint([Parameter(Tensor(v), name=n) for n, v in VALUES.items()], str(path))
    assert_same(read_values(path), VALUES)


# Corruption -----------------------------------------------------------------------------------


def tiny_checkpoint(folder: Path) -> Path:
    path = folder / "MusicTagger-1_1.ckpt"
    description = described(settings={}, versions={}, metrics={}, best={}, class_names=("a",))
    write_checkpoint(path, {"bias": np.zeros(1, np.float32)}, description)
    return path


def is_whole(path: Path) -> bool:
    try:
        return verify_checkpoint(path) is not None
    except DamagedError:
        return False


def test_every_single_flipped_bit_of_a_small_checkpoint_is_noticed(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path)
    assert is_whole(path)
    whole = path.read_bytes()
    unnoticed = []
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(whole):
            for bit in range(8):
                file.seek(place)
                file.write(bytes([byte ^ 1 << bit]))
                if is_whole(path):
                    unnoticed.append((place, bit))
            file.seek(place)
            file.write(bytes([byte]))
    assert unnoticed == []
    assert is_whole(path)


def test_every_cut_of_a_small_checkpoint_is_noticed(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path)
    size = path.stat().st_size
    for length in reversed(range(size)):
        with path.open("r+b") as file:
            file.truncate(length)
        assert not is_whole(path), length


@dataclass(frozen=True)
class Layout:
    """Where what is in a checkpoint; each is (begin, end)."""

    size: int
    heads: list[tuple[int, int]]
    contents: list[tuple[int, int]]
    name: tuple[int, int]
    text: tuple[int, int]
    checksum: tuple[int, int]


def layout_of(data: bytes, values: dict[str, np.ndarray]) -> Layout:
    """Find the places by what was written, not by how it is read."""
    name_begin = data.index(TEXT_NAME.encode())
    text_begin = data.index('{"'.encode("utf-32-le"))
    checksum_name = data.rindex(CHECKSUM_NAME.encode())
    heads, contents = [], []
    place = text_begin
    for name, value in values.items():
        begin = data.index(name.encode(), place)
        content = data.index(value.tobytes(), begin)
        heads.append((begin - 8, content))
        contents.append((content, content + value.nbytes))
        place = content + value.nbytes
    return Layout(
        size=len(data),
        heads=heads,
        contents=contents,
        name=(name_begin, name_begin + len(TEXT_NAME)),
        text=(text_begin, heads[0][0]),
        checksum=(checksum_name, len(data)),
    )


Damage = Callable[[np.random.Generator, bytes, Layout], bytes]


def cut(*ranges: tuple[int, int]) -> Callable[[np.random.Generator, bytes], bytes]:
    def damage(random: np.random.Generator, data: bytes) -> bytes:
        begin, end = ranges[random.integers(len(ranges))]
        return data[: random.integers(begin, end)]

    return damage


def flipped(*ranges: tuple[int, int]) -> Callable[[np.random.Generator, bytes], bytes]:
    def damage(random: np.random.Generator, data: bytes) -> bytes:
        begin, end = ranges[random.integers(len(ranges))]
        changed = bytearray(data)
        changed[random.integers(begin, end)] ^= 1 << random.integers(8)
        return bytes(changed)

    return damage


def zeroed(random: np.random.Generator, data: bytes, _: Layout) -> bytes:
    begin = int(random.integers(1, len(data) - 600))
    length = int(random.integers(64, 512))
    return data[:begin] + bytes(length) + data[begin + length :]


def appended(random: np.random.Generator, data: bytes, _: Layout) -> bytes:
    more = random.bytes(int(random.integers(1, 100)))
    # Also what the file itself holds: a second end is no end.
    return data + (more if random.integers(2) else data[-len(more) :])


def one_less_record(random: np.random.Generator, data: bytes, layout: Layout) -> bytes:
    places = [end for _, end in layout.contents]
    number = int(random.integers(len(places) - 1))
    return data[: places[number]] + data[places[number + 1] :]


KINDS: list[tuple[str, int, Damage]] = [
    ("empty", 1, lambda random, data, at: b""),
    ("cut to one byte", 1, lambda random, data, at: data[:1]),
    ("cut in the description", 10, lambda random, data, at: cut(at.text)(random, data)),
    ("cut in a record's head", 15, lambda random, data, at: cut(*at.heads)(random, data)),
    ("cut in an array", 15, lambda random, data, at: cut(*at.contents)(random, data)),
    (
        "cut exactly between two records",
        15,
        lambda random, data, at: data[: at.contents[random.integers(len(at.contents))][1]],
    ),
    ("cut before the checksum", 1, lambda random, data, at: data[: at.contents[-1][1]]),
    ("cut in the checksum", 10, lambda random, data, at: cut(at.checksum)(random, data)),
    ("the last byte is missing", 1, lambda random, data, at: data[:-1]),
    ("a bit anywhere", 30, lambda random, data, at: flipped((0, at.size))(random, data)),
    ("a bit of an array", 20, lambda random, data, at: flipped(*at.contents)(random, data)),
    ("a bit of a head", 15, lambda random, data, at: flipped(*at.heads)(random, data)),
    ("a bit of the first name", 10, lambda random, data, at: flipped(at.name)(random, data)),
    ("a bit of the description", 10, lambda random, data, at: flipped(at.text)(random, data)),
    ("a bit of the checksum", 10, lambda random, data, at: flipped(at.checksum)(random, data)),
    ("bytes are appended", 10, appended),
    ("a block of zeros", 10, zeroed),
    ("a record is taken out", 6, one_less_record),
]
SWAPS = 10


def test_two_hundred_random_corruptions_are_two_hundred_detections(tmp_path: Path) -> None:
    network = Fcn4(10, (4, 4, 4, 4))
    optimizer = nn.Adam(network.trainable_params())
    values = parameter_values([*network.get_parameters(), *optimizer.moment1])
    random = np.random.default_rng(20)
    values = {
        name: random.standard_normal(value.shape).astype(value.dtype)
        for name, value in values.items()
    }
    path = tmp_path / "MusicTagger-1_7.ckpt"
    write_checkpoint(path, values, described(1, 7))
    other = tmp_path / "MusicTagger-1_8.ckpt"
    write_checkpoint(other, values, described(1, 8))
    whole, whole_other = path.read_bytes(), other.read_bytes()
    layout = layout_of(whole, values)

    damaged = [(kind, make(random, whole, layout)) for kind, n, make in KINDS for _ in range(n)]
    damaged += [("swapped with another of the run", whole_other)] * SWAPS
    assert len(damaged) == 200
    unnoticed = []
    for kind, data in damaged:
        assert data != whole, kind
        path.write_bytes(data)
        try:
            verify_checkpoint(path)
            unnoticed.append(kind)
        except DamagedError as error:
            assert str(error) and "\n" not in str(error)
        with pytest.raises(InputError) as caught:
            read_checkpoint(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert unnoticed == []
    path.write_bytes(whole)
    assert_same(dict(read_checkpoint(path).values), values)


def read_everything(path: Path) -> None:
    """Call all that reads a file of unknown origin."""
    for read in (verify_checkpoint, read_text, read_values, verify_container):
        try:
            read(path)
        except DamagedError as error:
            assert str(error)


@settings(max_examples=300)
@given(data=st.binary(max_size=200))
@example(data=b"\x0a\x00")
@example(data=b"\x0a" + b"\xff" * 9 + b"\x01")
@example(data=b"\x0a" + b"\xff" * 20)
def test_arbitrary_bytes_are_damaged_and_nothing_worse(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "arbitrary.ckpt"
    path.write_bytes(data)
    read_everything(path)


def field(tag: int, content: bytes) -> bytes:
    assert len(content) < 1 << 14
    return bytes([tag, len(content) & 0x7F | 0x80, len(content) >> 7]) + content


RECORDS = st.builds(
    lambda name, dims, kind, content: field(
        0x0A,
        field(0x0A, name)
        + field(
            0x12,
            b"".join(b"\x08" + dim for dim in dims) + field(0x12, kind) + field(0x1A, content),
        ),
    ),
    st.sampled_from([TEXT_NAME.encode(), CHECKSUM_NAME.encode(), b"bias", b"\xff"]),
    st.lists(st.sampled_from([b"\x00", b"\x02", b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x7f"])),
    st.sampled_from([b"Float32", b"str", b"Bool", b"Float9", b"\xff"]),
    st.sampled_from(
        [b"", b"1234", b"12345678", b"\xff" * 8]
        + [text.encode("utf-32-le") for text in ("3", "[]", "{}", '"a"', "[" * 3000, "null")]
    ),
)


@settings(max_examples=300)
@given(records=st.lists(RECORDS, max_size=4))
def test_records_that_make_no_sense_are_damaged_and_nothing_worse(
    records: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "senseless.ckpt"
    path.write_bytes(b"".join(records))
    read_everything(path)


@pytest.mark.parametrize(
    "text", ["3", "[]", "{}", '"a"', "null", "[" * 100_000, "no JSON"], ids=lambda text: text[:9]
)
def test_a_description_of_another_make_is_told_as_such(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(container(text, VALUES))
    with pytest.raises(DamagedError, match="its description is damaged"):
        verify_checkpoint(path)


def test_a_file_that_was_damaged_and_is_mended_is_whole_again(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path)
    flip(path, 1000)
    assert not is_whole(path)
    flip(path, 1000)
    assert is_whole(path)
