"""MagnaTagATune: clips of songs with the tags that players of a game gave them."""

import re
from dataclasses import replace
from pathlib import Path

from fcn4_dist.clips.annotations import Annotations, read_annotations
from fcn4_dist.clips.checks import finding
from fcn4_dist.clips.collection import Collection

MODELZOO_TAGS = (
    *("choral", "female voice", "metal", "country", "weird", "no voice", "cello", "harp"),
    *("beats", "female vocal", "male voice", "dance", "new age", "voice", "choir", "classic"),
    *("man", "solo", "sitar", "soft", "no vocal", "pop", "male vocal", "woman", "flute", "quiet"),
    *("loud", "harpsichord", "no vocals", "vocals", "singing", "male", "opera", "indian"),
    *("female", "synth", "vocal", "violin", "beat", "ambient", "piano", "fast", "rock"),
    *("electronic", "drums", "strings", "techno", "slow", "classical", "guitar"),
)
"""The fifty tags of the ModelZoo's FCN-4, in its order: of rising frequency."""

_ROLE_OF_FOLDER = (
    dict.fromkeys("0123456789ab", "train") | {"c": "val"} | dict.fromkeys("def", "test")
)
_EXCERPT = re.compile(r"-\d+-\d+\.mp3$")


def read_magnatagatune(
    file: Path, audio_path: Path, num_classes: int, tag_list: str
) -> tuple[Collection, list[str]]:
    """Read MagnaTagATune from its annotations, without a look at the audio.

    Args:
        file: The annotations in their published form.
        audio_path: Folder of the folders 0 to f.
        num_classes: How many of the most frequent tags are the classes.
        tag_list: ``count`` for those, ``modelzoo`` for ``MODELZOO_TAGS``.

    Returns:
        The collection, with the roles of the published split, and what is wrong with it.

    Raises:
        InputError: If the file is missing, or is no annotations file.
    """
    annotations = read_annotations(file)
    counted = tag_list == "count"
    tags = _most_frequent(annotations, num_classes) if counted else MODELZOO_TAGS
    known = [tag for tag in tags if tag in annotations.tags]
    collection, problems = annotations.collection(known, audio_path)
    clips = [
        replace(clip, role=_ROLE_OF_FOLDER.get(clip.id.split("/")[0], ""), group=_song(clip.id))
        for clip in collection.clips
    ]
    lacking = finding(
        f"{file} lacks tags of the ModelZoo's list",
        [tag for tag in tags if tag not in known],
        "give --tag_list count",
    )
    remarks = collection.remarks + tuple(
        finding(
            f"{file} has clips that are not in a folder 0 to f",
            [clip.id for clip in clips if not clip.role],
            "the published split leaves them out",
        )
    )
    return Collection(tags, tuple(clips), remarks), [*annotations.problems, *problems, *lacking]


def _most_frequent(annotations: Annotations, number: int) -> tuple[str, ...]:
    counts = dict(zip(annotations.tags, annotations.flags.sum(axis=0).tolist(), strict=True))
    return tuple(sorted(counts, key=lambda tag: (-counts[tag], tag))[:number])


def _song(clip_id: str) -> str:
    song, found = _EXCERPT.subn("", clip_id)
    return song if found else ""
