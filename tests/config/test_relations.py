"""What settings may not be together."""

import pytest

from fcn4_dist.config import Settings, check_new_features
from fcn4_dist.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("freq_mask", 97, "n_mels (96)"),
        ("time_mask", 29.2, "window_seconds (29.12)"),
        ("time_shift", 30.0, "window_seconds (29.12)"),
        ("warmup_epochs", 10.5, "epoch_size (10)"),
    ],
)
def test_nothing_is_longer_than_what_it_is_a_part_of(name: str, value: float, limit: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**{name: value})
    assert str(caught.value) == f"{name} must be at most {limit}, got {value:g}"
    largest = {"freq_mask": 96, "warmup_epochs": 10}.get(name, 29.12)
    assert getattr(Settings(**{name: largest}), name) == largest


def test_a_batch_fits_somewhere() -> None:
    Settings(batch_size=4096)
    with pytest.raises(SettingsError, match=r"batch_size 65536 makes a batch of 34\.4 GB"):
        Settings(batch_size=65536)


@pytest.mark.parametrize("name", ["group_pattern", "label_pattern"])
@pytest.mark.parametrize("pattern", ["(", "*a", "a{5}{5}{", "(?P<a", "[b-a]"])
def test_a_pattern_is_a_regular_expression(name: str, pattern: str) -> None:
    try:
        Settings(**{name: pattern})
    except SettingsError as error:
        assert str(error).startswith(f"{name} {pattern!r} is not a regular expression")
        assert str(error).endswith(f"mend it, or leave out --{name}")
    else:
        assert pattern == "a{5}{5}{"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_fft": 2}, r"hop_length must be at most n_fft \(2\)"),
        (
            {"n_fft": 2**17, "n_mels": 4096},
            r"n_fft 131072 with n_mels 4096 needs filters of 1\.1 GB",
        ),
    ],
)
def test_features_that_would_be_of_no_use_are_not_made(
    changes: dict[str, int], sentence: str
) -> None:
    settings = Settings(**{"n_mels": 128} | changes)
    with pytest.raises(SettingsError, match=sentence):
        check_new_features(settings)
    check_new_features(Settings(n_mels=128))
