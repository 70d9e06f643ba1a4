#!/usr/bin/env bash
# Score the validation shards with a checkpoint, on one card or on the CPU.
#
# Usage: bash scripts/run_standalone_eval.sh [CONFIG] [--name value ...]
#
#   CONFIG        YAML file of settings (configs/*.yaml); default: the documented settings
#   --name value  any setting, wins over CONFIG; 'fcn4-dist eval --help' explains them
#
# Example: bash scripts/run_standalone_eval.sh configs/gtzan.yaml --model_name MusicTagger-10_24.ckpt
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

show_usage_if_asked "$@"
read_arguments "$@"
[[ -z "$DEVICE_NUM" ]] || fail "a single-card run takes no number of devices: leave out '$DEVICE_NUM'"
fcn4_dist eval "${FLAGS[@]}"
