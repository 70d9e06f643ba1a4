"""What is decided by the generation of the cards."""

import pytest

from fcn4_dist.config import adopt_settings, load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.auto_settings import choose_for_card, leave_open

ON_ASCEND = {"device_target": "Ascend"}
OPEN = ("amp_dtype", "bind_cores", "all_reduce_buckets")


@pytest.mark.parametrize(
    ("generation", "chosen"),
    [
        ("910", ("float16", "off", 1)),
        ("A2", ("float16", "on", 2)),
        ("A3", ("float16", "on", 2)),
        ("310P3", ("float16", "off", 1)),
        ("", ("float16", "off", 1)),
    ],
)
def test_what_is_left_open_follows_from_the_card(
    generation: str, chosen: tuple[str, str, int]
) -> None:
    given = load_settings(None, ON_ASCEND | {"mixed_precision": "True"})
    loaded = choose_for_card(given, generation, binds=True)
    assert tuple(getattr(loaded.settings, name) for name in OPEN) == chosen
    why = f"auto, for Ascend {generation}" if generation else "auto, for cards of unknown kind"
    assert {loaded.origins[name] for name in OPEN} == {why}
    assert why in loaded.to_yaml("train")


def test_what_is_given_stays() -> None:
    flags = {"amp_dtype": "bfloat16", "bind_cores": "off", "all_reduce_buckets": "1"}
    given = load_settings(None, ON_ASCEND | flags | {"mixed_precision": "True"})
    assert choose_for_card(given, "A2") == given


def test_without_mixed_precision_no_type_is_chosen() -> None:
    assert choose_for_card(load_settings(None, ON_ASCEND), "A2").settings.amp_dtype == "auto"


def test_on_the_cpu_nothing_is_chosen() -> None:
    loaded = load_settings(None, {"device_target": "CPU", "mixed_precision": "True"})
    assert choose_for_card(loaded, "A2") == loaded


def test_only_msrun_binds_to_cores() -> None:
    assert choose_for_card(load_settings(None, ON_ASCEND), "A2").settings.bind_cores == "auto"


def test_what_is_open_on_every_node_is_what_node_0_has_chosen() -> None:
    flags = {"amp_dtype": "auto", "bind_cores": "auto", "all_reduce_buckets": "0"}
    flags |= ON_ASCEND | {"mixed_precision": "True"}
    of_node_0 = choose_for_card(load_settings(None, flags), "A2", binds=True).settings
    adopted = adopt_settings(leave_open(load_settings(None, flags)), of_node_0.as_dict(), "train")
    assert adopted.settings == of_node_0
    other = load_settings(None, {**flags, "all_reduce_buckets": "1"})
    with pytest.raises(InputError, match="all_reduce_buckets is 1 here and 2 on node 0"):
        adopt_settings(leave_open(other), of_node_0.as_dict(), "train")
