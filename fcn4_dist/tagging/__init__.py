"""Tags of whole songs: read, cut into windows, scored, and what is heard when."""

from fcn4_dist.clips.class_names import parse_class_names
from fcn4_dist.tagging.columns import MOST_COLUMNS, fewer_columns
from fcn4_dist.tagging.loading import find_checkpoint, load_network
from fcn4_dist.tagging.model_description import ModelDescription, Network, describe_checkpoint
from fcn4_dist.tagging.song_reading import (
    CLIP_TIMEOUT,
    SILENCE_LEVEL,
    Song,
    SongEnd,
    SongReader,
    SongWindows,
    UnreadSong,
    read_songs,
)
from fcn4_dist.tagging.song_tags import SongTags
from fcn4_dist.tagging.tagger import Tagger
