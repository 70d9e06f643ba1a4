"""What ranks write down while they try their device, and what is made of it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.findings import Finding, Level
from fcn4_dist.trial.record import Record, findings_of, read_record

CHECKS = ("operators", "training step")
RIGHT = Finding(Level.OK, "all are right", check="operators")


def lines_of(folder: Path, *findings: Finding, begun: str = "") -> list:
    path = folder / "rank"
    record = Record(path)
    record.begin("operators", "trying the first operator")
    for finding in findings:
        record.found(finding, loss=0.5)
    if begun:
        record.begin("training step", begun)
    return read_record(path)


def test_what_all_ranks_found_is_said_once(tmp_path: Path) -> None:
    step = Finding(Level.OK, "as stored", check="training step")
    lines = lines_of(tmp_path, RIGHT, step)
    assert findings_of({0: lines, 1: lines}, CHECKS) == [RIGHT, step]


def test_what_one_rank_found_names_it(tmp_path: Path) -> None:
    step = Finding(Level.OK, "as stored", check="training step")
    off = Finding(Level.ERROR, "off by 2", "its card", "training step")
    records = {0: lines_of(tmp_path, RIGHT, step), 3: lines_of(tmp_path, RIGHT, off)}
    assert findings_of(records, CHECKS) == [
        RIGHT,
        Finding(Level.ERROR, "rank 3: off by 2", "its card", "training step"),
        Finding(Level.OK, "rank 0: as stored", check="training step"),
    ]


def test_a_rank_that_died_is_told_by_what_it_had_begun(tmp_path: Path) -> None:
    records = {
        0: lines_of(tmp_path, RIGHT, begun="taking a training step in float16"),
        1: [],
    }
    found = findings_of(records, CHECKS)
    assert (
        Finding(
            Level.ERROR,
            "rank 0: ended while taking a training step in float16",
            "its log says more",
            "training step",
        )
        in found
    )
    assert (
        Finding(Level.ERROR, "rank 1: ended before it began", "its log says more", "operators")
        in found
    )


@given(st.binary(max_size=300), st.integers(0, 10_000))
def test_a_damaged_file_gives_the_lines_that_are_whole(damage: bytes, place: int) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        lines = lines_of(Path(folder), RIGHT)
        path = Path(folder) / "rank"
        data = path.read_bytes()
        cut = place % (len(data) + 1)
        path.write_bytes(data[:cut] + damage)
        assert all(line in lines or damage for line in read_record(path))
        # Whatever they say, something is said.
        assert findings_of({0: read_record(path)}, CHECKS)
