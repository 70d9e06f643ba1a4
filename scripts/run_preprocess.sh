#!/usr/bin/env bash
# Turn a collection of audio into MindRecord shards and their manifest.
#
# Usage: bash scripts/run_preprocess.sh [CONFIG] [--name value ...]
#
#   CONFIG        YAML file of settings (configs/*.yaml); default: the documented settings
#   --name value  any setting, wins over CONFIG; 'fcn4-dist preprocess --help' explains them
#
# Example: bash scripts/run_preprocess.sh configs/gtzan.yaml --audio_path data/genres_original
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

show_usage_if_asked "$@"
read_arguments "$@"
[[ -z "$DEVICE_NUM" ]] || fail "preprocessing needs no device: leave out '$DEVICE_NUM'"
fcn4_dist preprocess "${FLAGS[@]}"
