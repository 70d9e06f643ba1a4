"""The plan of the road from music to a tagger: what was given, found and decided, in a table."""

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fcn4_dist.checkpoints.folder import AUTO
from fcn4_dist.clips import fold_title, has_published_split, split_clips
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.errors import InputError
from fcn4_dist.host.host import Host
from fcn4_dist.jobs.auto_settings import choose_device
from fcn4_dist.jobs.deciding import (
    Facts,
    count_ranks,
    decide_training,
    decide_val_ratio,
    decide_windows,
    estimate_seconds,
)
from fcn4_dist.jobs.looking import Music, check_single_clips, look_at
from fcn4_dist.processes import usable_cores
from fcn4_dist.runs.folder import DEFAULT_RUNS
from fcn4_dist.terminal import table
from fcn4_dist.text import Lines, shell_command
from fcn4_dist.training.plan import plan_training

_FOUND, DECIDED = "found", "decided"
_OF_SHARDS = ("data_dir", "train_filename", "val_filename")
_WRITTEN = ("npy_path", "mr_path", "checkpoint_path")
_LONGEST_NAMES = 40


@dataclass(frozen=True)
class RoadPlan:
    """A road that can be taken.

    Attributes:
        music: What there is to learn from.
        loaded: All settings, with what was given, found and decided; without a folder of the run.
        facts: What decisions were made of.
        sets: How many clips are for what, by the names of ``ROLES``.
        song: One of the clips that are not trained on.
    """

    music: Music
    loaded: LoadedSettings
    facts: Facts
    sets: Mapping[str, int]
    song: Path

    @property
    def ranks(self) -> int:
        """Workers that train."""
        return ranks_of(self.facts, self.loaded)


def plan_road(path: Path, loaded: LoadedSettings) -> RoadPlan:
    """Look at music and decide what is not given; nothing is written.

    Args:
        path: A folder of class folders, a CSV file of annotations, or a known collection.
        loaded: The settings that were given.

    Raises:
        InputError: If the music cannot be learnt from, or what was given cannot be.
    """
    if names := [name for name in _OF_SHARDS if loaded.origins.get(name) == f"--{name}"]:
        raise InputError(
            f"--{names[0]} is of shards that are there, and those of {path} are to be made: leave "
            "out one of the two"
        )
    music = look_at(path, loaded)
    given = given_settings(loaded)
    loaded = loaded.decided(music.found, _FOUND)
    loaded = loaded.decided(_split_of(music, given, loaded.settings), DECIDED)
    clips = music.collection.clips
    windows = decide_windows(loaded.settings, len(clips), music.seconds, given)
    # What is still open of features, and not decided here, is at its default.
    loaded = replace(choose_device(loaded), left_open=frozenset()).decided(windows, DECIDED)
    roles = split_clips(clips, {}, loaded.settings, music.collection.folds).roles
    sets = Counter(roles.values())
    facts = facts_of(loaded.settings, sets["train"], sets["val"], music.seconds)
    loaded = loaded.decided(decide_training(facts, loaded.settings, given), DECIDED)
    loaded = loaded.decided(_names_of_files(music, loaded), DECIDED)
    _check_apart(music, loaded)
    plan_training(sets["train"], loaded.settings, ranks_of(facts, loaded))
    song = next(clip.path for clip in clips if roles.get(clip.id, "train") != "train")
    return RoadPlan(music, loaded, facts, sets, song)


def given_settings(loaded: LoadedSettings) -> dict[str, Any]:
    """Give the settings that somebody has given, by name."""
    return {
        name: getattr(loaded.settings, name) for name in loaded.origins if loaded.is_given(name)
    }


def facts_of(
    settings: Settings, training: int, validation: int, seconds: tuple[float, ...] = ()
) -> Facts:
    """Give what decisions about a training on this host are made of."""
    cards = len(Host.find().usable) if settings.device_target == "Ascend" else 0
    on_ascend = settings.device_target == "Ascend"
    return Facts(training, validation, seconds, usable_cores(), max(cards, 1) if on_ascend else 0)


def ranks_of(facts: Facts, loaded: LoadedSettings) -> int:
    """Give the workers of a training whose settings are decided."""
    settings = loaded.settings
    return count_ranks(facts, settings, {"batch_size": settings.batch_size})


def decisions_table(plan: RoadPlan) -> Lines:
    """Lay out what was given, found and decided, for people."""
    settings, music = plan.loaded.settings, plan.music
    names = music.collection.class_names
    shown = textwrap.shorten(", ".join(names), _LONGEST_NAMES, placeholder=" …")
    steps = plan.sets["train"] // (settings.batch_per_rank * plan.ranks)
    seconds = estimate_seconds(plan.facts, settings, plan.ranks)
    kind = "labels in names, by label_pattern" if settings.label_pattern else music.dataset.title
    rows = [
        ["what", "which", "why"],
        ["music", str(music.place), kind],
        ["classes", f"{len(names)}: {shown}", _origin(plan, "num_classes")],
        ["clips", _clips_text(music), "found"],
        ["sets", _sets_text(plan), _split_text(plan)],
        ["device", _device_text(plan), _origin(plan, "device_target")],
        ["window", _window_text(settings), _origin(plan, "window_seconds", "clip_seconds")],
        ["width", f"{settings.width:g} of the network", _origin(plan, "width")],
        ["batch", f"{settings.batch_size} clips a worker", _origin(plan, "batch_size")],
        [
            "epochs",
            f"{settings.epoch_size} of {steps} steps, {settings.epoch_size * steps} in all",
            _origin(plan, "epoch_size"),
        ],
        ["time", about(seconds), "estimated"],
    ]
    return table(rows)


def remarks_on(plan: RoadPlan) -> list[str]:
    """Say what may make scores better than the tagger is, as far as it can be seen in names."""
    settings, folders = plan.loaded.settings, plan.music.subfolders
    told = settings.group_pattern or settings.val_pattern or settings.label_pattern
    if not folders or told:
        return []
    return [
        f"{folders} folders below those of the classes hold several clips each: if they are "
        "artists or records, clips of one on both sides flatter the scores; "
        "--group_pattern '^[^/]+/([^/]+)/' keeps each on one side"
    ]


def about(seconds: float) -> str:
    """Say about how long something takes."""
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"about {minutes} minute{'s' * (minutes > 1)}"
    hours = round(minutes / 60)
    return f"about {hours} hours"


def _split_of(music: Music, given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Choose how the sets are told apart: as published, or at random."""
    if "split" in given or "val_pattern" in given:
        return {}
    if _has_published_sets(music, settings):
        return {"split": "published"}
    check_single_clips(music)
    if "val_ratio" in given:
        return {}
    if not music.has_single_labels:
        return {}
    return {"val_ratio": decide_val_ratio(list(music.clips_of_classes.values()))}


def _has_published_sets(music: Music, settings: Settings) -> bool:
    """Say whether there is a published split, with clips of each class for both if that is one."""
    clips, folds = music.collection.clips, music.collection.folds
    if not has_published_split(clips):
        return False
    published = replace(settings, split="published")
    try:
        roles = split_clips(clips, {}, published, folds).roles
    except InputError:
        if folds:
            raise
        return False
    if folds or not music.has_single_labels:
        return True
    needed = {(name, role) for name in music.collection.class_names for role in ("train", "val")}
    return needed <= {(clip.labels[0], roles.get(clip.id, "")) for clip in clips}


def _names_of_files(music: Music, loaded: LoadedSettings) -> dict[str, str]:
    """Choose the folder of the features, which later runs find again, and name the shards."""
    features = Path(DEFAULT_RUNS) / "features" / (music.place.resolve().stem or "music")
    train, val, _ = loaded.settings.set_names
    names = {"train_filename": f"{train}.mindrecord0", "val_filename": f"{val}.mindrecord0"}
    # A shard or folder of them that a settings file names is of another training.
    names["data_dir"] = ""
    if not loaded.is_given("npy_path"):
        names["npy_path"] = str(features)
    if not loaded.settings.pre_trained:
        names["resume"] = loaded.settings.resume or AUTO
    return names


def _check_apart(music: Music, loaded: LoadedSettings) -> None:
    """Refuse to write into the folder of class folders, where it would be taken for a class."""
    place = music.place.resolve()
    written = {"run_dir": loaded.settings.run_dir or DEFAULT_RUNS}
    # All else that is not given is below run_dir.
    written |= {name: getattr(loaded.settings, name) for name in _WRITTEN if name in loaded.origins}
    for name, folder in written.items() if music.dataset.lists_audio else ():
        if not Path(folder).resolve().is_relative_to(place):
            continue
        if place in (Path.cwd(), *Path.cwd().parents):
            command = shell_command(["fcn4-dist", "train", place.name])
            raise InputError(
                f"what is made would lie in the music, in {folder}: change to the folder above, "
                f"{place.parent}, and give '{command}' there"
            )
        raise InputError(
            f"{name} {folder} lies in the music, {music.place}: name another folder with --{name}"
        )


def _origin(plan: RoadPlan, *names: str) -> str:
    return ", ".join(dict.fromkeys(plan.loaded.origins.get(name, "default") for name in names))


def _clips_text(music: Music) -> str:
    number = len(music.collection.clips)
    if not music.seconds:
        return f"{number}"
    shortest, longest = music.seconds[0], music.seconds[-1]
    if longest - shortest < 1:
        return f"{number} of {longest:.3g} s"
    return f"{number} of {shortest:.3g} to {longest:.3g} s"


def _sets_text(plan: RoadPlan) -> str:
    text = f"{plan.sets['train']} to train, {plan.sets['val']} to validate"
    return text + (f", {plan.sets['test']} to test" if plan.sets["test"] else "")


def _split_text(plan: RoadPlan) -> str:
    settings = plan.loaded.settings
    if settings.val_pattern:
        return f"val_pattern {settings.val_pattern}"
    if settings.split == "published":
        return _published_text(plan)
    if settings.split == "kfold":
        return f"fold {settings.fold} of {settings.folds}"
    return f"at random, {settings.val_ratio:.0%} to validate"


def _published_text(plan: RoadPlan) -> str:
    collection, settings = plan.music.collection, plan.loaded.settings
    if folds := collection.folds:
        return fold_title(settings.fold, folds, are_splits=collection.has_splits)
    if not any(clip.role == "val" for clip in collection.clips):
        return "published, without validation, which is drawn from training"
    return f"published: {plan.music.dataset.published_split}".replace("`", "")


def _device_text(plan: RoadPlan) -> str:
    if plan.facts.cards:
        return f"Ascend, {plan.ranks} of {plan.facts.cards} cards"
    return f"CPU, {plan.facts.cores} cores"


def _window_text(settings: Settings) -> str:
    if not settings.clip_seconds:
        return f"{settings.window_seconds:g} s of each clip"
    return f"{settings.window_seconds:g} s, another one of {settings.clip_seconds:g} s each epoch"
