#!/usr/bin/env bash
# Train FCN-4 on one card, or on the CPU.
#
# Usage: bash scripts/run_standalone_train.sh [CONFIG] [--name value ...]
#
#   CONFIG        YAML file of settings (configs/*.yaml); default: the documented settings
#   --name value  any setting, wins over CONFIG; 'fcn4-dist train --help' explains them
#
# Example: bash scripts/run_standalone_train.sh configs/gtzan.yaml --device_id 3
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

show_usage_if_asked "$@"
read_arguments "$@"
[[ -z "$DEVICE_NUM" ]] || fail "a single-card run takes no number of devices: leave out '$DEVICE_NUM'"
fcn4_dist train "${FLAGS[@]}"
