"""A validation set that is drawn: groups and copies on one side, labels in their shares."""

from collections.abc import Mapping, Sequence

import numpy as np

from fcn4_dist.clips.collection import Clip
from fcn4_dist.clips.stratification import cut_into_folds, group_by_keys, hold_out
from fcn4_dist.config.settings import Settings
from fcn4_dist.errors import InputError


def draw_sets(
    clips: Sequence[Clip],
    groups: Mapping[str, str],
    content: Mapping[str, str],
    settings: Settings,
) -> dict[str, str]:
    """Draw a training and a validation set.

    Args:
        clips: The clips, in an order that does not depend on where they were found.
        groups: Id of a clip -> name of its group, of clips that have one.
        content: Id -> SHA-256 of the audio file, of the clips of which it is known.
        settings: They say how: ``split`` kfold by folds, else by ``val_ratio``.

    Returns:
        Id of each clip -> "train" or "val". Groups, and copies, are on one side.

    Raises:
        InputError: If clips of each class cannot be on both sides, where each clip has one label;
            else if there are none for both sides.
    """
    keys = {"name": groups, "content": content}
    numbers = group_by_keys(
        [(kind, named[clip.id]) for kind, named in keys.items() if named.get(clip.id)]
        for clip in clips
    )
    is_validation = _draw(clips, numbers, settings)
    return {
        clip.id: "val" if drawn else "train"
        for clip, drawn in zip(clips, is_validation, strict=True)
    }


def _draw(clips: Sequence[Clip], groups: np.ndarray, settings: Settings) -> np.ndarray:
    """Say of each clip whether it is for validation."""
    classes = sorted({name for clip in clips for name in clip.labels})
    labels = _label_matrix(clips, classes)
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


def _label_matrix(clips: Sequence[Clip], classes: Sequence[str]) -> np.ndarray:
    """Give 0/1 of shape (clips, classes)."""
    columns = {name: column for column, name in enumerate(classes)}
    labels = np.zeros((len(clips), len(classes)), dtype=np.int8)
    for row, clip in enumerate(clips):
        labels[row, [columns[name] for name in clip.labels]] = 1
    return labels


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
