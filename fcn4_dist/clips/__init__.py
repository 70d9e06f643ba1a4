"""Which audio files there are, their labels, and which set each belongs to."""

from fcn4_dist.clips.annotations import (
    Annotations,
    read_annotations,
    write_annotations_of_folder,
)
from fcn4_dist.clips.folder import FolderCollection, list_folder
from fcn4_dist.clips.split import split_clips

__all__ = [
    "Annotations",
    "FolderCollection",
    "list_folder",
    "read_annotations",
    "split_clips",
    "write_annotations_of_folder",
]
