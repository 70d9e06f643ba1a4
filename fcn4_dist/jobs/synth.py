"""The synth job: a small made music collection in the layout of GTZAN."""

from pathlib import Path

from fcn4_dist.clips.synthetic import GENRES, write_collection
from fcn4_dist.config import RETIRED, LoadedSettings, yaml_line
from fcn4_dist.files import check_writable, write_text
from fcn4_dist.terminal import Progress, say
from fcn4_dist.text import Lines


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
    say(Lines(text))
    check_writable(folder, "audio_path")
    paths = write_collection(folder, clips, seconds, settings.seed)
    with Progress("playing", clips * len(GENRES), "clips") as progress:
        for _ in paths:
            progress.advance()
    write_text(folder.parent / "synth_settings.yaml", text)
    say(f"{clips} clips of {seconds:g} s for each of {len(GENRES)} genres in {folder}")
