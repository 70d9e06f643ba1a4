"""How text becomes a value of a setting."""

import pytest

from fcn4_dist.config import Setting
from fcn4_dist.errors import SettingsError


def _declare(kind: type, **details: object) -> Setting:
    return Setting("it", kind, None, ("train",), "something", **details)


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "on", "1", " true "])
def test_words_that_mean_true(word: object) -> None:
    assert _declare(bool).parse(word) is True


@pytest.mark.parametrize("word", ["false", "False", "no", "Off", "0"])
def test_words_that_mean_false(word: object) -> None:
    assert _declare(bool).parse(word) is False


@pytest.mark.parametrize("word", ["", "2", "maybe", "tru", None, ["True"]])
def test_other_words_are_not_a_truth_value(word: object) -> None:
    with pytest.raises(SettingsError, match="it must be True or False, got"):
        _declare(bool).parse(word)


@pytest.mark.parametrize(("raw", "value"), [("7", 7), ("-3", -3)])
def test_whole_numbers(raw: object, value: int) -> None:
    assert _declare(int).parse(raw) == value
    assert type(_declare(int).parse(raw)) is int


@pytest.mark.parametrize("raw", ["2.5", "many", "", "inf", None, "True", ["3"]])
def test_other_things_are_no_whole_number(raw: object) -> None:
    with pytest.raises(SettingsError, match="it must be a whole number, got"):
        _declare(int).parse(raw)


@pytest.mark.parametrize(("raw", "value"), [("5e-4", 0.0005), ("1", 1.0), (".5", 0.5)])
def test_numbers(raw: object, value: float) -> None:
    assert _declare(float).parse(raw) == value
    assert type(_declare(float).parse(raw)) is float


@pytest.mark.parametrize("raw", ["fast", "", None, "True", ["0.1"], {}])
def test_other_things_are_no_number(raw: object) -> None:
    with pytest.raises(SettingsError, match="it must be a number, got"):
        _declare(float).parse(raw)


@pytest.mark.parametrize("raw", [None, ["a"], {}])
def test_lists_mappings_and_nothing_are_no_text(raw: object) -> None:
    with pytest.raises(SettingsError, match="it must be text, got"):
        _declare(str).parse(raw)


@pytest.mark.parametrize("raw", [["a", "b"], "a,b", "[a, b]", "['a', \"b\"]"])
def test_a_list_of_names_may_be_written_as_text(raw: object) -> None:
    assert _declare(tuple).parse(raw) == ("a", "b")


@pytest.mark.parametrize("raw", [None, {}, "a,,b", ["a", ""], [{}, "b"]])
def test_other_things_are_no_list_of_names(raw: object) -> None:
    with pytest.raises(SettingsError, match="it must be "):
        _declare(tuple).parse(raw)


def test_a_setting_that_may_be_empty_is_empty_for_null() -> None:
    assert _declare(str, optional=True).parse(None) == ""


def test_text_may_be_empty_only_where_the_declaration_says_so() -> None:
    _declare(str, optional=True).check("")
    with pytest.raises(SettingsError, match="it must not be empty"):
        _declare(str).check("")


@pytest.mark.parametrize(
    ("limit", "allowed", "refused", "sentence"),
    [
        ({"minimum": 1}, 1, 0, "it must be at least 1, got 0"),
        ({"above": 0}, 0.001, 0, "it must be above 0, got 0"),
        ({"below": 1}, 0.999, 1, "it must be below 1, got 1"),
    ],
)
def test_a_limit_holds_to_its_very_edge(
    limit: dict[str, float], allowed: float, refused: float, sentence: str
) -> None:
    setting = _declare(float, **limit)
    setting.check(allowed)
    with pytest.raises(SettingsError, match=sentence):
        setting.check(refused)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_is_finite(value: float) -> None:
    with pytest.raises(SettingsError, match="it must be a finite number"):
        _declare(float).check(value)


def test_a_choice_is_one_of_those_that_are_named() -> None:
    setting = _declare(str, choices=("Ascend", "CPU"))
    setting.check("CPU")
    with pytest.raises(SettingsError, match="it must be one of Ascend, CPU, got 'GPU'"):
        setting.check("GPU")
