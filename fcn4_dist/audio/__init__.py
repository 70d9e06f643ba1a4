"""From an audio file to the log-mel spectrogram the network sees."""

from fcn4_dist.audio.extraction import (
    ClipFeature,
    FeatureIndex,
    extract_features,
    feature_file,
    read_feature_index,
)
from fcn4_dist.audio.features import FeatureParameters, fit_to_window, log_mel_spectrogram
from fcn4_dist.audio.waveform import UndecodableClipError, load_waveform

__all__ = [
    "ClipFeature",
    "FeatureIndex",
    "FeatureParameters",
    "UndecodableClipError",
    "extract_features",
    "feature_file",
    "fit_to_window",
    "load_waveform",
    "log_mel_spectrogram",
    "read_feature_index",
]
