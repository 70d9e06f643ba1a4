"""What the settings leave open, and the host, its cards and the shards decide."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fcn4_dist.cluster.signs import NO_SIGN, sign_of_ascend
from fcn4_dist.cluster.topology import LaunchRequest
from fcn4_dist.config import LoadedSettings
from fcn4_dist.errors import InputError
from fcn4_dist.host.cards import find_card_ids
from fcn4_dist.records import read_manifest
from fcn4_dist.records.manifest import MANIFEST_NAME
from fcn4_dist.terminal import say

# All operators have float16, on every generation (docs/operator_types.md), where bfloat16 lacks
# max-pools: these would keep 45 MiB more for each clip of 96 x 1366 until the backward pass.
_CAREFUL: dict[str, Any] = {"amp_dtype": "float16", "bind_cores": "off", "all_reduce_buckets": 1}
# Their host starts every operator (jit_level O0), so it is not to be moved from core to core; and
# it can start an all-reduce between two of them.
_OPERATOR_BY_OPERATOR: dict[str, Any] = {**_CAREFUL, "bind_cores": "on", "all_reduce_buckets": 2}
# The first generation is given a whole step at once by the graph engine.
_CHOICES = {"910": _CAREFUL, "A2": _OPERATOR_BY_OPERATOR, "A3": _OPERATOR_BY_OPERATOR}
_OPEN = ("auto", 0)
DEVICE = "device_target"


def choose_device(
    loaded: LoadedSettings,
    request: LaunchRequest | None = None,
    environment: Mapping[str, str] = os.environ,
) -> LoadedSettings:
    """Decide on which device a job runs, if the settings leave it to the host.

    Args:
        loaded: The settings of the job.
        request: The workers that are asked for; who names cards has some.
        environment: The variables that workers will start from.

    Returns:
        The settings, with the device and what says so.
    """
    if loaded.settings.device_target != "auto":
        return loaded
    named = request and (
        (request.devices and "--devices names cards")
        or (request.rank_table_file and "a rank table is given")
    )
    sign = named or sign_of_ascend(environment)
    device, why = ("Ascend", f"as {sign}") if sign else ("CPU", NO_SIGN)
    return loaded.decided({DEVICE: device}, f"auto, {why}")


def told_of_device(loaded: LoadedSettings) -> str:
    """Tell on which device a job runs and why; "" where it was given, or the cards can be seen."""
    why = loaded.origins.get(DEVICE, "").removeprefix("auto, ")
    if why == NO_SIGN:
        return f"{why}: CPU"
    decided = why and not loaded.is_given(DEVICE)
    return f"device_target is Ascend, {why}" if decided and not find_card_ids() else ""


def say_device(loaded: LoadedSettings) -> None:
    """Say on which device a job runs, where that has to be told."""
    if line := told_of_device(loaded):
        say(line)


def find_in_shards(loaded: LoadedSettings) -> LoadedSettings:
    """Take from the manifest of the shards what is not given.

    Args:
        loaded: The settings of a job that reads shards.

    Returns:
        The settings; where there is no manifest, as they are, since the checks will tell that.

    Raises:
        InputError: If a setting that is given does not go with what is found.
    """
    folder = Path(loaded.settings.shard_folder)
    try:
        manifest = read_manifest(folder)
    except InputError:
        return loaded
    return loaded.found(manifest.found_settings(), str(folder / MANIFEST_NAME))


def choose_for_card(
    loaded: LoadedSettings, generation: str, *, binds: bool = False
) -> LoadedSettings:
    """Decide what the settings of a job on Ascend leave open; on the CPU, nothing is decided here.

    Args:
        loaded: The settings of the job.
        generation: "910", "A2" or "A3"; for others, and if it is not known (""), what the first
            generation can do is chosen.
        binds: Whether ranks are started by our launcher, which alone binds them to cores.

    Returns:
        The settings, with what was chosen and why.
    """
    settings = loaded.settings
    if settings.device_target != "Ascend":
        return loaded
    chosen = {
        name: value
        for name, value in _CHOICES.get(generation, _CAREFUL).items()
        if getattr(settings, name) in _OPEN
    }
    if not settings.mixed_precision:
        chosen.pop("amp_dtype", None)
    if not binds:
        chosen.pop("bind_cores", None)
    why = f"auto, for {f'Ascend {generation}' if generation else 'cards of unknown kind'}"
    return loaded.decided(chosen, why)


def leave_open(loaded: LoadedSettings) -> LoadedSettings:
    """Let what the settings of another node than 0 leave open be as node 0 has chosen it.

    Args:
        loaded: The settings of that node.

    Returns:
        The same settings, of which those that are open do not count as given.
    """
    is_open = {name for name in _CAREFUL if getattr(loaded.settings, name) in _OPEN}
    origins = {name: text for name, text in loaded.origins.items() if name not in is_open}
    return replace(loaded, origins=origins)
