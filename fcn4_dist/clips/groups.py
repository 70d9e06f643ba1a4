"""Which clips belong together, as those of an artist or of a recording do."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from fcn4_dist.clips.checks import remarks_about
from fcn4_dist.clips.collection import Clip
from fcn4_dist.errors import InputError
from fcn4_dist.findings import Finding, Level


def name_groups(clips: Sequence[Clip], pattern: str) -> tuple[dict[str, str], list[Finding]]:
    """Give the group of each clip that has one.

    Args:
        clips: The clips.
        pattern: The setting ``group_pattern``; "" for the groups that the collection brings.

    Returns:
        Id of a clip -> name of its group, and what is to be said of the pattern.

    Raises:
        InputError: If the pattern is no regular expression, or finds no group at all.
    """
    names = {clip.id: clip.group for clip in clips if clip.group}
    if not pattern:
        return names, []
    found = _find_groups(clips, pattern)
    return names | found, remarks_about(
        f"group_pattern {pattern!r} finds no group in ids of clips",
        [clip.id for clip in clips if clip.id not in found],
        "each stays in the group that the collection gives it, or is one of its own",
        Level.NOTE,
    )


def groups_on_both_sides(
    names: Mapping[str, str], roles: Mapping[str, str], kind: str, sets: str
) -> list[Finding]:
    """Say which groups are in more than one set.

    Args:
        names: Id of a clip -> name of its group.
        roles: Id of each clip that is in a set -> what that is for.
        kind: What clips of a group share, in the plural ("artists").
        sets: What gave the sets, for the sentence.
    """
    roles_of = defaultdict(list)
    for clip_id, role in roles.items():
        if name := names.get(clip_id):
            roles_of[name].append(role)
    on_both = sorted(name for name, found in roles_of.items() if len(set(found)) > 1)
    clips = sum(len(roles_of[name]) for name in on_both)
    return remarks_about(
        f"{kind} on both sides of {sets}, with {clips} clips in all",
        on_both,
        "some of what is scored was heard in training",
    )


def _find_groups(clips: Sequence[Clip], pattern: str) -> dict[str, str]:
    try:
        expression = re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise InputError(
            f"group_pattern {pattern!r} is not a regular expression ({error}): mend it, or leave "
            "out --group_pattern"
        ) from error
    matches = {clip.id: expression.search(clip.id) for clip in clips}
    part = min(1, expression.groups)
    found = {name: match[part] for name, match in matches.items() if match and match[part]}
    if not found:
        raise InputError(
            f"group_pattern {pattern!r} finds no group in any of the {len(clips)} ids, like "
            f"{clips[0].id}: change or leave out --group_pattern"
        )
    return found
