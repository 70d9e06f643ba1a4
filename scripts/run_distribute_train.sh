#!/usr/bin/env bash
# Train FCN-4 on several Ascend cards, of this host or of several, or on several CPU processes.
#
# Usage: bash scripts/run_distribute_train.sh [RANK_TABLE_FILE] [DEVICE_NUM] [CONFIG] [--name value ...]
#
#   RANK_TABLE_FILE  HCCL rank table (.json); one host needs none, see rank_table/README.md
#   DEVICE_NUM       workers on this host; default: those of the rank table, else one a card
#   CONFIG           YAML file of settings (configs/*.yaml); default: the documented settings
#   --name value     any setting, wins over CONFIG; 'fcn4-dist train --help' explains them
#   --devices 4-7    the cards to use; --dry_run prints what would be started
#   --nnodes 2 --node_rank 0 --master_addr ADDRESS [--master_port PORT]
#                    on several hosts: the same on each, with its own --node_rank; ADDRESS is that
#                    of node 0. Settings are given on node 0 only.
#                    Under Slurm (srun, one a node) and in pods of an AscendJob none is needed.
#   'fcn4-dist launch --help' explains these.
#
# Examples: bash scripts/run_distribute_train.sh 8 configs/gtzan.yaml
#           bash scripts/run_distribute_train.sh 2 configs/quickstart.yaml --device_target CPU
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

show_usage_if_asked "$@"
read_launch_arguments "$@"
fcn4_dist launch train "${FLAGS[@]}"
