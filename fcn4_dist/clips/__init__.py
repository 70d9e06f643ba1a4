"""Which audio files there are, their labels, and which set each belongs to."""

from fcn4_dist.clips.annotations import write_annotations
from fcn4_dist.clips.collection import ROLES, Clip, Collection, Dataset, fold_title
from fcn4_dist.clips.registry import (
    DATASETS,
    dataset_names,
    find_dataset,
    recognise_dataset,
    subsets,
    tag_lists,
)
from fcn4_dist.clips.rows import annotations_file
from fcn4_dist.clips.sources import choose_fold, choose_for_dataset, read_collection
from fcn4_dist.clips.split import Split, has_published_split, split_clips
