"""Changed manifests, with and without the right checksum, against all that reads them."""

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fcn4_dist.jobs.inspection import verify_shards
from fcn4_dist.jobs.shards import find_validation_set, open_shards
from fcn4_dist.pipeline import read_batches
from fcn4_dist.records import RecordSet, check_shards
from fcn4_dist.records.writing import clear_folder
from tests.attacks.outcome import LOST, REFUSED, SILENT_WRONG, Outcome, outcome_of
from tests.attacks.small_shards import SmallShards, make_small_shards
from tests.sealing import resealed

_VALUES = [
    *(None, True, 0, -1, 1, 7, 2**63, 10**30, 0.5, 1e308, float("nan"), "", ".", "..", "a/b"),
    *("/etc/passwd", "../outside.txt", "notes.txt", "manifest.json", "x.mindrecord0", "val"),
    *("train", "test", "kept", "skipped", "left out", "rock", "jazz", "float16", "power_to_db"),
    *("0" * 64, "x" * 300, "\udce9", "\x1b[31m\n", [], ["rock"], ["opera"], {}, {"a": 1}),
]
"""Plausible and implausible ones for any place."""


def attacks(folder: Path, count: int, seed: int = 0) -> Iterator[Outcome]:
    """Change a manifest in one way, drawn from a seed, and use it.

    Args:
        folder: To work in.
        count: How many.
        seed: Of what is drawn.
    """
    drawn = random.Random(seed)
    shards = make_small_shards(folder)
    path = shards.folder / "manifest.json"
    whole = path.read_bytes()
    for number in range(count):
        what, data = _change(whole, drawn)
        attack = f"seed {seed}, number {number}: {what}"
        path.write_bytes(data)
        yield _first_harm(
            outcome_of(attack, lambda: _used(shards)),
            outcome_of(attack, lambda data=data, what=what: _verified(shards, data == whole, what)),
            _cleared(attack, folder / "cleared", data, shards),
        )


def _first_harm(*outcomes: Outcome) -> Outcome:
    """Of several uses of one manifest, give the worst; that it was refused anywhere, else."""
    harmful = [outcome for outcome in outcomes if not outcome.harmless]
    refused = [outcome for outcome in outcomes if outcome.came_to == REFUSED]
    return [*harmful, *refused, *outcomes][0]


def _change(whole: bytes, drawn: random.Random) -> tuple[str, bytes]:
    if drawn.random() < 0.2:
        return drawn.choice((_flip, _cut, _splice))(whole, drawn)
    content = json.loads(whole)
    what = drawn.choice((_value, _value, _value, _remove, *_ROWS))(content, drawn)
    how = drawn.choice(("checksum made right", "checksum made right", "earlier", "left as it was"))
    if how == "earlier":
        content.pop("sha256", None)
        content["format"] = 3 if content.get("format") == 4 else content.get("format")
    data = resealed(content) if how == "checksum made right" else json.dumps(content).encode()
    return f"{what}, {how}", data


def _flip(whole: bytes, drawn: random.Random) -> tuple[str, bytes]:
    place, bit = drawn.randrange(len(whole)), drawn.randrange(8)
    changed = bytearray(whole)
    changed[place] ^= 1 << bit
    return f"bit {bit} of byte {place}", bytes(changed)


def _cut(whole: bytes, drawn: random.Random) -> tuple[str, bytes]:
    size = drawn.choice((0, 1, len(whole) - 1, len(whole) - 82, drawn.randrange(len(whole))))
    return f"cut to {size} bytes", whole[:size]


def _splice(whole: bytes, drawn: random.Random) -> tuple[str, bytes]:
    begin = drawn.randrange(len(whole))
    noise = drawn.choice((b"\0", b"\xff\xfe", b" ", b"\n", whole[:50], os.urandom(5)))
    return f"{noise!r} at byte {begin}", whole[:begin] + noise + whole[
        begin + drawn.choice((0, 1)) :
    ]


def _places(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    keys: Any = ()
    if isinstance(content, dict | list):
        keys = content if isinstance(content, dict) else range(len(content))
    for key in keys:
        yield from _places(content[key], (*place, key))


def _inner(content: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        content = content[key]
    return content


def _draw_place(content: Any, drawn: random.Random) -> tuple[Any, ...]:
    # Of many rows, one is as good as another: all kinds of places are drawn alike.
    kinds: dict[Any, list[tuple[Any, ...]]] = {}
    for place in _places(content):
        kinds.setdefault(tuple(key for key in place if isinstance(key, str)), []).append(place)
    return drawn.choice(drawn.choice([kinds[kind] for kind in sorted(kinds)]))


def _value(content: Any, drawn: random.Random) -> str:
    place = _draw_place(content, drawn)
    value = drawn.choice(_VALUES)
    before = _inner(content, place)[place[-1]]
    if isinstance(before, int | float) and drawn.random() < 0.5:
        value = before + drawn.choice((-1, 1, 2))
    _inner(content, place)[place[-1]] = value
    return f"{place} is {value!a}"


def _remove(content: Any, drawn: random.Random) -> str:
    place = _draw_place(content, drawn)
    del _inner(content, place)[place[-1]]
    return f"no {place}"


def _swap_rows(content: Any, drawn: random.Random) -> str:
    rows = content[drawn.choice(("clips", "shards"))]
    first, second = drawn.sample(range(len(rows)), 2)
    rows[first], rows[second] = rows[second], rows[first]
    return f"rows {first} and {second} swapped, of {len(rows)}"


def _double_a_row(content: Any, drawn: random.Random) -> str:
    rows = content[drawn.choice(("clips", "shards"))]
    place = drawn.randrange(len(rows))
    rows.insert(place, copy.deepcopy(rows[place]))
    return f"row {place} of {len(rows)} doubled"


def _move_a_clip(content: Any, drawn: random.Random) -> str:
    """Have a clip be in another shard, and let the numbers of rows follow."""
    clip, shard = drawn.choice(content["clips"]), drawn.choice(content["shards"])
    for each in content["shards"]:
        each["rows"] += (each is shard) - (each["file"] == clip["shard"])
    clip |= {"set": shard["set"], "shard": shard["file"]}
    content["clips"].sort(key=lambda row: (content["sets"].index(row["set"]), row["shard"]))
    return f"{clip['id']} is in {shard['file']}"


def _exchange_clips(content: Any, drawn: random.Random) -> str:
    """Have two clips in each other's place, of their own ids or under each other's."""
    first, second = drawn.sample(content["clips"], 2)
    names = drawn.choice((["set", "shard"], ["id"], ["labels"], ["sha256"], ["id", "labels"]))
    for name in names:
        first[name], second[name] = second[name], first[name]
    return f"{' and '.join(names)} of {first['id']} and {second['id']} exchanged"


def _relabel(content: Any, drawn: random.Random) -> str:
    clip = drawn.choice(content["clips"])
    labels = drawn.sample(content["class_names"], drawn.randrange(4))
    clip["labels"] = labels
    return f"{clip['id']} is of {labels}"


def _rename_class(content: Any, drawn: random.Random) -> str:
    """Have the classes in another order, or one be called otherwise, everywhere."""
    if drawn.random() < 0.5:
        drawn.shuffle(content["class_names"])
        return f"classes are {content['class_names']}"
    content["class_names"][0] = content["class_names"][1]
    return "two classes have one name"


def _exchange_sets(content: Any, drawn: random.Random) -> str:
    """Have two sets in each other's role: by their order, or by their names everywhere."""
    first, second = drawn.sample(range(3), 2)
    names = content["sets"]
    before = dict(enumerate(names))
    names[first], names[second] = names[second], names[first]
    how = drawn.choice(("in the list", "and of the shards", "everywhere"))
    renamed = {before[first]: before[second], before[second]: before[first]}
    if how != "in the list":
        for row in [*content["shards"], *(content["clips"] if how == "everywhere" else [])]:
            row["set"] = renamed.get(row["set"], row["set"])
    return f"sets {before[first]} and {before[second]} exchanged {how}"


_ROWS: tuple[Callable[[Any, random.Random], str], ...] = (
    *(_swap_rows, _double_a_row, _move_a_clip, _exchange_clips, _relabel, _rename_class),
    _exchange_sets,
)


def _used(shards: SmallShards) -> str:
    """Read the manifest as training and evaluation do, and all that it leads to."""
    settings = shards.settings
    manifest, training = open_shards("train", settings)
    validation = find_validation_set(settings, manifest)
    test = replace(settings, val_filename="test.mindrecord0")
    scored = [open_shards("eval", each)[1] for each in (settings, test)]
    sets = {"train": training, "val": validation or scored[0], "test": scored[1]}
    for record_set in sets.values():
        check_shards(record_set)
    wrong = [_read(shards, role, record_set) for role, record_set in sets.items()]
    return next(filter(None, wrong), "")


def _read(shards: SmallShards, role: str, record_set: RecordSet) -> str:
    right = shards.manifest.record_set(role, shards.folder)
    ids, labels = [clip.id for clip in right.clips], right.labels
    for batch in read_batches(record_set, [np.arange(len(record_set))]):
        if list(batch.ids) != ids:
            return f"clips {batch.ids} in the set {role}"
        if not np.array_equal(batch.labels, labels):
            return f"labels in the set {role}"
        if not np.array_equal(record_set.labels, labels):
            return f"labels of scores in the set {role}"
        if any(
            not np.array_equal(shards.features[clip], feature)
            for clip, feature in zip(batch.ids, batch.features, strict=True)
        ):
            return f"features in the set {role}"
    if record_set.class_names != right.class_names:
        return f"classes {record_set.class_names}"
    return ""


def _verified(shards: SmallShards, untouched: bool, what: str) -> str:
    """Verify the folder: who does not know of the checksum can change nothing unseen."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        verify_shards(shards.folder)
    unseen = not untouched and not what.endswith(("checksum made right", "earlier"))
    return "verify calls it whole" if unseen else ""


def _cleared(attack: str, folder: Path, data: bytes, shards: SmallShards) -> Outcome:
    """Make a folder ready for other shards, in which, and beside which, are a person's files."""
    inner = folder / "inner"
    inner.mkdir(parents=True, exist_ok=True)
    kept = [folder / "outside.txt", inner / "notes.txt", inner / "x.mindrecord0", inner / "a.db"]
    for path in kept:
        path.write_text(path.name)
    for shard in shards.planned:
        (inner / shard.file).touch()
    (inner / "manifest.json").write_bytes(data)
    done = outcome_of(attack, lambda: clear_folder(shards.planned[:1], inner) or "")
    if not done.harmless:
        return done
    lost = [path.name for path in kept if not path.is_file() or path.read_text() != path.name]
    if lost:
        return Outcome(attack, LOST, f"{', '.join(lost)} removed")
    if not (inner / shards.planned[0].file).exists():
        return Outcome(attack, SILENT_WRONG, "a shard that is to be written was removed")
    return done
