"""Settings with values around their limits, and texts of all kinds, alone and in pairs.

Each is refused in a sentence before work, or makes sense: it comes back from the file it is saved
in, and the checks before each command take it, in little time and memory.
"""

import math
import random
import resource
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import yaml

from fcn4_dist.audio import FeatureParameters
from fcn4_dist.audio.features import LogMel
from fcn4_dist.clips import dataset_names
from fcn4_dist.config import RETIRED, SETTINGS, LoadedSettings, Setting, Settings, load_settings
from fcn4_dist.errors import InputError
from fcn4_dist.jobs.checks import check_job
from fcn4_dist.jobs.preprocess_checks import check_preprocessing
from fcn4_dist.text import cleaned
from fcn4_dist.training.plan import plan_training
from fcn4_dist.training.schedule import Schedule
from tests.attacks.outcome import HANG, Outcome, outcome_of

_SECONDS = 5
_MEGABYTES = 500
_CLIPS = 1000
_NUMBERS = [
    *("nan", "inf", "-inf", "-0", "0", "-1", "1", "0.5", "1e308", "-1e308", "1e309", "1e-308"),
    *("1e-12", "1000000000000", "9" * 400, "9" * 5000, "1_000", "0x10", "٣", " 7 ", "7\n", "1e5"),
    *("", " ", "True", "None", "many", "\0", "[1]", "{}"),
]
_WORDS = [
    *("True", "no", "on", "0", "2", "", " ", "maybe", "TRUE\n", "\x1b[2J", "yes" * 5000, "[]", "-"),
]
# fmt: off
_TEXTS = [
    "", " ", " x ", "x ", ".", "..", "/", "//", "-x", "--", ".x", "CON", "a/b", "a/../b",
    "a" * 256, "a" * 255, "a" * 201, "é" * 150, "a/" * 3000, "x" * 70_000,
    "\0", "\n", "a\nb", "\x1b[2J", "\r", "caf\udce9", "\ud800", "\u202eabc", "\u2028", "a\u200db",
    "雨", "*", "a?", "[a-", "(", "(a+)+$", "~", "~/x", "~nobody1/x", "$NOPE", "${NOPE}/x",
    "$HOME/x", "$$x", "./$x", "./~", "a$", "${", "null", "None", "[]", "{}", "a,b", "a,,b", "a,a",
    "a,b,c,d", "[a, b]", "*,b", "../a,b", "auto", "/dev/null", "/dev/null/x", "/proc", "/proc/x",
    "# x", "a: b", "- a", "'", '"', "a\\", "%s{}",
]
# fmt: on


def attacks(folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Give settings values that people and programs may give, one or two at a time."""
    draw = random.Random(seed)
    declarations = list((SETTINGS | RETIRED).values())
    for number in range(count):
        # Each alone in its turn; then in pairs.
        first = declarations[number // 2 % len(declarations)]
        chosen = [first] if number % 2 else [first, draw.choice(declarations)]
        texts = {each.name: draw.choice(values_of(each)) for each in chosen}
        from_file = draw.random() < 0.5
        where = "file" if from_file else "flags"
        begun, megabytes = time.monotonic(), _megabytes()
        shown = ", ".join(f"{name}={text[:60]!a}" for name, text in texts.items())
        attack = f"{number} in {where}: {shown}"
        outcome = outcome_of(attack, lambda: _used(texts, folder, in_file=from_file))  # noqa: B023
        if time.monotonic() - begun > _SECONDS or _megabytes() - megabytes > _MEGABYTES:
            outcome = Outcome(attack, HANG, "it takes more time or memory than a check may")
        yield outcome


def values_of(setting: Setting) -> list[str]:
    """List texts to give a setting: what its declaration allows, and what it does not."""
    default = setting.default
    usual = [",".join(default) if isinstance(default, tuple) else str(default), *setting.choices]
    if setting.kind in (int, float):
        return usual + _NUMBERS + list(_around_limits(setting))
    return usual + (_WORDS if setting.kind is bool else _TEXTS)


def _around_limits(setting: Setting) -> Iterator[str]:
    for limit in (setting.minimum, setting.maximum, setting.above, setting.below):
        if limit is None:
            continue
        if setting.kind is int:
            yield from (str(int(limit) + step) for step in (-1, 0, 1))
        else:
            yield from (repr(math.nextafter(limit, way)) for way in (-math.inf, math.inf))
            yield repr(float(limit))
            yield repr(float(limit) * 2)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _used(texts: Mapping[str, str], folder: Path, *, in_file: bool) -> str:
    """Use settings as each command would before it starts; give what came out wrong."""
    path = folder / "given.yaml"
    choices = {"dataset": dataset_names}
    if in_file:
        path.write_text(yaml.safe_dump(dict(texts)), "utf-8")
    try:
        loaded = load_settings(path if in_file else None, None if in_file else texts, choices)
        return _wrong_with(loaded, folder)
    except InputError as error:
        # As a terminal gets it, in which no byte of a file's name is raw.
        raise InputError(_shown(str(error))) from error


def _wrong_with(loaded: LoadedSettings, folder: Path) -> str:
    settings = loaded.settings
    saved = folder / "saved.yaml"
    text = loaded.to_yaml()
    if not all(_shown(line).isprintable() for line in text.splitlines()):
        return "raw text in the saved settings"
    saved.write_bytes(text.encode("utf-8", "surrogateescape"))
    if load_settings(saved).settings != settings:
        return "another value comes back from the saved settings"
    settings = load_settings(saved).settings.with_absolute_paths()
    for command in ("train", "eval"):
        for found in check_job(command, settings, 2):
            if not _shown(str(found)).isprintable():
                return f"raw text in {str(found)!a}"
    wrong = _wrong_training(settings)
    check_preprocessing(settings)
    log_mel = LogMel(FeatureParameters.from_settings(settings))
    if settings.get_npy and not log_mel._filters.any(axis=1).all():
        return "a mel band that nothing is in"
    return wrong


def _wrong_training(settings: Settings) -> str:
    try:
        plan = plan_training(_CLIPS, settings, 2)
    except InputError:
        return ""
    schedule = Schedule(settings, plan)
    rates = [schedule.learning_rate(step) for step in {1, plan.steps // 2 + 1, plan.steps}]
    scaled = np.float32(settings.loss_scale)
    if not all(0 < np.float32(rate) < np.inf for rate in rates) or not 0 < scaled < np.inf:
        return f"a training with learning rates {rates} and loss scale {scaled}"
    reached = max(schedule.learning_rate(step) for step in range(1, min(plan.steps, 10_000) + 1))
    if plan.steps <= 10_000 and reached < schedule.highest * 0.99:
        return f"a learning rate that never reaches lr: {reached} of {schedule.highest}"
    return ""


def _shown(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    # Some languages are written with joiners, which are left as they are.
    return "".join(each for each in text if each.isprintable() or cleaned(each) != each)
