"""What a checkpoint says of itself, and what it fits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.checkpoints.container import DamagedError
from fcn4_dist.checkpoints.content import (
    CheckpointDescription,
    check_description,
    read_checkpoint,
    read_description,
    verify_checkpoint,
    write_checkpoint,
)
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from tests.checkpoints.examples import (
    DESCRIPTION,
    PARAMETERS,
    VALUES,
    described,
    flip,
    write_example,
)


def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "MusicTagger-3_24.ckpt"
    write_checkpoint(path, VALUES, DESCRIPTION)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.path, checkpoint.description) == (path, DESCRIPTION)
    assert checkpoint.values.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(checkpoint.values[name], value)
    assert verify_checkpoint(path) == read_description(path) == DESCRIPTION


def test_a_description_says_file_names_that_are_not_utf_8(tmp_path: Path) -> None:
    strange = described(settings={"audio_path": "caf\udce9/"})
    assert CheckpointDescription.from_json(strange.to_json()) == strange
    write_checkpoint(tmp_path / "MusicTagger-1_1.ckpt", VALUES, strange)
    assert read_description(tmp_path / "MusicTagger-1_1.ckpt") == strange


def test_the_file_is_an_ordinary_one_and_stands_alone(tmp_path: Path) -> None:
    path = write_example(tmp_path / "weights")
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = write_example(tmp_path / "weights")
    before = path.read_bytes()
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(Fcn4DistError, match=r"cannot write the checkpoint .*MusicTagger-4_1\.ckpt"):
        write_checkpoint(blocked / "MusicTagger-4_1.ckpt", {}, DESCRIPTION)
    with pytest.raises(TypeError):
        write_checkpoint(path, {"weight": None}, DESCRIPTION)  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"not a checkpoint at all", "it is no checkpoint, or damaged"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason_and_what_to_do(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "MusicTagger-1_1.ckpt"
    if content is not None:
        path.write_bytes(content)
    for read in (read_checkpoint, read_description):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value) == (
            f"{path} cannot be used as a checkpoint: {reason}; name another one "
            "('fcn4-dist checkpoints verify' looks through a folder)"
        )


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        read_checkpoint(tmp_path)


def test_a_checkpoint_under_the_name_of_another_one_is_refused(tmp_path: Path) -> None:
    write_example(tmp_path, 1, 1).rename(tmp_path / "MusicTagger-2_4.ckpt")
    with pytest.raises(DamagedError, match="it holds epoch 1, step 1, which is not what its name"):
        verify_checkpoint(tmp_path / "MusicTagger-2_4.ckpt")


@pytest.mark.parametrize("name", ["MusicTagger-best.ckpt", "for-Anna.ckpt", "Other-1_1.ckpt", "x"])
def test_a_checkpoint_may_be_given_a_name_that_says_nothing_else(tmp_path: Path, name: str) -> None:
    path = write_example(tmp_path).rename(tmp_path / name)
    assert verify_checkpoint(path)


def test_a_checkpoint_of_other_classes_or_features_is_refused_with_every_difference() -> None:
    path = Path("MusicTagger-3_24.ckpt")
    check_description(DESCRIPTION, path, DESCRIPTION.class_names, PARAMETERS)
    check_description(None, path, ("any",), PARAMETERS)
    other = FeatureParameters.from_settings(Settings(n_mels=64))
    with pytest.raises(InputError) as caught:
        check_description(DESCRIPTION, path, ("a", "b"), other)
    assert str(caught.value) == (
        "MusicTagger-3_24.ckpt was trained on other data than these shards hold: n_mels 96 instead "
        "of 64; classes blues, día, 爵士 instead of a, b: name another checkpoint with "
        "--model_name, or other shards with --data_dir"
    )


def test_the_order_of_the_classes_matters() -> None:
    turned = replace(DESCRIPTION, class_names=DESCRIPTION.class_names[::-1])
    with pytest.raises(InputError, match="classes"):
        check_description(turned, Path("a.ckpt"), DESCRIPTION.class_names, PARAMETERS)


def test_a_write_that_does_not_read_back_is_a_failed_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file = Path.replace

    def rot(self: Path, target: Path) -> Path:
        flip(self, 8 * 2000)
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", rot)
    with pytest.raises(Fcn4DistError, match=r"earlier ones are untouched: its checksum is wrong"):
        write_example(tmp_path)
