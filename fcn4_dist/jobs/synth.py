"""The synth job: a small made music collection in the layout of GTZAN."""

from pathlib import Path

from fcn4_dist.clips.synthetic import GENRES, write_collection
from fcn4_dist.config import LoadedSettings
from fcn4_dist.files import check_writable, write_text
from fcn4_dist.terminal import Progress, say


def synth(loaded: LoadedSettings) -> None:
    """Write ``clips_per_class`` clips for each of ten made genres below ``audio_path``."""
    settings = loaded.settings
    folder = Path(settings.audio_path)
    check_writable(folder, "audio_path")
    paths = write_collection(
        folder, settings.clips_per_class, settings.synth_seconds, settings.seed
    )
    with Progress("playing", settings.clips_per_class * len(GENRES), "clips") as progress:
        for _ in paths:
            progress.advance()
    write_text(folder.parent / "synth_settings.yaml", loaded.to_yaml("synth"))
    say(
        f"{settings.clips_per_class} clips of {settings.synth_seconds:g} s for each of "
        f"{len(GENRES)} genres in {folder}"
    )
