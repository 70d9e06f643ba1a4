"""Batches of clips out of the shards, in any order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.records import RecordSet

_COLUMNS = ["id", "feature", "label"]


@dataclass(frozen=True)
class Batch:
    """Some samples.

    Attributes:
        ids: Ids of the clips.
        rows: Their numbers in the set.
        features: float32 decibels of shape (samples, 1, n_mels, frames).
        labels: float32 of shape (samples, classes), 0 or 1 as they are read.
    """

    ids: tuple[str, ...]
    rows: np.ndarray
    features: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def read_batches(record_set: RecordSet, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
    """Read batches of clips, in the order given, prefetching in the background.

    Args:
        record_set: The shards to read from.
        batches: Indices of clips, an array a batch; all of one length but the last.

    Yields:
        The batches.

    Raises:
        Fcn4DistError: If the shards cannot be read, or give other clips, labels or features than
            the manifest says.
    """
    if len(batches) == 0:
        return
    rows = _rows(record_set, batches)
    for indices, (ids, features, labels) in zip(batches, rows, strict=True):
        expected = tuple(record_set.clips.ids[index] for index in indices)
        differing = [
            what
            for what, same in (
                ("clips", tuple(ids.tolist()) == expected),
                ("labels", np.array_equal(labels, record_set.labels_of(indices))),
                ("features", record_set.holds(features)),
            )
            if not same
        ]
        if differing:
            raise Fcn4DistError(
                f"the shards of {record_set.name} in {record_set.folder} do not hold the "
                f"{differing[0]} that their manifest says: run preprocess again"
            )
        yield Batch(expected, indices, _features(record_set, features), labels.astype(np.float32))


def _rows(record_set: RecordSet, batches: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
    import mindspore.dataset as ds

    try:
        dataset = ds.MindDataset(
            dataset_files=[str(path) for path in record_set.files],
            columns_list=_COLUMNS,
            sampler=ds.SubsetSampler(np.concatenate(batches).tolist()),
        ).batch(len(batches[0]))
        yield from dataset.create_tuple_iterator(num_epochs=1, output_numpy=True)
    except (RuntimeError, ValueError) as error:
        # MindSpore's words for a file that is gone or damaged; the check before a start names it.
        raise Fcn4DistError(
            f"the shards of {record_set.name} in {record_set.folder} cannot be read any more: "
            f"'fcn4-dist verify {record_set.folder}' tells which"
        ) from error


def _features(record_set: RecordSet, stored: np.ndarray) -> np.ndarray:
    if record_set.feature_dtype == "float32":
        return stored
    # MindRecord knows no float16: such features travel as bytes.
    halves = np.ascontiguousarray(stored).view(record_set.feature_dtype)
    return halves.reshape(len(stored), *record_set.parameters.shape).astype(np.float32)


def pad_batch(features: np.ndarray, batch_size: int) -> np.ndarray:
    """Repeat the last sample until a batch has its full size, so that all have one shape.

    Args:
        features: Array of shape (n, …), 1 <= n <= batch_size.
        batch_size: Size wanted.

    Returns:
        Array of shape (batch_size, …).
    """
    missing = batch_size - len(features)
    return np.concatenate([features, np.repeat(features[-1:], missing, axis=0)])
