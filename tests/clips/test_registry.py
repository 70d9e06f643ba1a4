"""The kinds of collection there are."""

import pytest

from fcn4_dist.clips import DATASETS, dataset_names, find_dataset, read_collection
from fcn4_dist.config import Settings
from fcn4_dist.errors import SettingsError


def test_each_kind_is_found_by_its_name_and_says_what_it_is() -> None:
    names = dataset_names()
    assert len(set(names)) == len(names) > 0
    for each in DATASETS:
        assert find_dataset(each.name) is each
        assert each.title
        assert each.on_disk
        cells = (each.name, each.title, each.on_disk, each.published_split)
        assert not any("|" in cell or "\n" in cell for cell in cells)


def test_the_default_is_one_of_them() -> None:
    assert find_dataset(Settings().dataset).name == "folder"


def test_an_unknown_kind_is_refused_with_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"dataset must be one of folder, .*mean 'gtzan'"):
        read_collection(Settings(dataset="gtsan"))
