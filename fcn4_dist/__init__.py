"""Distributed training of FCN-4 music taggers with MindSpore on Ascend cards.

From Python, the whole way in four lines::

    import fcn4_dist

    run = fcn4_dist.train("music/")
    run.tag("song.mp3").top(3)
    run.export("fcn4.onnx")

Settings are keywords with the names and the checks of the command line's flags; ``config`` names
YAML files. What a user can do wrong is an :class:`InputError` of one sentence.

The rooms of the package, in the order the data passes through them: ``config``, ``clips``,
``audio``, ``records``, ``pipeline``, ``model``, ``training``, ``checkpoints``, ``evaluation``;
``tagging``, ``export`` and ``reports`` are what people take away; ``cluster`` starts the workers
and lets them talk, ``jobs`` puts the rooms together, ``api`` and ``cli`` are for Python and for
the command line.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fcn4_dist.api.evaluating import Evaluation, evaluate
    from fcn4_dist.api.exporting import export
    from fcn4_dist.api.tagging import Model, SongTags, Taggram, load, tag, taggram, top_tags
    from fcn4_dist.api.training import Run, preprocess, train
    from fcn4_dist.errors import Fcn4DistError, InputError, SettingsError, StoppedError

__version__ = "0.1.0"

__all__ = [
    "Evaluation",
    "Fcn4DistError",
    "InputError",
    "Model",
    "Run",
    "SettingsError",
    "SongTags",
    "StoppedError",
    "Taggram",
    "evaluate",
    "export",
    "load",
    "preprocess",
    "tag",
    "taggram",
    "top_tags",
    "train",
]
_HOMES = {
    "errors": ("Fcn4DistError", "InputError", "SettingsError", "StoppedError"),
    "api.evaluating": ("Evaluation", "evaluate"),
    "api.exporting": ("export",),
    "api.tagging": ("Model", "SongTags", "Taggram", "load", "tag", "taggram", "top_tags"),
    "api.training": ("Run", "preprocess", "train"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: until then, this package has cost nothing (PEP 562)."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
