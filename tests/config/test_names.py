"""Other names of settings and slips of names: which are understood, and what is suggested."""

from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcn4_dist.config import (
    RETIRED,
    SETTINGS,
    SYNONYMS,
    Settings,
    declaration_of,
    load_settings,
    nearest_of,
)
from fcn4_dist.errors import InputError

OF_SETTINGS = sorted(other for other, name in SYNONYMS.items() if name in SETTINGS)
WriteConfig = Callable[[str], Path]


@pytest.mark.parametrize("other", OF_SETTINGS)
def test_a_setting_is_known_by_the_names_it_has_elsewhere(other: str) -> None:
    for spelt in (other, other.replace("_", "-")):
        assert declaration_of(spelt) is SETTINGS[SYNONYMS[other]]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_name_may_have_hyphens(name: str) -> None:
    assert declaration_of(name.replace("_", "-")) is SETTINGS[name]


def test_such_names_are_taken_from_flags_and_files_without_a_word(
    write_config: WriteConfig,
) -> None:
    loaded = load_settings(write_config("batch-size: 8\nwd: 0.1\n"), {"learning-rate": "0.1"})
    assert loaded.settings == Settings(batch_size=8, weight_decay=0.1, lr=0.1)
    assert loaded.remarks == ()


def test_a_synonym_is_no_name_of_a_setting() -> None:
    assert not {*SYNONYMS}.intersection({*SETTINGS, *RETIRED})
    assert not {*SYNONYMS}.intersection(SYNONYMS.values())


@pytest.mark.parametrize("other", ["epochs", "epoch-size", "max-epochs"])
def test_a_setting_that_is_given_by_two_names_is_given_twice(
    write_config: WriteConfig, other: str
) -> None:
    with pytest.raises(InputError, match=f"--{other}: epoch_size is given twice as a flag"):
        load_settings(flags={"epoch_size": "3", other: "3"})
    with pytest.raises(InputError, match="line 2: epoch_size is given twice in this file"):
        load_settings(write_config(f"epoch_size: 3\n{other}: 3\n"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("device_target", "cpu", "CPU"),
        ("device_target", "ASCEND", "Ascend"),
        ("jit_level", "o1", "O1"),
        ("split", "KFold", "kfold"),
        ("dataset", "GTZAN", "gtzan"),
        ("resume", "Auto", "auto"),
        ("model_name", "Best", "best"),
    ],
)
def test_a_choice_is_understood_in_any_case(
    write_config: WriteConfig, name: str, text: str, value: str
) -> None:
    choices = {"dataset": lambda: ("folder", "gtzan")}
    for loaded in (
        load_settings(flags={name: text}, choices=choices),
        load_settings(write_config(f"{name}: {text}\n"), choices=choices),
    ):
        assert getattr(loaded.settings, name) == value


@pytest.mark.parametrize("name", [each.name for each in SETTINGS.values() if each.choices])
def test_every_choice_is_understood_in_any_case(name: str) -> None:
    for choice in SETTINGS[name].choices:
        for text in (choice.upper(), choice.lower(), choice.title()):
            assert SETTINGS[name].parse(text) == choice


@given(st.one_of(st.text(), st.sampled_from(sorted({*SETTINGS, *SYNONYMS}))), st.data())
def test_what_is_suggested_is_like_what_was_written(name: str, data: st.DataObject) -> None:
    slip = list(name)
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(slip)))
        slip[place : place + data.draw(st.integers(0, 1))] = data.draw(st.text(max_size=1))
    written = "".join(slip)
    if nearest := nearest_of(written, SETTINGS):
        names = [nearest, *(other for other, meant in SYNONYMS.items() if meant == nearest)]
        assert max(likeness(written, each) for each in names) >= 0.8


def likeness(one: str, other: str) -> float:
    plain = [text.lower().replace("_", "").replace("-", "") for text in (one[:80], other)]
    return SequenceMatcher(a=plain[1], b=plain[0]).ratio()


@pytest.mark.parametrize(
    ("slip", "name"),
    [
        ("batchsize", "batch_size"),
        ("Batch-Size", "batch_size"),
        ("learningrate", "lr"),
        ("epocs", "epoch_size"),
        ("verbose", ""),
        ("momentum", ""),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_a_slip_is_told_from_another_word(slip: str, name: str) -> None:
    assert nearest_of(slip, SETTINGS) == name
