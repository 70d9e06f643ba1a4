"""The kinds of collection there are.

A new one is a module that declares it, a line below, its test, and its section of
docs/collections.md, which is made of what it declares.
"""

from pathlib import Path

from fcn4_dist.clips.collection import Dataset
from fcn4_dist.clips.csv_file import CSV
from fcn4_dist.clips.esc50 import ESC50
from fcn4_dist.clips.fma import FMA
from fcn4_dist.clips.folder import FOLDER
from fcn4_dist.clips.fsdkaggle2018 import FSDKAGGLE2018
from fcn4_dist.clips.gtzan import GTZAN
from fcn4_dist.clips.irmas import IRMAS
from fcn4_dist.clips.magnatagatune import MAGNATAGATUNE
from fcn4_dist.clips.mtg_jamendo import MTG_JAMENDO
from fcn4_dist.clips.synthetic import SYNTHETIC
from fcn4_dist.clips.urbansound8k import URBANSOUND8K
from fcn4_dist.config import nearest_name
from fcn4_dist.errors import SettingsError

DATASETS = (
    FOLDER,
    GTZAN,
    MAGNATAGATUNE,
    MTG_JAMENDO,
    ESC50,
    URBANSOUND8K,
    FSDKAGGLE2018,
    IRMAS,
    FMA,
    CSV,
    SYNTHETIC,
)
"""All kinds of collection, in the order people are told of them."""


def find_dataset(name: str) -> Dataset:
    """Find a kind of collection by its name.

    Raises:
        SettingsError: If there is none of that name.
    """
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    names = dataset_names()
    raise SettingsError(
        "dataset", f"must be one of {', '.join(names)}, got {name!r}{nearest_name(name, names)}"
    )


def recognise_dataset(path: Path) -> Dataset | None:
    """Tell which kind of collection is at a path: a known one, or else any folder or file.

    Args:
        path: A folder or a file.

    Returns:
        The kind; None if there is neither.

    Raises:
        OSError: If a folder cannot be listed.
    """
    known_first = sorted(DATASETS, key=lambda dataset: dataset in (FOLDER, CSV))
    return next((dataset for dataset in known_first if dataset.recognises(path)), None)


def tag_lists() -> tuple[str, ...]:
    """Give the values of ``--tag_list``, of all kinds of collection."""
    return tuple(dict.fromkeys(name for dataset in DATASETS for name in dataset.tag_lists))


def subsets() -> tuple[str, ...]:
    """Give the values of ``--subset``, of all kinds of collection; "" for all there is."""
    return ("", *dict.fromkeys(name for dataset in DATASETS for name in dataset.subsets))


def dataset_names() -> tuple[str, ...]:
    """Give the values of ``--dataset``."""
    return tuple(dataset.name for dataset in DATASETS)
