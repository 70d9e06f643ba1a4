"""Which clips are for training, which for validation and which for the test."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from fcn4_dist.clips.collection import ROLES, Clip
from fcn4_dist.clips.drawing import draw_sets
from fcn4_dist.clips.groups import groups_on_both_sides, name_groups
from fcn4_dist.clips.registry import find_dataset
from fcn4_dist.clips.split_findings import (
    SET_OF_ROLE,
    classes_that_sets_lack,
    copies_among,
    costs_of_drawing,
    note_about,
    other_share,
    remarks_about_copies,
    remarks_about_unlike_copies,
)
from fcn4_dist.config.settings import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level
from fcn4_dist.text import span


@dataclass(frozen=True)
class Split:
    """What each clip is for.

    Attributes:
        roles: Id of each clip that is in a set -> its role, one of ``ROLES``.
        left_out: Id of each clip that is in no set -> the reason.
        rule: What decided it: the settings that had an effect, with their values.
        findings: Notes about groups, copies, and classes that a set lacks.
    """

    roles: Mapping[str, str]
    left_out: Mapping[str, str]
    rule: Mapping[str, Any]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Problem:
    """What is to be split: the clips by id, their groups by name, their content by hash."""

    clips: Sequence[Clip]
    groups: Mapping[str, str]
    content: Mapping[str, str]
    settings: Settings
    folds: Sequence[int]


def split_clips(
    clips: Sequence[Clip],
    content: Mapping[str, str],
    settings: Settings,
    folds: Sequence[int] = (),
) -> Split:
    """Decide what each clip is for.

    The result depends on the clips, their content and the settings alone, not on their order.
    Clips of a group, and copies, are never on both sides of sets that are drawn. The sets of a
    published split, or of a pattern, stay as they are, but for the copies of clips that are in the
    validation or test set; of published folds, one is the validation set; where only training and
    test clips are published, the validation set is drawn from the training clips.

    Args:
        clips: The clips, each with an id of its own.
        content: Id -> SHA-256 of the audio file, of the clips of which it is known.
        settings: The job's settings; those of the split are used.
        folds: Numbers of the published folds or splits of the collection.

    Returns:
        The role of each clip, or why it has none.

    Raises:
        InputError: If no such split leaves clips for training and for validation, and of every
            class if each clip has one label; or if a pattern finds nothing.
    """
    clips = sorted(clips, key=lambda clip: clip.id)
    if not clips:
        raise InputError(
            "cannot split 0 clips: see why clips were skipped, or name another collection with "
            "--audio_path"
        )
    groups, findings = name_groups(clips, settings.group_pattern)
    folds = folds or sorted({clip.fold for clip in clips if clip.fold is not None})
    problem = _Problem(clips, groups, content, settings, folds)
    if settings.val_pattern:
        split = _keep_sets(problem, *_sets_by_pattern(problem))
    elif settings.split == "published" or (
        settings.split == "auto"
        and find_dataset(settings.dataset).published_by_default
        and has_published_split(clips)
    ):
        split = _keep_sets(problem, *_published_sets(problem))
    else:
        split = _draw_all(problem)
    findings += [*split.findings, *_unused_fold(split.rule, settings)]
    return Split(split.roles, split.left_out, split.rule, tuple(findings))


def has_published_split(clips: Iterable[Clip]) -> bool:
    """Say whether a collection tells what its clips are for, or in which folds they are."""
    return any(clip.role or clip.fold is not None for clip in clips)


_Sets = tuple[Mapping[str, str], Mapping[str, Any]]
"""Id of a clip -> its role, "" for none; and the rule that gave them."""


def _sets_by_pattern(problem: _Problem) -> _Sets:
    clips, pattern = problem.clips, problem.settings.val_pattern
    roles = {clip.id: "val" if fnmatchcase(clip.id, pattern) else "train" for clip in clips}
    if len(set(roles.values())) == 1:
        raise InputError(
            f"val_pattern {pattern!r} matches {'all' if 'val' in roles.values() else 'none'} of "
            f"the {len(clips)} clips: it is held against each clip's path below audio_path"
        )
    return roles, {"split": "val_pattern", "val_pattern": pattern}


def _published_sets(problem: _Problem) -> _Sets:
    clips, settings, folds = problem.clips, problem.settings, problem.folds
    collection = f"collection in audio_path {settings.audio_path} (dataset {settings.dataset})"
    if not has_published_split(clips):
        raise InputError(
            f"the {collection} has no published split: give --split random or --split kfold, or "
            "name train, val and test in the column split of a CSV file"
        )
    rule: dict[str, Any] = {"split": "published"}
    roles = {clip.id: _published_role(clip, settings.fold) for clip in clips}
    if folds:
        if settings.fold not in folds:
            kind = "splits" if all(clip.fold is None for clip in clips) else "folds"
            raise InputError(
                f"the {collection} has the published {kind} {span(folds)}, and no "
                f"{settings.fold}: give one of them with --fold"
            )
        rule |= {"fold": settings.fold, "folds": span(folds)}
    elif set(roles.values()) - {""} == {"train", "test"}:
        roles |= _validation_of_training(problem, roles)
        rule = {**_drawing_rule(problem), **rule, "validation": "drawn from training"}
    return roles, rule


def _published_role(clip: Clip, fold: int) -> str:
    if clip.fold is None or clip.role == "test":
        return clip.role
    return "val" if clip.fold == fold else "train"


def _validation_of_training(problem: _Problem, roles: Mapping[str, str]) -> dict[str, str]:
    """Draw a validation set from training clips, but not from copies of test clips."""
    tested = {problem.content.get(name) for name, role in roles.items() if role == "test"} - {None}
    training = [
        clip
        for clip in problem.clips
        if roles[clip.id] == "train" and problem.content.get(clip.id) not in tested
    ]
    if not training:
        return {}
    return draw_sets(training, problem.groups, problem.content, problem.settings)


def _keep_sets(problem: _Problem, given: Mapping[str, str], rule: Mapping[str, Any]) -> Split:
    """Take the sets as given, without copies of what is in a later one."""
    clips, settings = problem.clips, problem.settings
    copies = copies_among((clip for clip in clips if given[clip.id]), problem.content)
    taken_out = _copies_of_later_sets(copies, given)
    roles = {name: role for name, role in given.items() if role and name not in taken_out}
    counts = Counter(roles.values())
    if not (counts["train"] and counts["val"]):
        sizes = ", ".join(f"{counts[role]} in the {name}" for role, name in SET_OF_ROLE.items())
        other = "another --val_pattern" if settings.val_pattern else "--split random or kfold"
        raise InputError(
            f"the sets given for the collection in audio_path {settings.audio_path} lack clips for "
            f"training or validation ({sizes}; {len(taken_out)} are taken out as copies of clips "
            f"in a later one): give {other}"
        )
    left_out = {name: "not in the published split" for name, role in given.items() if not role}
    remaining = [[clip for clip in same if clip.id in roles] for same in copies]
    giver = "val_pattern" if settings.val_pattern else "the published split"
    kind, is_drawn = _groups_are(settings), "validation" in rule and problem.groups
    findings = [
        *groups_on_both_sides(problem.groups, roles, kind, giver),
        *(other_share(roles.values(), settings.val_ratio, kind) if is_drawn else []),
        *note_about(
            "clips have the same audio as one in the validation or test set",
            list(taken_out),
            "they are left out",
        ),
        *remarks_about_copies(
            remaining, "clips are copies of others in their set (same bytes)", "they stay"
        ),
        *remarks_about_unlike_copies(copies),
        *classes_that_sets_lack(clips, roles, problem.groups),
    ]
    return Split(roles, left_out | taken_out, rule, tuple(findings))


def _copies_of_later_sets(copies: Iterable[list[Clip]], given: Mapping[str, str]) -> dict[str, str]:
    reasons = {}
    for same in copies:
        kept = max(same, key=lambda clip: ROLES.index(given[clip.id]))
        for clip in same:
            if given[clip.id] != given[kept.id]:
                where = SET_OF_ROLE[given[kept.id]]
                reasons[clip.id] = f"the same audio as {kept.id}, which is in the {where}"
    return reasons


def _draw_all(problem: _Problem) -> Split:
    """Draw a training and a validation set from all clips."""
    clips, groups, settings = problem.clips, problem.groups, problem.settings
    roles = draw_sets(clips, groups, problem.content, settings)
    copies = copies_among(clips, problem.content)
    findings = [
        *(costs_of_drawing(find_dataset(settings.dataset)) if has_published_split(clips) else []),
        *_groups_kept_together(problem, roles),
        *remarks_about_copies(
            copies, "clips are copies of others (same bytes)", "kept on one side"
        ),
        *remarks_about_unlike_copies(copies),
        *classes_that_sets_lack(clips, roles, groups),
    ]
    return Split(roles, {}, _drawing_rule(problem), tuple(findings))


def _drawing_rule(problem: _Problem) -> dict[str, Any]:
    settings, named = problem.settings, problem.groups.values()
    rule: dict[str, Any] = {"split": "random", "val_ratio": settings.val_ratio}
    if settings.split == "kfold":
        rule = {"split": "kfold", "folds": settings.folds, "fold": settings.fold}
    rule["seed"] = settings.seed
    if settings.group_pattern and len(set(named)) < len(named):
        rule["group_pattern"] = settings.group_pattern
    return rule


def _groups_kept_together(problem: _Problem, roles: Mapping[str, str]) -> list[Finding]:
    if not (named := problem.groups.values()):
        return []
    settings, kind = problem.settings, _groups_are(problem.settings)
    number = f"{len(set(named))}, of {len(named)} clips in all"
    share = 1 / settings.folds if settings.split == "kfold" else settings.val_ratio
    return [
        Finding(Level.NOTE, f"{kind}: {number}; each is on one side"),
        *other_share(roles.values(), share, kind),
    ]


def _groups_are(settings: Settings) -> str:
    dataset = find_dataset(settings.dataset)
    return "groups of clips" if settings.group_pattern else dataset.group_is


def _unused_fold(rule: Mapping[str, Any], settings: Settings) -> list[Finding]:
    if "fold" in rule or settings.fold == find_dataset(settings.dataset).first_fold:
        return []
    mend = "give --split kfold, or --split published where the collection has folds"
    return [Finding(Level.NOTE, f"fold {settings.fold} is not used in this split", mend)]
