"""Rank tables: which card of which server has which rank, as HCCL reads it."""

from fcn4_dist.rank_table.checking import (
    GENERATIONS,
    check_rank_table,
    read_rank_table,
)
from fcn4_dist.rank_table.generation import generate_rank_table, generated_name
from fcn4_dist.rank_table.merging import merge_rank_tables, merged_name
from fcn4_dist.rank_table.report import Finding, Report
from fcn4_dist.rank_table.table import Device, RankTable, Server

__all__ = [
    "GENERATIONS",
    "Device",
    "Finding",
    "RankTable",
    "Report",
    "Server",
    "check_rank_table",
    "generate_rank_table",
    "generated_name",
    "merge_rank_tables",
    "merged_name",
    "read_rank_table",
]
