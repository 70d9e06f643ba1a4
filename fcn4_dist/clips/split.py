"""Which clips are for training, which for validation and which for the test."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from fcn4_dist.clips.checks import classes_without_clips, remarks_about
from fcn4_dist.clips.collection import ROLES, Clip
from fcn4_dist.clips.registry import find_dataset
from fcn4_dist.clips.stratification import cut_into_folds, group_by_keys, hold_out
from fcn4_dist.config.settings import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level

_SET_OF_ROLE = {"train": "training set", "val": "validation set", "test": "test set"}
_SHOWN_CLASSES = 50


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


def split_clips(clips: Sequence[Clip], content: Mapping[str, str], settings: Settings) -> Split:
    """Decide what each clip is for.

    The result depends on the clips, their content and the settings alone, not on their order.
    Clips of a group, and copies, are never on both sides of a random or kfold split. The sets of
    a published split, or of a pattern, stay as they are, but for the copies of clips that are in
    the validation or test set.

    Args:
        clips: The clips, each with an id of its own.
        content: Id -> SHA-256 of the audio file, of the clips of which it is known.
        settings: The job's settings; those of the split are used.

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
    if settings.val_pattern:
        return _keep_sets(clips, _roles_by_pattern(clips, settings), content, settings)
    if settings.split == "published" or (
        settings.split == "auto"
        and find_dataset(settings.dataset).published_by_default
        and any(clip.role for clip in clips)
    ):
        return _keep_sets(clips, _published_roles(clips, settings), content, settings)
    return _draw_sets(clips, content, settings)


def _roles_by_pattern(clips: Sequence[Clip], settings: Settings) -> dict[str, str]:
    pattern = settings.val_pattern
    roles = {clip.id: "val" if fnmatchcase(clip.id, pattern) else "train" for clip in clips}
    if len(set(roles.values())) == 1:
        raise InputError(
            f"val_pattern {pattern!r} matches {'all' if 'val' in roles.values() else 'none'} of "
            f"the {len(clips)} clips: it is held against each clip's path below audio_path"
        )
    return roles


def _published_roles(clips: Sequence[Clip], settings: Settings) -> dict[str, str]:
    if not any(clip.role for clip in clips):
        raise InputError(
            f"the collection in audio_path {settings.audio_path} (dataset {settings.dataset}) has "
            "no published split: give --split random or --split kfold, or name train, val and "
            "test in the column split of a CSV file"
        )
    return {clip.id: clip.role for clip in clips}


def _keep_sets(
    clips: Sequence[Clip], given: Mapping[str, str], content: Mapping[str, str], settings: Settings
) -> Split:
    """Take the sets as given, without copies of what is in a later one."""
    copies = _copies((clip for clip in clips if given[clip.id]), content)
    taken_out = _copies_of_later_sets(copies, given)
    roles = {name: role for name, role in given.items() if role and name not in taken_out}
    counts = Counter(roles.values())
    if not (counts["train"] and counts["val"]):
        sizes = ", ".join(f"{counts[role]} in the {name}" for role, name in _SET_OF_ROLE.items())
        other = "another --val_pattern" if settings.val_pattern else "--split random or kfold"
        raise InputError(
            f"the sets given for the collection in audio_path {settings.audio_path} lack clips for "
            f"training or validation ({sizes}; {len(taken_out)} are taken out as copies of clips "
            f"in a later one): give {other}"
        )
    left_out = {name: "not in the published split" for name, role in given.items() if not role}
    rule = {"split": "published"}
    if settings.val_pattern:
        rule = {"split": "val_pattern", "val_pattern": settings.val_pattern}
    remaining = [[clip for clip in same if clip.id in roles] for same in copies]
    findings = [
        *_note(
            "clips have the same audio as one in the validation or test set",
            list(taken_out),
            "they are left out",
        ),
        *_note(
            "clips are copies of others in their set (same bytes)", _pairs(remaining), "they stay"
        ),
        *_unlike_copies(copies),
        *_missing_classes(clips, roles),
    ]
    if settings.group_pattern:
        giver = "--val_pattern" if settings.val_pattern else "the published split"
        sentence = f"group_pattern {settings.group_pattern!r} is not used: the sets are as given by"
        findings.append(Finding(Level.NOTE, f"{sentence} {giver}"))
    return Split(roles, left_out | taken_out, rule, tuple(findings))


def _copies_of_later_sets(copies: Iterable[list[Clip]], given: Mapping[str, str]) -> dict[str, str]:
    reasons = {}
    for same in copies:
        kept = max(same, key=lambda clip: ROLES.index(given[clip.id]))
        for clip in same:
            if given[clip.id] != given[kept.id]:
                where = _SET_OF_ROLE[given[kept.id]]
                reasons[clip.id] = f"the same audio as {kept.id}, which is in the {where}"
    return reasons


def _draw_sets(clips: Sequence[Clip], content: Mapping[str, str], settings: Settings) -> Split:
    """Draw a training and a validation set, with groups and copies on one side."""
    names, findings = _group_names(clips, settings.group_pattern)
    groups = group_by_keys(
        [(kind, key) for kind, key in (("name", name), ("content", content.get(clip.id))) if key]
        for clip, name in zip(clips, names, strict=True)
    )
    is_validation = _draw(clips, groups, settings)
    roles = {
        clip.id: "val" if drawn else "train"
        for clip, drawn in zip(clips, is_validation, strict=True)
    }
    copies = _copies(clips, content)
    findings += [
        *_note("clips are copies of others (same bytes)", _pairs(copies), "kept on one side"),
        *_unlike_copies(copies),
        *_missing_classes(clips, roles),
    ]
    rule: dict[str, Any] = {"split": "random", "val_ratio": settings.val_ratio}
    if settings.split == "kfold":
        rule = {"split": "kfold", "folds": settings.folds, "fold": settings.fold}
    rule["seed"] = settings.seed
    named = [name for name in names if name]
    if settings.group_pattern and len(set(named)) < len(named):
        rule["group_pattern"] = settings.group_pattern
    return Split(roles, {}, rule, tuple(findings))


def _group_names(clips: Sequence[Clip], pattern: str) -> tuple[list[str], list[Finding]]:
    """Give the name of each clip's group, "" where it has none, and findings."""
    findings = []
    names = [clip.group for clip in clips]
    if pattern:
        found = _find_groups(clips, pattern)
        findings += _note(
            f"group_pattern {pattern!r} finds no group in ids of clips",
            [clip.id for clip, name in zip(clips, found, strict=True) if not name],
            "each stays in the group that the collection gives it, or is one of its own",
        )
        names = [new or old for new, old in zip(found, names, strict=True)]
    named = [name for name in names if name]
    if named:
        number = f"{len(set(named))}, of {len(named)} clips in all"
        findings.append(Finding(Level.NOTE, f"groups of clips: {number}; each is on one side"))
    return names, findings


def _find_groups(clips: Sequence[Clip], pattern: str) -> list[str]:
    try:
        expression = re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise InputError(
            f"group_pattern {pattern!r} is not a regular expression ({error}): mend it, or leave "
            "out --group_pattern"
        ) from error
    matches = [expression.search(clip.id) for clip in clips]
    found = [(match[min(1, expression.groups)] or "") if match else "" for match in matches]
    if not any(found):
        raise InputError(
            f"group_pattern {pattern!r} finds no group in any of the {len(clips)} ids, like "
            f"{clips[0].id}: change or leave out --group_pattern"
        )
    return found


def _draw(clips: Sequence[Clip], groups: np.ndarray, settings: Settings) -> np.ndarray:
    """Say of each clip whether it is for validation."""
    classes = sorted({name for clip in clips for name in clip.labels})
    labels = np.array([[name in clip.labels for name in classes] for clip in clips], dtype=int)
    # What must be in each part: every class; but where clips have several or none, a rare one may
    # be too rare for that, and any clip will do.
    needed = {"the collection": np.full(len(clips), True)}
    if (labels.sum(axis=1) == 1).all():
        needed = {f"class {name!r}": labels[:, i] > 0 for i, name in enumerate(classes)}
    scarcest = min(needed, key=lambda what: len(np.unique(groups[needed[what]])))
    is_kfold = settings.split == "kfold"
    parts = settings.folds if is_kfold else 2
    if len(np.unique(groups[needed[scarcest]])) < parts:
        raise _refusal(scarcest, groups[needed[scarcest]], len(clips), settings)
    try:
        part_of = (
            cut_into_folds(labels, groups, parts, settings.seed)
            if is_kfold
            else hold_out(labels, groups, settings.val_ratio, settings.seed)
        )
    except ValueError as error:
        raise _refusal(scarcest, groups[needed[scarcest]], len(clips), settings) from error
    # All folds are looked at, as one that is refused after the others were trained on is too late.
    for what, members in needed.items():
        if len(np.unique(part_of[members])) < parts:
            raise _refusal(what, groups[members], len(clips), settings)
    return part_of == (settings.fold - 1 if is_kfold else 1)


def _refusal(what: str, groups: np.ndarray, clips: int, settings: Settings) -> InputError:
    """Refuse to split because of a class whose clips are in these groups."""
    number = len(np.unique(groups))
    how, where = f"with val_ratio {settings.val_ratio:g}", "on both sides"
    remedy = "change --val_ratio"
    if settings.split == "kfold":
        how, where = f"into {settings.folds} folds", "in each"
        remedy = "give fewer --folds"
    together = f" in {number} group{'s' * (number > 1)}" if number < len(groups) else ""
    return InputError(
        f"cannot split {clips} clips {how} so that clips of {what} are {where} (it has "
        f"{len(groups)}{together}): add clips of it, or {remedy}"
    )


def _copies(clips: Iterable[Clip], content: Mapping[str, str]) -> list[list[Clip]]:
    """Give the clips that have the same bytes, each of these sets sorted as the clips are."""
    same = defaultdict(list)
    for clip in clips:
        if sha256 := content.get(clip.id):
            same[sha256].append(clip)
    return [copies for copies in same.values() if len(copies) > 1]


def _pairs(copies: Iterable[Sequence[Clip]]) -> list[str]:
    return [f"{same[0].id} and {other.id}" for same in copies for other in same[1:]]


def _unlike_copies(copies: Iterable[Sequence[Clip]]) -> list[Finding]:
    pairs = [
        f"{same[0].id} ({', '.join(same[0].labels)}) and {other.id} ({', '.join(other.labels)})"
        for same in copies
        for other in same[1:]
        if set(other.labels) != set(same[0].labels)
    ]
    return remarks_about("copies (same bytes) have different labels", pairs, "each keeps its own")


def _missing_classes(clips: Sequence[Clip], roles: Mapping[str, str]) -> list[Finding]:
    classes = sorted({name for clip in clips for name in clip.labels})
    findings = []
    for role, name in _SET_OF_ROLE.items():
        members = [clip for clip in clips if roles.get(clip.id) == role]
        if members:
            findings += _note(
                f"the {name} has no clip of classes",
                classes_without_clips(classes, members),
                f"they cannot be {'learnt' if role == 'train' else 'scored'} there",
                _SHOWN_CLASSES,
            )
    return findings


def _note(what: str, items: Sequence[str], consequence: str, shown: int = 3) -> list[Finding]:
    return remarks_about(what, items, consequence, Level.NOTE, shown)
