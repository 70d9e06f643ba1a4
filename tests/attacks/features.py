"""Damaged kept features and indexes of them, against both stages of preprocessing."""

import json
import math
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import soundfile

from fcn4_dist.audio import (
    ClipFeature,
    FeatureCache,
    FeatureIndex,
    FeatureParameters,
    LogMel,
    extract_feature,
    read_feature_index,
)
from fcn4_dist.clips import Clip, Split
from fcn4_dist.records.obstacles import check_features
from fcn4_dist.records.planning import plan_records
from tests.attacks.outcome import REFUSED, SILENT_WRONG, Outcome, outcome_of
from tests.sealing import change_sealed, resealed

PARAMETERS = FeatureParameters(8000, 0.5, 256, 128, 16, "amplitude_to_db")
_OTHER = replace(PARAMETERS, log_mel="power_to_db")
"""Features of the same shape, of other numbers."""
_SEAL = 65


class _Work:
    """Features of some clips, whole; each attack is put right again after it."""

    def __init__(self, folder: Path) -> None:
        self.npy_path = folder / "npy"
        self.cache, self.other = (
            FeatureCache(self.npy_path, each) for each in (PARAMETERS, _OTHER)
        )
        self.log_mel = LogMel(PARAMETERS)
        waves = np.random.default_rng(1).normal(0, 0.1, (6, PARAMETERS.clip_samples))
        self.clips = []
        for number, wave in enumerate(waves):
            path = folder / f"{number}.wav"
            soundfile.write(path, wave, PARAMETERS.sample_rate)
            self.clips.append(path)
        for cache in (self.cache, self.other):
            cache.prepare()
            rows = [self.extract(path, cache) for path in self.clips]
        FeatureIndex(PARAMETERS, tuple(rows)).write(self.npy_path)
        self.rows = rows
        self.right = {row.id: self.cache.load(row.sha256) for row in rows}
        self.whole = {path: path.read_bytes() for path in self.files}

    @property
    def index(self) -> Path:
        return self.npy_path / "features.json"

    @property
    def files(self) -> list[Path]:
        return [self.index, *(self.cache.feature_file(row.sha256) for row in self.rows)]

    def extract(self, path: Path, cache: FeatureCache) -> ClipFeature:
        log_mel = self.log_mel if cache is self.cache else LogMel(_OTHER)
        return extract_feature(path.stem, path, cache, log_mel)

    def put_right(self) -> None:
        for path, content in self.whole.items():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)


def attacks(folder: Path, count: int, seed: int = 0) -> Iterator[Outcome]:
    """Damage a kept feature or the index in one way, drawn from a seed, and use it.

    Each is used by the second stage alone, which has to refuse it or be right, and by the first
    stage, which has to make it again.

    Args:
        folder: To work in.
        count: How many.
        seed: Of what is drawn.
    """
    drawn = random.Random(seed)
    work = _Work(folder)
    for number in range(count):
        work.put_right()
        what = drawn.choice(_DAMAGES)(work, drawn)
        attack = f"seed {seed}, number {number}: {what}"
        second = outcome_of(attack, lambda: _second_stage(work))
        first = outcome_of(attack, lambda: _first_stage(work))
        if first.came_to == REFUSED:
            first = Outcome(attack, SILENT_WRONG, f"not made again: {first.detail}")
        yield second if first.harmless else first


def _second_stage(work: _Work) -> str:
    """Do what the npy -> MindRecord stage does before, and when, it writes shards."""
    index = read_feature_index(work.npy_path)
    clips = [Clip(row.id, Path("gone"), ("x",)) for row in index.clips]
    roles = {row.id: "train" for row in index.clips}
    planned, _ = plan_records(clips, index, Split(roles, {}, {}, ()), ("train", "val", "test"), 1)
    rows = [row for shard in planned for row in shard.clips]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        check_features(rows, work.cache)
    return _differing(work, {row.id: work.cache.load(row.sha256) for row in rows})


def _first_stage(work: _Work) -> str:
    """Do what the audio -> npy stage does with what is kept."""
    rows = [work.extract(path, work.cache) for path in work.clips]
    if rows != work.rows:
        return "the first stage says another thing of a clip"
    return _differing(work, {row.id: work.cache.load(row.sha256) for row in rows})


def _differing(work: _Work, found: Mapping[str, np.ndarray]) -> str:
    if found.keys() != work.right.keys():
        return f"clips {sorted(found)}"
    wrong = [name for name, right in work.right.items() if not np.array_equal(found[name], right)]
    return f"the features of {', '.join(wrong)} are wrong" if wrong else ""


def _feature(work: _Work, drawn: random.Random) -> Path:
    return drawn.choice(work.files[1:])


def _flip(work: _Work, drawn: random.Random) -> str:
    path = drawn.choice((work.index, _feature(work, drawn), _feature(work, drawn)))
    content = bytearray(path.read_bytes())
    place, bit = drawn.randrange(len(content)), drawn.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} of {path.name[:13]}"


def _noise(work: _Work, drawn: random.Random) -> str:
    path = _feature(work, drawn)
    content = bytearray(path.read_bytes())
    begin, length = drawn.randrange(len(content)), drawn.choice((1, 4, 64, 4096))
    content[begin : begin + length] = drawn.choice((bytes(length), drawn.randbytes(length)))
    if bytes(content) == path.read_bytes():
        content[begin] ^= 1
    path.write_bytes(content)
    return f"{length} bytes at {begin} written over"


def _cut(work: _Work, drawn: random.Random) -> str:
    path = drawn.choice((work.index, _feature(work, drawn), _feature(work, drawn)))
    content = path.read_bytes()
    size = drawn.choice((0, 1, 128, len(content) - _SEAL, drawn.randrange(len(content))))
    path.write_bytes(content[:size])
    return f"{path.name[:13]} cut to {size} of {len(content)} bytes"


def _longer(work: _Work, drawn: random.Random) -> str:
    path = _feature(work, drawn)
    more = drawn.choice((b"\0", b"\n", b"{}", path.read_bytes(), bytes(1 << 17)))
    path.write_bytes(path.read_bytes() + more)
    return f"{len(more)} bytes more"


def _another_ones(work: _Work, drawn: random.Random) -> str:
    source, target = drawn.sample(work.files[1:], 2)
    shutil.copy(source, target)
    return "the feature of another clip"


def _other_parameters(work: _Work, drawn: random.Random) -> str:
    path = _feature(work, drawn)
    shutil.copy(work.other.feature_file(path.stem), path)
    return "the feature by other parameters"


def _other_shape(work: _Work, drawn: random.Random) -> str:
    path = _feature(work, drawn)
    shape = drawn.choice(((1, 32, 16), (16, 32), (1, 16, 33), (0,), (1, 16, 32, 1), ()))
    kind = drawn.choice((np.float32, np.float64, ">f4", np.int32, np.bool_, "U5"))
    np.save(path, np.ones(shape, kind))
    tail = work.whole[path][128 + 4 * math.prod(PARAMETERS.shape) :]
    path.write_bytes(path.read_bytes() + drawn.choice((b"", tail)))
    return f"an array of {np.dtype(kind)} and shape {shape}"


def _no_file(work: _Work, drawn: random.Random) -> str:
    path = _feature(work, drawn)
    path.unlink()
    kind = drawn.choice(("nothing", "a broken link", "a link to another", "a zip", "a pickle"))
    if kind == "a broken link":
        path.symlink_to("gone")
    elif kind == "a link to another":
        path.symlink_to(drawn.choice([each for each in work.files[1:] if each != path]))
    elif kind == "a zip":
        np.savez(path.with_suffix(".npz"), feature=np.ones(PARAMETERS.shape, np.float32))
        path.with_suffix(".npz").rename(path)
    elif kind == "a pickle":
        np.save(path, np.array([object()], dtype=object), allow_pickle=True)
    return f"{kind} in the place of a feature"


def _index_row(work: _Work, drawn: random.Random) -> str:
    """Change the index as an editor does, who knows nothing of the checksum."""
    content = json.loads(work.index.read_text())
    first, second = drawn.sample(content["clips"], 2)
    name = drawn.choice(("id", "sha256", "status", "seconds", "reason", "source"))
    value = drawn.choice((second[name], "skipped", "", "../../../etc/passwd", 7, None))
    changed = value != first[name]
    first[name] = value
    text = json.dumps(content) if changed else json.dumps(content, indent=1)
    work.index.write_text(text)
    return f"{name} of {first['id']!r} in the index is {value!r}"


def _index_resealed(work: _Work, drawn: random.Random) -> str:
    """Change the index as one who makes its checksum right: its names lead nowhere all the same."""
    value = drawn.choice(
        ("../" * 8 + "etc/passwd", "/etc/passwd", "..", "ab" * 31, "AB" * 32, "0" * 64)
    )

    def change(content: dict) -> None:
        drawn.choice(content["clips"])["sha256"] = value

    change_sealed(work.index, change)
    return f"a sha256 of the index is {value!r}, and its checksum right"


def _index_parameters(work: _Work, drawn: random.Random) -> str:
    content = json.loads(work.index.read_text())
    row = drawn.choice(content["clips"])
    content["clips"].append(dict(row))
    work.index.write_bytes(drawn.choice((resealed(content), json.dumps(content).encode())))
    return "a row of the index twice"


_DAMAGES: tuple[Callable[[_Work, random.Random], str], ...] = (
    *(_flip, _flip, _flip, _noise, _cut, _longer, _another_ones, _other_parameters, _other_shape),
    *(_no_file, _index_row, _index_resealed, _index_parameters),
)
