"""ESC-10 in the form of ESC-50, all of its real recordings, in a published fold."""

from collections import Counter
from pathlib import Path

import pytest

from fcn4_dist.cli import main
from fcn4_dist.records.manifest import read_manifest

CONFIG = str(Path(__file__).parents[2] / "configs/esc50.yaml")
CLASSES = {
    "001 - Dog bark": (0, "dog"),
    "009 - Rooster": (1, "rooster"),
    "002 - Rain": (10, "rain"),
    "003 - Sea waves": (11, "sea_waves"),
    "010 - Fire crackling": (12, "crackling_fire"),
    "004 - Baby cry": (20, "crying_baby"),
    "006 - Person sneeze": (21, "sneezing"),
    "005 - Clock tick": (38, "clock_tick"),
    "007 - Helicopter": (40, "helicopter"),
    "008 - Chainsaw": (41, "chainsaw"),
}
"""ESC-10's folders -> number and name of the class in ESC-50."""

pytestmark = pytest.mark.slow


def test_a_published_fold_of_real_recordings_is_whole_in_every_class(
    test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write_as_esc50(test_data / "esc10", tmp_path / "ESC-50-master")
    # The folder above the archive's.
    places = ["--audio_path", ".", "--npy_path", "npy", "--mr_path", "mr", "--info_path", "."]
    assert main(["preprocess", "--config", CONFIG, *places, "--fold", "2"]) == 0
    manifest = read_manifest(Path("mr"))
    assert manifest.class_names == tuple(name for _, name in CLASSES.values())
    clips = Counter((clip.set, clip.id.split("/")[-1][0], *clip.labels) for clip in manifest.clips)
    assert clips == {
        ("val" if fold == "2" else "train", fold, name): 8
        for fold in "12345"
        for name in manifest.class_names
    }


def _write_as_esc50(esc10: Path, root: Path) -> None:
    """Lay links to ESC-10 out as ESC-50 is published: its first edition was in OGG."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    for folder, (target, category) in CLASSES.items():
        for path in sorted((esc10 / folder).glob("*.ogg")):
            fold, source, take = path.stem.split("-")
            name = f"{path.stem}-{target}"
            rows.append(f"{name}.wav,{fold},{target},{category},True,{source},{take}")
            (root / "audio" / f"{name}.ogg").symlink_to(path)
    (root / "meta" / "esc50.csv").write_text("\n".join([*rows, ""]))
