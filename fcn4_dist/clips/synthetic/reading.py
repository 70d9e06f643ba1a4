"""The made-up collection, as ``fcn4-dist synth`` has written it."""

from dataclasses import replace

from fcn4_dist.clips.collection import Collection, Dataset
from fcn4_dist.clips.folder import audio_folder, read_folder
from fcn4_dist.clips.synthetic.genres import GENRES
from fcn4_dist.config import Settings
from fcn4_dist.findings import Finding, Level

_HOW_TO_GET = "run fcn4-dist synth to make it, or name the folder it was told"


def read_synthetic(settings: Settings) -> Collection:
    """Read a made-up collection.

    Args:
        settings: They name its folder.

    Raises:
        InputError: If it is no folder of class folders, or cannot be listed.
    """
    audio_path = audio_folder(settings, _HOW_TO_GET)
    collection = read_folder(settings)
    if collection.class_names == GENRES:
        return collection
    others = Finding(
        Level.ERROR,
        f"audio_path {audio_path} holds other folders than {', '.join(GENRES)}",
        f"{_HOW_TO_GET} with --audio_path",
    )
    return replace(collection, findings=(*collection.findings, others))


SYNTHETIC = Dataset(
    name="synthetic",
    title="made-up music of ten genres",
    on_disk="what `fcn4-dist synth` makes",
    read=read_synthetic,
    lists_audio=True,
    class_names=GENRES,
)
