"""From an audio file to the log-mel spectrogram the network sees."""

from fcn4_dist.audio.cache import FeatureCache, Outcome
from fcn4_dist.audio.extraction import (
    ClipFeature,
    FeatureIndex,
    discard_feature_index,
    extract_feature,
    extract_features,
    read_feature_index,
)
from fcn4_dist.audio.features import (
    LONGEST_SECONDS,
    FeatureParameters,
    LogMel,
    limit_range,
    window_starts,
)
from fcn4_dist.audio.waveform import (
    UndecodableClipError,
    fit_to_window,
    load_waveform,
    load_window,
    open_audio,
    resample_blocks,
    silence_decoders,
)
