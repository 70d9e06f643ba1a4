"""MagnaTagATune: clips of songs with the tags that players of a game gave them."""

import os
import re
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.annotations import Annotations, read_annotations
from fcn4_dist.clips.checks import errors_about, remarks_about
from fcn4_dist.clips.collection import About, Collection, Dataset, PublishedScore
from fcn4_dist.clips.published import find_below, find_root
from fcn4_dist.clips.rows import annotations_file
from fcn4_dist.config import Settings

MODELZOO_TAGS = (
    *("choral", "female voice", "metal", "country", "weird", "no voice", "cello", "harp"),
    *("beats", "female vocal", "male voice", "dance", "new age", "voice", "choir", "classic"),
    *("man", "solo", "sitar", "soft", "no vocal", "pop", "male vocal", "woman", "flute", "quiet"),
    *("loud", "harpsichord", "no vocals", "vocals", "singing", "male", "opera", "indian"),
    *("female", "synth", "vocal", "violin", "beat", "ambient", "piano", "fast", "rock"),
    *("electronic", "drums", "strings", "techno", "slow", "classical", "guitar"),
)
"""The fifty tags of the ModelZoo's FCN-4, in its order: of rising frequency."""

ANNOTATIONS_NAME = "annotations_final.csv"
_ROLE_OF_FOLDER = (
    dict.fromkeys("0123456789ab", "train") | {"c": "val"} | dict.fromkeys("def", "test")
)
_EXCERPT = re.compile(r"-\d+-\d+\.mp3$")


def read_magnatagatune(settings: Settings) -> Collection:
    """Read MagnaTagATune from its annotations in their published form, without a look at the audio.

    Args:
        settings: They name the file, the folder of the folders 0 to f, or the one above, and which
            tags are the classes: the ``num_classes`` most frequent ones, or ``MODELZOO_TAGS``.

    Returns:
        The collection, with the roles of the published split.

    Raises:
        InputError: If the file is missing, or is no annotations file.
    """
    file = annotations_file(settings)
    if not file.exists():
        name = settings.info_name
        file = find_root(settings, name, MAGNATAGATUNE.title) / name
    annotations = read_annotations(file)
    root = _root(Path(settings.audio_path))
    is_counted = settings.tag_list == "count"
    tags = _most_frequent(annotations, settings.num_classes) if is_counted else MODELZOO_TAGS
    known = [tag for tag in tags if tag in annotations.tags]
    collection = annotations.collection(known, root)
    clips = [
        replace(clip, role=_ROLE_OF_FOLDER.get(clip.id.split("/")[0], ""), group=_song(clip.id))
        for clip in collection.clips
    ]
    findings = [
        *collection.findings,
        *errors_about(
            f"{annotations.file} lacks tags of the ModelZoo's list",
            [tag for tag in tags if tag not in known],
            "give --tag_list count",
        ),
        *remarks_about(
            f"{annotations.file} has clips that are not in a folder 0 to f",
            [clip.id for clip in clips if not clip.role],
            "the published split leaves them out",
        ),
    ]
    return Collection(tags, tuple(clips), tuple(findings))


def is_magnatagatune(path: Path) -> bool:
    """Say whether a folder, or the annotations file in it, is of MagnaTagATune, by names."""
    root = None if os.path.isfile(path) else find_below(path, ANNOTATIONS_NAME)
    file = root / ANNOTATIONS_NAME if root else path
    folders = [name for name in _ROLE_OF_FOLDER if os.path.isdir(file.parent / name)]
    # The file alone may be one that preprocess has written of a folder of classes.
    return file.name == ANNOTATIONS_NAME and os.path.isfile(file) and bool(folders)


def _root(audio_path: Path) -> Path:
    """Find the folder of the folders 0 to f: a path, or one right below it."""
    if any(os.path.isdir(audio_path / name) for name in _ROLE_OF_FOLDER):
        return audio_path
    below = (find_below(audio_path, name) for name in _ROLE_OF_FOLDER)
    return next(filter(None, below), audio_path)


def _most_frequent(annotations: Annotations, number: int) -> tuple[str, ...]:
    counts = dict(zip(annotations.tags, annotations.flags.sum(axis=0).tolist(), strict=True))
    return tuple(sorted(counts, key=lambda tag: (-counts[tag], tag))[:number])


def _song(clip_id: str) -> str:
    song, found = _EXCERPT.subn("", clip_id)
    return song if found else ""


MAGNATAGATUNE = Dataset(
    name="magnatagatune",
    title="MagnaTagATune",
    on_disk="`annotations_final.csv` as published (188 tags), in `audio_path` or `info_path`, and "
    "the folders `0` to `f` in `audio_path`; the classes are the `num_classes` most frequent tags, "
    "or with `--tag_list modelzoo --num_classes 50` those of the ModelZoo in its order",
    read=read_magnatagatune,
    published_split="by folder: `0` to `b`, `c`, `d` to `f`",
    published_by_default=True,
    group_is="songs",
    tag_lists=("count", "modelzoo"),
    about=About(
        licence="CC BY-NC-SA 3.0 (<http://tagatune.org/Magnatagatune.html>)",
        where="<https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset>: "
        "`annotations_final.csv`, and `mp3.zip` in three parts to be joined, 3 GB",
        clips="25 863 clips of 29 s of 5405 songs, 188 tags",
        unpacked="magnatagatune",
        flags="--num_classes 50",
        leave_out="`clip_info_final.csv`, `comparisons_final.csv`",
        defects="Tags that mean the same (`vocal`, `vocals`, `voice`) are counted apart. A clip "
        "without any of the tags is a clip of none of the classes. Three MP3 files of the archive "
        "are empty: skipped, and named",
        published=(
            PublishedScore(
                "FCN, as evaluated anew",
                "ROC-AUC 0.90, PR-AUC 0.43",
                "Won and others, [Evaluation of CNN-based automatic music tagging "
                "models](https://arxiv.org/abs/2006.00751), 2020",
            ),
            PublishedScore(
                "short-chunk CNN with residuals", "ROC-AUC 0.913, PR-AUC 0.461", "the same"
            ),
        ),
        modelzoo="`research/audio/fcn-4` claims AUC 0.910 after ten epochs on a random split, "
        "in which clips of one song are on both sides",
    ),
    recognises=is_magnatagatune,
)
