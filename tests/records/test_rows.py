"""Rows of a manifest in columns."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.records import ClipRow, ClipRows

TEXT = st.text(st.characters(exclude_categories=[]), max_size=4)
NAMES = ("jazz", "rock", "é", "\udce9")
ROWS = st.lists(
    st.builds(
        ClipRow,
        id=TEXT,
        source=TEXT,
        sha256=st.sampled_from(["", "0" * 64, "ab" * 32]),
        labels=st.lists(st.sampled_from(NAMES), unique=True).map(tuple),
        set=st.sampled_from(["", "train", "val"]),
        shard=st.sampled_from(["", "train.mindrecord0", "train.mindrecord1"]),
        status=st.sampled_from(["kept", "padded", "skipped"]),
        reason=TEXT,
        seconds=st.floats(0, 1e9),
        level_dbfs=st.none() | st.floats(-200, 100),
    ),
    max_size=9,
)


@given(rows=ROWS, size=st.integers(1, 4))
def test_rows_come_out_as_they_went_in(rows: list[ClipRow], size: int) -> None:
    in_blocks = ClipRows.of_blocks(rows[i : i + size] for i in range(0, len(rows), size))
    for laid_out in (ClipRows.of(rows), in_blocks):
        assert list(laid_out) == rows == [laid_out[i] for i in range(len(rows))]
        assert list(laid_out.ids) == [row.id for row in rows]
        assert laid_out == rows


@given(rows=ROWS, data=st.data())
def test_some_of_the_rows_are_what_a_list_would_give(rows: list[ClipRow], data: Any) -> None:
    laid_out = ClipRows.of(rows)
    part = data.draw(st.slices(len(rows)))
    chosen = data.draw(st.lists(st.sampled_from(range(len(rows))))) if rows else []
    assert list(laid_out[part]) == rows[part]
    assert list(laid_out.at(np.array(chosen, int))) == [rows[i] for i in chosen]
    in_train = laid_out.where(lambda place: place.set == "train")
    assert list(in_train) == [row for row in rows if row.set == "train"]
    # Of a part that shares its columns with the whole, too.
    for some, wanted in ((laid_out[1:], rows[1:]), (in_train, list(in_train))):
        having = [i for i, row in enumerate(wanted) if "jazz" in row.labels]
        assert some.rows_labelled(lambda name: name == "jazz").tolist() == having
        counted = {name: count for name, count in some.count_labels().items() if count}
        assert counted == Counter(name for row in wanted for name in row.labels)
        matrix = [[int(name in row.labels) for name in NAMES] for row in wanted]
        assert some.label_matrix(NAMES, range(len(some))).tolist() == matrix
