"""The network as it is built: the names of the known trainer, its precision, how it is compiled."""

import mindspore as ms
import pytest

from fcn4_dist.model import parameter_shapes
from fcn4_dist.model.build import build_fcn4, use_jit_level

MODELZOO_SHAPES = {
    "conv1.weight": (128, 1, 3, 3),
    "bn1.moving_mean": (128,),
    "bn1.moving_variance": (128,),
    "bn1.gamma": (128,),
    "bn1.beta": (128,),
    "conv2.weight": (384, 128, 3, 3),
    "bn2.moving_mean": (384,),
    "bn2.moving_variance": (384,),
    "bn2.gamma": (384,),
    "bn2.beta": (384,),
    "conv3.weight": (768, 384, 3, 3),
    "bn3.moving_mean": (768,),
    "bn3.moving_variance": (768,),
    "bn3.gamma": (768,),
    "bn3.beta": (768,),
    "conv4.weight": (2048, 768, 3, 3),
    "bn4.moving_mean": (2048,),
    "bn4.moving_variance": (2048,),
    "bn4.gamma": (2048,),
    "bn4.beta": (2048,),
    "dense.weight": (50, 2048),
    "dense.bias": (50,),
}


def test_parameters_have_the_names_and_shapes_of_the_modelzoo() -> None:
    network = build_fcn4(50, 1.0)
    shapes = {parameter.name: tuple(parameter.shape) for parameter in network.get_parameters()}
    assert shapes == MODELZOO_SHAPES


@pytest.mark.parametrize(("classes", "width"), [(50, 1.0), (3, 0.03), (10, 0.125)])
def test_the_shapes_are_known_without_building_it(classes: int, width: float) -> None:
    network = build_fcn4(classes, width)
    shapes = {parameter.name: tuple(parameter.shape) for parameter in network.get_parameters()}
    assert parameter_shapes(classes, width) == shapes


@pytest.mark.parametrize("amp_level", ["O2", "O3"])
@pytest.mark.parametrize("amp_dtype", ["float16", "bfloat16"])
def test_mixed_precision_keeps_the_names_and_float32_weights(
    amp_level: str, amp_dtype: str
) -> None:
    network = build_fcn4(50, 0.125, amp_level=amp_level, amp_dtype=amp_dtype)
    assert [parameter.name for parameter in network.get_parameters()] == list(MODELZOO_SHAPES)
    assert {parameter.dtype for parameter in network.get_parameters()} == {ms.float32}


@pytest.mark.parametrize("jit_level", ["O0", "O1", "O2"])
def test_what_is_asked_of_the_compiler_is_the_level_that_is_set(jit_level: str) -> None:
    network = build_fcn4(3, 0.02)
    use_jit_level(network, "auto")
    assert not network.jit_config_dict
    use_jit_level(network, jit_level)
    assert network.jit_config_dict["jit_level"] == jit_level
