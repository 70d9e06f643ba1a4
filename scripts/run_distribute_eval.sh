#!/usr/bin/env bash
# Score the validation shards on several workers of this host: one for each card, or CPU processes.
#
# Usage: bash scripts/run_distribute_eval.sh DEVICE_NUM [CONFIG] [--name value ...]
#
#   DEVICE_NUM    number of workers
#   CONFIG        YAML file of settings (configs/*.yaml); default: the documented settings
#   --name value  any setting, wins over CONFIG; 'fcn4-dist eval --help' explains them
#
# Example: bash scripts/run_distribute_eval.sh 2 configs/quickstart.yaml --device_target CPU
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

show_usage_if_asked "$@"
read_arguments "$@"
[[ -n "$DEVICE_NUM" ]] || fail "give the number of workers first, as in '$(basename "$0") 8'"
fcn4_dist launch --device_num "$DEVICE_NUM" eval "${FLAGS[@]}"
