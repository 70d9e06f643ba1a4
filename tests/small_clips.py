"""The small real clips that the tests hold, and how they are preprocessed."""

import shutil
from pathlib import Path

from fcn4_dist.audio import FeatureParameters

REAL_CLIPS = Path(__file__).parent / "data" / "clips"

SMALL_FEATURES = FeatureParameters(
    sample_rate=12000,
    clip_seconds=1.5,
    n_fft=512,
    hop_length=96,
    n_mels=32,
    log_mel="amplitude_to_db",
)


def small_clip_flags() -> dict[str, str]:
    """Flags that say of the shards of the real clips what is not at its default."""
    flags = {name: str(value) for name, value in SMALL_FEATURES.as_dict().items()}
    return flags | {"window_seconds": flags.pop("clip_seconds"), "num_classes": "3"}


def publish_as_esc50(folder: Path, folds: tuple[int, ...] = (1, 2, 4)) -> Path:
    """Put the real clips into a new folder in the form in which ESC-50 is published."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for name in ("meta", "audio"):
        (folder / name).mkdir(parents=True)
    for target, name in {0: "dog_bark", 1: "rooster", 10: "rain"}.items():
        category = name.removesuffix("_bark")
        for number, path in enumerate(sorted((REAL_CLIPS / name).iterdir())):
            _, source, take = path.stem.split("-")
            fold = folds[number % len(folds)]
            stem = f"{fold}-{source}-{take}-{target}"
            rows.append(f"{stem}.wav,{fold},{target},{category},True,{source},{take}")
            shutil.copy(path, folder / f"audio/{stem}.ogg")
    (folder / "meta/esc50.csv").write_text("\n".join(rows) + "\n")
    return folder
