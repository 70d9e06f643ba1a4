"""MindRecord shards and the manifest that says what is in them.

Writing them, which needs MindSpore, is in :mod:`fcn4_dist.records.writing`.
"""

from fcn4_dist.records.known_shards import check_shards
from fcn4_dist.records.manifest import (
    Manifest,
    RecordSet,
    Shard,
    read_manifest,
    set_of_file,
)
from fcn4_dist.records.rows import ClipRow, ClipRows
from fcn4_dist.records.verification import (
    check_against_settings,
    file_faults,
    foreign_files,
    manifest_faults,
    row_faults,
)
