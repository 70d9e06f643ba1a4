"""The synth job: a small made music collection in the layout of GTZAN."""

import shutil
from pathlib import Path

from fcn4_dist.clips.synthetic import GENRES, SAMPLE_RATE, write_collection
from fcn4_dist.config import RETIRED, LoadedSettings, yaml_line, yaml_text
from fcn4_dist.errors import InputError
from fcn4_dist.files import check_writable, write_text
from fcn4_dist.jobs.shown_settings import say_settings
from fcn4_dist.refusals import size_text
from fcn4_dist.terminal import Progress, say_result
from fcn4_dist.text import count


def synth(loaded: LoadedSettings) -> None:
    """Write so many clips for each of ten made genres below ``audio_path``.

    Args:
        loaded: The settings. How many clips, and of what length, are flags of this command alone;
            the settings files of earlier versions say it, too.
    """
    settings = loaded.settings
    folder = Path(settings.audio_path)
    flags = {
        name: loaded.retired.get(name, flag.default)
        for name, flag in RETIRED.items()
        if "synth" in flag.commands
    }
    clips, seconds = flags["clips_per_class"], flags["synth_seconds"]
    text: str = loaded.to_yaml("synth")
    for name, value in flags.items():
        text += yaml_line(name, value, loaded.origins.get(name, "default")) + "\n"
    check_writable(folder, "audio_path")
    _check_room(folder, clips * len(GENRES) * seconds)
    file = folder.parent / "synth_settings.yaml"
    changed = [
        (name, yaml_text(value), loaded.origins[name])
        for name, value in flags.items()
        if name in loaded.origins
    ]
    say_settings(loaded, "synth", file, changed)
    paths = write_collection(folder, clips, seconds, settings.seed)
    with Progress("playing", clips * len(GENRES), "clips") as progress:
        for _ in paths:
            progress.advance()
    write_text(file, text)
    say_result(
        f"{count(clips, 'clip')} of {seconds:g} s for each of {len(GENRES)} genres in {folder}"
    )


def _check_room(folder: Path, seconds: float) -> None:
    """Refuse more music than the disk has room for."""
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    needed, free = 2 * SAMPLE_RATE * seconds, shutil.disk_usage(existing).free
    if needed > free:
        raise InputError(
            f"the clips need {size_text(needed)}, and {existing} has {size_text(free)} left: give "
            "fewer --clips_per_class, or another --audio_path"
        )
