"""What is decided by the generation of the cards."""

import pytest

from fcn4_dist.config import load_settings
from fcn4_dist.jobs.card import choose_for_card

OPEN = ("amp_dtype", "bind_cores", "all_reduce_buckets")


@pytest.mark.parametrize(
    ("generation", "chosen"),
    [
        ("910", ("float16", "off", 1)),
        ("A2", ("bfloat16", "on", 2)),
        ("A3", ("bfloat16", "on", 2)),
        ("310P3", ("float16", "off", 1)),
        ("", ("float16", "off", 1)),
    ],
)
def test_what_is_left_open_follows_from_the_card(
    generation: str, chosen: tuple[str, str, int]
) -> None:
    loaded = choose_for_card(load_settings(None, {"mixed_precision": "True"}), generation)
    assert tuple(getattr(loaded.settings, name) for name in OPEN) == chosen
    why = f"auto, for Ascend {generation}" if generation else "auto, for cards of unknown kind"
    assert {loaded.origins[name] for name in OPEN} == {why}
    assert why in loaded.to_yaml("train")


def test_what_is_given_stays() -> None:
    flags = {"amp_dtype": "float16", "bind_cores": "off", "all_reduce_buckets": "1"}
    given = load_settings(None, {**flags, "mixed_precision": "True"})
    assert choose_for_card(given, "A2") == given


def test_without_mixed_precision_no_type_is_chosen() -> None:
    assert choose_for_card(load_settings(), "A2").settings.amp_dtype == "auto"


def test_on_the_cpu_nothing_is_chosen() -> None:
    loaded = load_settings(None, {"device_target": "CPU", "mixed_precision": "True"})
    assert choose_for_card(loaded, "A2") == loaded
