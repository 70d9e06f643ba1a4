"""What is in a checkpoint, and what it fits."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.checkpoints.content import (
    CheckpointDescription,
    check_description,
    load_into_network,
    parameter_values,
    read_checkpoint,
    write_checkpoint,
)
from fcn4_dist.config import Settings
from fcn4_dist.errors import Fcn4DistError, InputError
from fcn4_dist.model.fcn4 import Fcn4

PARAMETERS = FeatureParameters.from_settings(Settings())
DESCRIPTION = CheckpointDescription(
    epoch=3,
    step=24,
    global_step=72,
    global_batch=64,
    class_names=("blues", "día", "爵士"),
    parameters=PARAMETERS,
    width=0.125,
    settings=Settings().as_dict(),
    versions={"mindspore": "2.8.0"},
)


def network(classes: int = 3, seed: int = 1) -> Fcn4:
    ms.set_seed(seed)
    return Fcn4(classes, (2, 3, 4, 5))


def written(folder: Path, source: Fcn4) -> Path:
    path = folder / "weights" / "MusicTagger-3_24.ckpt"
    write_checkpoint(path, parameter_values(source.get_parameters()), DESCRIPTION)
    return path


def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    source = network()
    checkpoint = read_checkpoint(written(tmp_path, source))
    assert checkpoint.description == DESCRIPTION
    target = network(seed=2)
    assert load_into_network(target, checkpoint, fresh_dense=False) == []
    for one, other in zip(source.get_parameters(), target.get_parameters(), strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


def test_plain_mindspore_reads_the_weights_into_a_network(tmp_path: Path) -> None:
    source, target = network(), network(seed=2)
    content = ms.load_checkpoint(str(written(tmp_path, source)))
    missing, _ = ms.load_param_into_net(target, content)
    assert missing == []
    np.testing.assert_array_equal(source.dense.weight.asnumpy(), target.dense.weight.asnumpy())


def test_the_file_is_an_ordinary_one_and_stands_alone(tmp_path: Path) -> None:
    path = written(tmp_path, network())
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = written(tmp_path, network())
    before = path.read_bytes()
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(Fcn4DistError, match="cannot write the checkpoint"):
        write_checkpoint(blocked / "MusicTagger-4_1.ckpt", {}, DESCRIPTION)
    with pytest.raises(TypeError):
        write_checkpoint(path, {"weight": None}, DESCRIPTION)  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "MusicTagger-1_1.ckpt"
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(InputError, match=r"MusicTagger-1_1\.ckpt cannot be read as a checkpoint"):
        read_checkpoint(path)


def test_a_file_of_another_program_has_no_description(tmp_path: Path) -> None:
    path = tmp_path / "foreign.ckpt"
    source = network()
    optimizer = nn.Adam(source.trainable_params())
    ms.save_checkpoint([*source.get_parameters(), *optimizer.moment1], str(path))
    checkpoint = read_checkpoint(path)
    assert checkpoint.description is None
    assert load_into_network(network(seed=2), checkpoint, fresh_dense=False) == []


def test_a_dense_layer_of_another_size_may_stay_fresh_where_asked(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(written(tmp_path, network(classes=3)))
    target = network(classes=7, seed=2)
    fresh = target.dense.weight.asnumpy().copy()
    left = load_into_network(target, checkpoint, fresh_dense=True)
    assert left == ["dense.weight", "dense.bias"]
    np.testing.assert_array_equal(target.dense.weight.asnumpy(), fresh)
    np.testing.assert_array_equal(target.conv4.weight.asnumpy(), checkpoint.values["conv4.weight"])
    with pytest.raises(InputError, match=r"dense\.weight has shape \(7, 5\)"):
        load_into_network(target, checkpoint, fresh_dense=False)


def test_a_network_of_another_width_is_refused(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(written(tmp_path, network()))
    with pytest.raises(InputError, match=r"conv1\.weight has shape \(9, 1, 3, 3\).*width"):
        load_into_network(Fcn4(3, (9, 3, 4, 5)), checkpoint, fresh_dense=True)


def test_a_checkpoint_of_other_classes_or_features_is_refused() -> None:
    path = Path("MusicTagger-3_24.ckpt")
    check_description(DESCRIPTION, path, DESCRIPTION.class_names, PARAMETERS)
    check_description(None, path, ("any",), PARAMETERS)
    other = FeatureParameters.from_settings(Settings(n_mels=64))
    with pytest.raises(
        InputError, match=r"n_mels 96 instead of 64; classes blues, .* instead of a"
    ):
        check_description(DESCRIPTION, path, ("a", "b", "c"), other)


def test_parameter_values_are_copies() -> None:
    source = network()
    values = parameter_values(source.get_parameters())
    source.dense.bias.set_data(Tensor(np.full(3, 9, np.float32)))
    assert not (values["dense.bias"] == 9).any()
