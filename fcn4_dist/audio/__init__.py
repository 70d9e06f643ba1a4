"""From an audio file to the log-mel spectrogram the network sees."""

from fcn4_dist.audio.cache import FeatureCache, Outcome
from fcn4_dist.audio.decoding import UndecodableClipError, open_audio, silence_decoders
from fcn4_dist.audio.extraction import (
    INDEX_NAME,
    ClipFeature,
    FeatureIndex,
    discard_feature_index,
    extract_feature,
    extract_features,
    read_feature_index,
)
from fcn4_dist.audio.features import (
    LONGEST_SECONDS,
    DecibelStream,
    FeatureParameters,
    LogMel,
    empty_bands,
    limit_range,
    mel_filters,
    window_starts,
)
from fcn4_dist.audio.known_audio import KnownAudio
from fcn4_dist.audio.level import LOUDEST_SINE_DBFS, REMARKS, Level, level_dbfs
from fcn4_dist.audio.waveform import (
    Sound,
    fit_to_window,
    load_waveform,
    load_window,
    open_sound,
    resample_blocks,
)
