"""Reading batches of shards that are gone or damaged, or are not what their manifest says."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import Fcn4DistError
from fcn4_dist.jobs.preprocess import preprocess
from fcn4_dist.jobs.shards import open_shards
from fcn4_dist.pipeline import read_batches


def _remove(shard: Path) -> None:
    shard.unlink()


def _cut(shard: Path) -> None:
    os.truncate(shard, 1 << 14)


@pytest.mark.parametrize("harm", [_remove, _cut])
def test_a_shard_that_is_gone_or_cut_is_said_in_a_sentence(
    harm: object, preprocessed: Settings, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(preprocessed.shard_folder, tmp_path / "shards"))
    settings = replace(preprocessed, data_dir=str(folder))
    _, record_set = open_shards("eval", settings)
    assert callable(harm)
    harm(record_set.files[0])
    with pytest.raises(Fcn4DistError, match=r"the shards of val in .* cannot be read any more"):
        list(read_batches(record_set, [np.array([0]), np.array([1])]))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rows_that_are_not_what_the_manifest_says_are_refused(
    dtype: str, preprocessed: Settings, tmp_path: Path
) -> None:
    settings = preprocessed
    if dtype != "float32":
        settings = replace(settings, mr_path=str(tmp_path), feature_dtype=dtype, get_npy=False)
        preprocess(LoadedSettings(settings, {}))
    _, whole = open_shards("eval", settings)
    assert [len(batch) for batch in read_batches(whole, [np.arange(5)])] == [5]
    first = whole.clips[0]
    other_label = next(name for name in whole.class_names if name not in first.labels)
    parameters = whole.parameters
    for what, other in (
        ("clips", replace(whole, clips=(replace(first, id="other"), *whole.clips[1:]))),
        ("labels", replace(whole, clips=(replace(first, labels=(other_label,)), *whole.clips[1:]))),
        ("labels", replace(whole, class_names=whole.class_names[::-1])),
        ("features", replace(whole, parameters=replace(parameters, n_mels=31))),
        ("features", replace(whole, parameters=replace(parameters, hop_length=97))),
        ("features", replace(whole, feature_dtype={"float32": "float16"}.get(dtype, "float32"))),
    ):
        with pytest.raises(Fcn4DistError, match=f"do not hold the {what} that their manifest says"):
            list(read_batches(other, [np.arange(5)]))


@pytest.mark.parametrize("hard", [70, None])
def test_shards_that_take_more_open_files_than_are_usual_are_read_or_refused(
    hard: int | None, preprocessed: Settings
) -> None:
    # In a process of its own, which cannot be given back what it has lost.
    program = (
        "import resource, sys; import numpy as np; from pathlib import Path\n"
        "from fcn4_dist.config import Settings; from fcn4_dist.jobs.shards import open_shards\n"
        "from fcn4_dist.pipeline import read_batches\n"
        f"records = open_shards('eval', {preprocessed!r})[1]\n"
        "of_system = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (60, {hard} or of_system))\n"
        "print(len(list(read_batches(records, [np.array([0])]))))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    if hard is None:
        assert result.stdout == "1\n", result.stderr
    else:
        assert re.search(
            r"the \d+ shards of val in \S+ take \d+ more open files than this system allows: raise "
            r"the hard limit \(ulimit -Hn\), or make fewer shards \(num_consumer\)",
            result.stderr,
        ), result.stderr
