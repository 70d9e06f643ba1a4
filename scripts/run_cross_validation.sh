#!/usr/bin/env bash
# Cross-validate: preprocess, train and score every fold, then print one table. The folds are those
# that were published with the collection (or its published splits), else they are drawn.
#
# Usage: bash scripts/run_cross_validation.sh [DEVICE_NUM] [CONFIG] [--name value ...]
#
#   DEVICE_NUM     workers of each training and evaluation; default: one
#   CONFIG         YAML file of settings (configs/*.yaml); default: the documented settings
#   --name value   any setting, wins over CONFIG; 'fcn4-dist cross-validate --help' explains them
#   --folds 5      how many folds to draw, where none were published
#   --split kfold  draw them in any case
#   --run_dir DIR  folder of all of it; default: a new one, runs/cross-validate-TIME. Given again,
#                  with the same settings, it goes on where it was stopped.
#
# Each fold is scored with the last checkpoint of its training: the best one would be chosen by the
# very clips it is scored on, and flatter.
#
# Example: bash scripts/run_cross_validation.sh 8 configs/gtzan_recipe.yaml --run_dir runs/cv
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

show_usage_if_asked "$@"
read_arguments "$@"
[[ -z "$DEVICE_NUM" ]] || FLAGS+=(--device_num "$DEVICE_NUM")
fcn4_dist cross-validate "${FLAGS[@]}"
