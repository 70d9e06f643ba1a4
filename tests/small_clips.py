"""The small real clips that the tests hold, and how they are preprocessed."""

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
