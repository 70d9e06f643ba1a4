"""What the settings leave open ("auto"), and the generation of the cards decides."""

from dataclasses import replace
from typing import Any

from fcn4_dist.config import LoadedSettings

# All operators have float16, on every generation (docs/operator_types.md), where bfloat16 lacks
# max-pools: these would keep 45 MiB more for each clip of 96 x 1366 until the backward pass.
_CAREFUL: dict[str, Any] = {"amp_dtype": "float16", "bind_cores": "off", "all_reduce_buckets": 1}
# Their host starts every operator (jit_level O0), so it is not to be moved from core to core; and
# it can start an all-reduce between two of them.
_OPERATOR_BY_OPERATOR: dict[str, Any] = {**_CAREFUL, "bind_cores": "on", "all_reduce_buckets": 2}
# The first generation is given a whole step at once by the graph engine.
_CHOICES = {"910": _CAREFUL, "A2": _OPERATOR_BY_OPERATOR, "A3": _OPERATOR_BY_OPERATOR}
_OPEN = ("auto", 0)


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
    return LoadedSettings(
        replace(settings, **chosen), {**loaded.origins, **dict.fromkeys(chosen, why)}
    )


def leave_open(loaded: LoadedSettings) -> LoadedSettings:
    """Let what the settings of another node than 0 leave open be as node 0 has chosen it.

    Args:
        loaded: The settings of that node.

    Returns:
        The same settings, of which those that are open do not count as given.
    """
    is_open = {name for name in _CAREFUL if getattr(loaded.settings, name) in _OPEN}
    origins = {name: text for name, text in loaded.origins.items() if name not in is_open}
    return LoadedSettings(loaded.settings, origins)
