"""Settings drawn from their declarations: values that can be, and any settings that go together."""

from typing import Any

from hypothesis import strategies as st

from fcn4_dist.config import SETTINGS, Setting, Settings
from fcn4_dist.config.forms import Form

_PRINTABLE = st.characters(exclude_characters="/~$", exclude_categories=["C", "Z"])
_INSIDE = st.text(st.one_of(_PRINTABLE, st.sampled_from("a b/$~.-")), max_size=20)


def values_of(setting: Setting) -> st.SearchStrategy[Any]:
    """Draw values that a setting can have by itself."""
    if setting.choices:
        return st.sampled_from(setting.choices)
    if setting.kind is bool:
        return st.booleans()
    if setting.kind is int:
        return st.integers(int(setting.minimum or 0), int(setting.maximum or 2**63 - 1))
    if setting.kind is float:
        above = setting.minimum is None and setting.above is not None
        return st.floats(
            min_value=setting.above if above else setting.minimum,
            exclude_min=above,
            max_value=setting.maximum if setting.below is None else setting.below,
            exclude_max=setting.below is not None,
        )
    if setting.kind is tuple:
        names = st.text("abcXYZ019_é", min_size=1, max_size=20)
        return st.lists(names, min_size=2, max_size=3, unique=True).map(tuple)
    texts = {
        Form.BEGINNING: st.text("abcXYZ019-_.é~$", max_size=20).map("M{}".format),
        Form.FILE: _INSIDE.map("a{}z".format),
        Form.PATH: st.one_of(_INSIDE.map("a{}z".format), _INSIDE.map("./~{}z".format)),
        # Also regular expressions.
        Form.TEXT: st.text("ab /$~é#'\"-", max_size=20).map("a{}z".format),
    }[setting.form]
    return st.one_of(st.just(""), texts) if setting.optional else texts


def _together(values: dict[str, Any]) -> Settings:
    clip = values["clip_seconds"] and max(values["clip_seconds"], values["window_seconds"])
    values |= {"clip_seconds": clip, "fold": min(values["fold"], values["folds"])}
    values["get_mindrecord"] |= not values["get_npy"]
    values["pre_trained"] &= not values["resume"]
    values["split"] = "auto" if values["val_pattern"] else values["split"]
    values["patience"] *= values["val_interval"] > 0
    values["accumulation_steps"] = 1 if values["sink_size"] else values["accumulation_steps"]
    for name, limit in (
        ("freq_mask", "n_mels"),
        ("time_mask", "window_seconds"),
        ("time_shift", "window_seconds"),
        ("warmup_epochs", "epoch_size"),
    ):
        values[name] = min(values[name], values[limit])
    frames = 1 + values["window_seconds"] * values["sample_rate"] / values["hop_length"]
    most = int(4e9 / 4 / values["n_mels"] / frames)
    values["batch_size"] = min(values["batch_size"], max(1, most))
    if not most:
        values["window_seconds"] = values["time_mask"] = values["time_shift"] = 1.0
        values["clip_seconds"] = 0.0
    return Settings(**values)


ALL_SETTINGS = st.fixed_dictionaries(
    {name: values_of(setting) for name, setting in SETTINGS.items()}
).map(_together)
