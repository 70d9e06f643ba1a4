"""IRMAS: excerpts of music by their predominant instruments, one in training, several in testing.

The labels of training clips are in their names, ``[cel][nod][cla]0058__1.wav``: instrument, drums
or not (in some), genre, number of the recording, and of the excerpt. Testing clips have a ``.txt``
of the same name with an instrument a line.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fcn4_dist.clips.checks import classes_without_clips, errors_about, remarks_about
from fcn4_dist.clips.collection import About, Clip, Collection, Dataset, PublishedScore
from fcn4_dist.clips.folder import list_audio, unicode_text
from fcn4_dist.clips.published import find_below, held_against_published
from fcn4_dist.config import Settings
from fcn4_dist.errors import InputError
from fcn4_dist.files import read_whole
from fcn4_dist.findings import Finding, Level

_INSTRUMENTS = {
    **{"cel": "cello", "cla": "clarinet", "flu": "flute", "gac": "acoustic guitar"},
    **{"gel": "electric guitar", "org": "organ", "pia": "piano", "sax": "saxophone"},
    **{"tru": "trumpet", "vio": "violin", "voi": "voice"},
}
# A genre has the code of an instrument, "cla", so that codes are no names of classes.
_GENRES = {
    **{"cla": "classical", "cou_fol": "country and folk", "jaz_blu": "jazz and blues"},
    **{"lat_sou": "latin and soul", "pop_roc": "pop and rock"},
}
_DRUMS = {"dru": "drums", "nod": "no drums"}

IRMAS_INSTRUMENTS = tuple(_INSTRUMENTS.values())
"""Names of the instruments, in the order of their codes."""

MODELZOO_IRMAS = (*IRMAS_INSTRUMENTS, *_DRUMS.values(), *_GENRES.values())
"""The eighteen classes of the ModelZoo's FCN-4 for IRMAS, in its order."""

_CLASSES = {"instrument": IRMAS_INSTRUMENTS, "modelzoo": MODELZOO_IRMAS}
_PUBLISHED = {
    **{"cello": 388, "clarinet": 505, "flute": 451, "acoustic guitar": 637},
    **{"electric guitar": 760, "organ": 682, "piano": 721, "saxophone": 626},
    **{"trumpet": 577, "violin": 580, "voice": 778, "testing clips": 2874},
}
# As Zenodo has it, and as Kaggle does.
_TRAINING_FOLDERS = ("IRMAS-TrainingData", "IRMAS_Training_Data")
_EXAMPLE = "cel/[cel][cla]0001__1.wav"
_TRAINING = re.compile(
    rf"(?:\d+__)?\[({'|'.join(_INSTRUMENTS)})\](?:\[({'|'.join(_DRUMS)}|---)\])?"
    rf"\[({'|'.join(_GENRES)})\](\d+)__\d+"
)
_EXCERPT = re.compile(r"(.+)-\d+")
_MOST_BYTES = 1 << 16


def read_irmas(settings: Settings) -> Collection:
    """Read IRMAS from the names of its training clips and the texts of its testing clips.

    Args:
        settings: They name a folder with the training clips and, if they are wanted, the testing
            clips at any depth, and which labels are the classes: the instruments, or also drums and
            genres (``modelzoo``), which only training clips have.

    Returns:
        The collection. Testing clips without labels are left out, and all of them where they lack
        what is a class.

    Raises:
        InputError: If there are no training clips, or a folder cannot be listed.
    """
    audio_path = Path(settings.audio_path)
    files = {unicode_text(path.relative_to(audio_path)): path for path in list_audio(audio_path)}
    training = {name: match for name in files if (match := _training(name))}
    if not training:
        raise InputError(
            f"audio_path {audio_path} holds no training clip of IRMAS, named like {_EXAMPLE}: "
            f"{IRMAS.how_to_get} with --audio_path, or read it with --dataset folder"
        )
    is_modelzoo = settings.tag_list == "modelzoo"
    others = {name: path for name, path in files.items() if name not in training}
    testing, findings = _testing_labels(audio_path, others)
    labels = {name: _labels(match, is_modelzoo) for name, match in training.items()}
    if is_modelzoo:
        findings = _left_out(audio_path, list(testing))
    else:
        labels |= testing
    class_names = _CLASSES[settings.tag_list]
    clips = [Clip(name, files[name], found) for name, found in labels.items()]
    counts = Counter(_INSTRUMENTS[match[1]] for match in training.values())
    findings += [
        *_in_other_folders(audio_path, training),
        *held_against_published(
            counts | {"testing clips": len(testing)}, _PUBLISHED, "IRMAS", audio_path
        ),
        *errors_about(
            f"audio_path {audio_path} holds no clip of classes of IRMAS",
            classes_without_clips(class_names, clips),
            f"{IRMAS.how_to_get} with --audio_path",
            shown=len(class_names),
        ),
    ]
    if not testing and not is_modelzoo:
        sentence = (
            f"audio_path {audio_path} holds no testing clips of IRMAS, which are its test set"
        )
        findings.append(Finding(Level.WARNING, f"{sentence}: the sets are drawn from the others"))
    return Collection(class_names, tuple(clips), tuple(findings))


def is_irmas(path: Path) -> bool:
    """Say whether a folder holds IRMAS' training clips, by names: it, the one above, or its own."""
    if not os.path.isdir(path):
        return False
    return any(find_below(path, name) for name in _TRAINING_FOLDERS) or (
        all(os.path.isdir(path / code) for code in _INSTRUMENTS)
        and any(map(_training, os.listdir(path / "cel")))
    )


def with_test_set(collection: Collection) -> Collection:
    """Give clips their recording, and their role where there are testing clips, by their ids.

    A number is one recording, whatever folder its excerpts are in: the numbers of the folders are
    from one list.
    """
    matches = [_training(clip.id) for clip in collection.clips]
    is_published = not all(matches)
    clips = []
    for clip, match in zip(collection.clips, matches, strict=True):
        stem = PurePosixPath(clip.id).stem
        excerpt = _EXCERPT.fullmatch(stem)
        group = match[4] if match else excerpt[1] if excerpt else stem
        role = ("train" if match else "test") if is_published else ""
        clips.append(replace(clip, role=role, group=group))
    return replace(collection, clips=tuple(clips))


def _training(clip_id: str) -> re.Match[str] | None:
    return _TRAINING.fullmatch(PurePosixPath(clip_id).stem)


def _labels(match: re.Match[str], is_modelzoo: bool) -> tuple[str, ...]:
    instrument, drums, genre = _INSTRUMENTS[match[1]], _DRUMS.get(match[2]), _GENRES[match[3]]
    return tuple(filter(None, (instrument, drums, genre))) if is_modelzoo else (instrument,)


def _testing_labels(
    audio_path: Path, files: Mapping[str, Path]
) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Read the instruments of the clips that have a text of them; and say what is wrong."""
    texts = {name: path.with_suffix(".txt") for name, path in files.items()}
    present = {name: path for name, path in texts.items() if os.path.isfile(path)}
    codes, unread = {}, []
    for name, path in present.items():
        try:
            words = read_whole(path, _MOST_BYTES).decode("utf-8-sig", "replace").split()
        except OSError as error:
            unread.append(f"{unicode_text(path.relative_to(audio_path))} ({error.strerror})")
        else:
            codes[name] = list(dict.fromkeys(words))
    folders = sorted({path.parent for path in present.values()})
    lonely = {
        folder / each
        for folder in folders
        for each in os.listdir(folder)
        if each.endswith(".txt") and not each.startswith(".")
    } - set(present.values())
    findings = [
        *remarks_about(
            f"{audio_path} holds audio files that are neither named like {_EXAMPLE} nor have a "
            ".txt of their instruments beside them",
            [name for name in files if name not in present],
            "they are left out",
        ),
        *remarks_about(
            f"{audio_path} holds texts of instruments without an audio file",
            sorted(unicode_text(path.relative_to(audio_path)) for path in lonely),
            "they are ignored",
        ),
        *remarks_about(
            f"{audio_path} holds testing clips whose .txt is empty",
            [name for name, found in codes.items() if not found],
            "they are left out",
        ),
        *errors_about(
            f"{audio_path} holds texts that cannot be read", unread, "make them readable"
        ),
        *errors_about(
            f"{audio_path} holds testing clips whose .txt names no instrument of IRMAS "
            f"({', '.join(_INSTRUMENTS)})",
            [
                f"{code!r} of {name}"
                for name, found in codes.items()
                for code in found
                if code not in _INSTRUMENTS
            ],
            "write a code a line",
        ),
    ]
    labels = {
        name: tuple(_INSTRUMENTS[code] for code in found if code in _INSTRUMENTS)
        for name, found in codes.items()
    }
    return {name: found for name, found in labels.items() if found}, findings


def _left_out(audio_path: Path, testing: list[str]) -> list[Finding]:
    return remarks_about(
        f"{audio_path} holds testing clips, of which neither drums nor genre are known",
        testing,
        "--tag_list modelzoo leaves them out",
        Level.NOTE,
    )


def _in_other_folders(audio_path: Path, training: Mapping[str, re.Match[str]]) -> list[Finding]:
    folders = {name: PurePosixPath(name).parent.name for name in training}
    return remarks_about(
        f"{audio_path} holds training clips in the folder of another instrument than their name's",
        [
            name
            for name, match in training.items()
            if folders[name] in _INSTRUMENTS and folders[name] != match[1]
        ],
        "their names count",
    )


IRMAS = Dataset(
    name="irmas",
    title="IRMAS, predominant instruments",
    on_disk="what its archives hold, at any depth: training clips named like "
    "`cel/[cel][nod][cla]0058__1.wav`, testing clips with a `.txt` of instruments beside each; the "
    "classes are the 11 instruments, or with `--tag_list modelzoo` also drums and genres (18, in "
    "the order of the ModelZoo), which testing clips lack",
    read=read_irmas,
    how_to_get="name the folder that IRMAS' archives were unpacked to",
    published_split="by archive: 6705 training and 2874 testing clips",
    published_by_default=True,
    random_costs="mixes its testing clips into the training set, so that scores cannot be compared "
    "with published ones",
    group_is="recordings",
    tag_lists=tuple(_CLASSES),
    classes_of=_CLASSES,
    with_roles=with_test_set,
    recognises=is_irmas,
    about=About(
        licence="CC BY-NC-SA 3.0",
        where="[Zenodo](https://zenodo.org/records/1290750): `IRMAS-TrainingData.zip`, "
        "`IRMAS-TestingData-Part1.zip` to `Part3.zip`",
        clips="6705 excerpts of 3 s to train, 2874 of 5 to 20 s to test, 11 instruments",
        unpacked="IRMAS",
        defects="training clips have one instrument where several sound; whether there are drums "
        "is told of less than a third of them, and for `modelzoo` the others have neither",
        published=(
            PublishedScore(
                "CNN of eight convolutions (Han, Kim, Lee)",
                "F1 0.602 micro, 0.503 macro, on the testing clips",
                "[arXiv:1605.09507](https://arxiv.org/abs/1605.09507)",
            ),
            PublishedScore(
                "pretrained on isolated notes (Zhong and others)",
                "F1 0.674 micro, LRAP 0.814, on the testing clips",
                "[arXiv:2306.08850](https://arxiv.org/abs/2306.08850)",
            ),
        ),
        modelzoo="AUC 0.937 of 18 classes on a random fifth of the training clips, with excerpts "
        "of one recording on both sides (50 epochs)",
    ),
)
