"""Rank tables: which card of which server has which rank, as HCCL reads it."""

from fcn4_dist.rank_table.checking import check_rank_table, read_rank_table
from fcn4_dist.rank_table.entries import TableState, state_of_table
from fcn4_dist.rank_table.making import (
    generate_rank_table,
    generated_name,
    merge_rank_tables,
    merged_name,
)
from fcn4_dist.rank_table.table import Device, RankTable, Server
