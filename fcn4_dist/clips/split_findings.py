"""What is to be said of a split: copies, labels that a set lacks, what a random one costs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from fcn4_dist.clips.checks import remarks_about
from fcn4_dist.clips.collection import Clip, Dataset
from fcn4_dist.findings import Finding, Level
from fcn4_dist.text import count

SET_OF_ROLE = {"train": "training set", "val": "validation set", "test": "test set"}
"""What the set of each role is called."""

_SHOWN_CLASSES = 20
_NEAR = 0.05
_COSTS = "gives scores that cannot be compared with those of others"


def copies_among(clips: Iterable[Clip], content: Mapping[str, str]) -> list[list[Clip]]:
    """Give the clips that have the same bytes, each of these lists sorted as the clips are."""
    same = defaultdict(list)
    for clip in clips:
        if sha256 := content.get(clip.id):
            same[sha256].append(clip)
    return [copies for copies in same.values() if len(copies) > 1]


def remarks_about_copies(
    copies: Iterable[Sequence[Clip]], what: str, consequence: str
) -> list[Finding]:
    """Say which clips are copies of others, and what becomes of them."""
    pairs = [f"{same[0].id} and {other.id}" for same in copies for other in same[1:]]
    return note_about(what, pairs, consequence)


def remarks_about_unlike_copies(copies: Iterable[Sequence[Clip]]) -> list[Finding]:
    """Say which copies have different labels."""
    pairs = [
        f"{same[0].id} ({', '.join(same[0].labels)}) and {other.id} ({', '.join(other.labels)})"
        for same in copies
        for other in same[1:]
        if set(other.labels) != set(same[0].labels)
    ]
    return remarks_about("copies (same bytes) have different labels", pairs, "each keeps its own")


def classes_that_sets_lack(
    clips: Sequence[Clip], roles: Mapping[str, str], groups: Mapping[str, str]
) -> list[Finding]:
    """Say which classes or tags each set has no clip of, the most frequent first."""
    clips_of: Counter[str] = Counter()
    groups_of, roles_of = defaultdict(set), defaultdict(set)
    for clip in clips:
        for name in clip.labels:
            clips_of[name] += 1
            groups_of[name].add(groups.get(clip.id, clip.id))
            roles_of[name].add(roles.get(clip.id))
    findings = []
    for role, set_name in SET_OF_ROLE.items():
        if role not in roles.values():
            continue
        lacking = [name for name in sorted(roles_of) if role not in roles_of[name]]
        lacking.sort(key=lambda name: -clips_of[name])
        findings += note_about(
            f"the {set_name} has no clip of classes",
            [f"{name} ({_extent(clips_of[name], len(groups_of[name]))})" for name in lacking],
            f"they cannot be {'learnt' if role == 'train' else 'scored'} there",
            _SHOWN_CLASSES,
        )
    return findings


def costs_of_drawing(dataset: Dataset) -> list[Finding]:
    """Say what it costs to draw the sets of a collection that has a published split."""
    sentence = (
        "the collection has a published split, which is not taken (--split published): a random "
        f"split of it {dataset.random_costs or _COSTS}"
    )
    return [Finding(Level.WARNING, sentence)]


def other_share(roles: Iterable[str], share: float, kind: str) -> list[Finding]:
    """Say if groups that stay whole keep a validation set that is drawn from its share."""
    counts = Counter(roles)
    drawn = counts["val"] / (counts["val"] + counts["train"])
    if abs(drawn - share) < _NEAR:
        return []
    sentence = (
        f"the validation set has {drawn:.0%} of the clips, not {share:.0%}: {kind} stay whole"
    )
    return [Finding(Level.NOTE, sentence)]


def note_about(what: str, items: Sequence[str], consequence: str, shown: int = 3) -> list[Finding]:
    """Say of some items what is unusual, where nothing is wrong."""
    return remarks_about(what, items, consequence, Level.NOTE, shown)


def _extent(clips: int, groups: int) -> str:
    """Say how many clips a class has, and that they are of one group, which is on one side."""
    return count(clips, "clip") + (" of one group" if groups == 1 < clips else "")
