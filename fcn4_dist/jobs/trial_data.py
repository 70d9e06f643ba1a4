"""Shards of made music for a trial: the whole way from audio on, for as many clips as it takes."""

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.synthetic import GENRES, write_collection
from fcn4_dist.config import LoadedSettings, Settings
from fcn4_dist.jobs.preprocess import preprocess

_SECONDS = 5.0
_ROWS_NAME = "made.csv"


def make_shards(folder: Path, clips: int) -> Settings:
    """Make music, its features and shards of them.

    The music is short, and each training clip is there under many names: that costs nothing but
    the shards, which are as large as those of as many clips would be.

    Args:
        folder: Where; made if missing.
        clips: Training clips; there is another one of each class for validation.

    Returns:
        Settings that read the shards.
    """
    audio = folder / "audio"
    made = list(write_collection(audio, 2, _SECONDS, seed=1))
    rows = [["path", "labels", "split"]]
    for number in range(clips):
        path = made[2 * (number % len(GENRES))]
        copy = audio / "train" / f"{path.stem}.{number:05d}.wav"
        copy.parent.mkdir(exist_ok=True)
        copy.unlink(missing_ok=True)
        _give_another_name(path, copy)
        rows.append([str(copy.relative_to(audio)), path.parent.name, "train"])
    rows += [[str(path.relative_to(audio)), path.parent.name, "val"] for path in made[1::2]]
    with (folder / _ROWS_NAME).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    settings = replace(
        Settings(),
        dataset="csv",
        num_classes=len(GENRES),
        audio_path=str(audio),
        info_path=str(folder),
        info_name=_ROWS_NAME,
        npy_path=str(folder / "npy"),
        mr_path=str(folder / "mindrecord"),
    )
    preprocess(LoadedSettings(settings, {}))
    return settings


def _give_another_name(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:
        # Object stores that are mounted as folders know no second name; nor does every disk as many
        # as it takes.
        shutil.copyfile(path, copy)
