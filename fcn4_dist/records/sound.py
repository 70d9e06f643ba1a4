"""Which clips have no sound to learn from or to score, and what is unusual about that of others."""

from collections import Counter
from collections.abc import Mapping, Sequence

from fcn4_dist.audio import LOUDEST_SINE_DBFS, REMARKS, ClipFeature, FeatureIndex
from fcn4_dist.clips import Clip
from fcn4_dist.clips.checks import classes_without_clips, errors_about, remarks_about
from fcn4_dist.findings import Finding, Level

_SHOWN_CLASSES = 20


def silent_clips(index: FeatureIndex, silence_level: float) -> dict[str, str]:
    """Find the clips that are too quiet to be heard.

    Args:
        index: What the features are of. A clip whose level was not measured is none of these.
        silence_level: The setting, in dBFS.

    Returns:
        Id of each -> why it is left out.
    """
    return {
        clip.id: f"silent: {_loudest(clip)}"
        for clip in index.clips
        if clip.level_dbfs is not None and clip.level_dbfs < silence_level
    }


def remarks_about_sound(
    clips: Sequence[Clip], index: FeatureIndex, silent: Mapping[str, str]
) -> list[Finding]:
    """Say what a person should know of how clips sound.

    Args:
        clips: The clips of the collection.
        index: What their features are of.
        silent: Those that are too quiet, of :func:`silent_clips`.
    """
    heard = [clip for clip in index.clips if not clip.skipped and clip.id not in silent]
    measured = [clip for clip in heard if clip.level_dbfs is not None]
    findings = _silent_by_class(clips, silent)
    for remark in REMARKS:
        ids = [clip.id for clip in heard if remark in clip.reason.split(", ")]
        findings += remarks_about(f'clips of which "{remark}" is true', ids, "they stay")
    clipped = [
        f"{clip.id} ({clip.level_dbfs:.1f} dBFS)"
        for clip in measured
        if clip.level_dbfs is not None and clip.level_dbfs > LOUDEST_SINE_DBFS
    ]
    return [
        *findings,
        *remarks_about(
            "clips are louder than a sine at full scale, as what is clipped much is",
            clipped,
            "they stay",
            Level.NOTE,
        ),
        *remarks_about(
            "the features of clips are of an earlier version, which did not measure how loud they "
            "are",
            [clip.id for clip in heard if clip.level_dbfs is None],
            "remove their folder below npy_path to have silence among them found",
            Level.NOTE,
        ),
    ]


def check_classes(
    class_names: Sequence[str], clips: Sequence[Clip], usable: Sequence[Clip]
) -> list[Finding]:
    """Find classes that cannot be learnt, since none of their clips can be used.

    Errors, unless clips have several labels or none: rare tags are lost in a few silent clips, and
    the network learns the others without them.

    Args:
        class_names: The classes of the collection.
        clips: Its clips.
        usable: Those whose audio is there; or, of those, the ones with something to be heard.
    """
    never = set(classes_without_clips(class_names, clips))
    lost = [name for name in classes_without_clips(class_names, usable) if name not in never]
    problem = "no clip of these classes can be used, as all are missing, silent or skipped"
    if any(len(clip.labels) != 1 for clip in clips):
        return remarks_about(problem, lost, "they cannot be learnt or scored")
    return errors_about(
        problem,
        lost,
        "mend or replace them, or leave the classes out; where silence is what a class is of, "
        "give --silence_level -200",
        _SHOWN_CLASSES,
    )


def _silent_by_class(clips: Sequence[Clip], silent: Mapping[str, str]) -> list[Finding]:
    if not silent:
        return []
    of_class = Counter(name for clip in clips for name in clip.labels)
    silent_of_class = Counter(name for clip in clips if clip.id in silent for name in clip.labels)
    shares = [
        f"class {name}: {count} of {of_class[name]} clips are silent"
        for name, count in silent_of_class.most_common()
    ]
    if len(shares) > _SHOWN_CLASSES:
        shares = [f"silent clips are of {len(shares)} classes; {shares[0]}"]
    return [
        *remarks_about(
            "clips are silent",
            [f"{name} ({why})" for name, why in silent.items()],
            "they are left out of the shards (--silence_level)",
        ),
        *(Finding(Level.WARNING, share) for share in shares),
    ]


def _loudest(clip: ClipFeature) -> str:
    why = next((remark for remark in REMARKS if remark in clip.reason.split(", ")), "")
    # What lies beside the part that is kept may well be heard.
    place = ", in the part that is kept" if clip.status == "cropped" else ""
    return f"{clip.level_dbfs:.1f} dBFS at its loudest{place}{f' ({why})' if why else ''}"
