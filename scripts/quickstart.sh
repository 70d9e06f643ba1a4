#!/usr/bin/env bash
# The whole job on this machine, without any card: a small made music collection is preprocessed,
# trained on by two CPU workers, scored by two CPU workers, and reported on one page. Works in the
# folder quickstart/.
#
# Usage: bash scripts/quickstart.sh
#
# The first run makes .venv and installs the pinned requirements; later runs use them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

show_usage_if_asked "$@"
[[ $# -eq 0 ]] || fail "quickstart.sh takes no arguments, got '$1'"
cd "$REPOSITORY"

run() {
    echo
    echo "\$ $*"
    "$@"
}

# What an earlier quickstart has left stays, beside this one's.
for job in train eval; do
    if [[ -d quickstart/$job ]]; then
        mv "quickstart/$job" "quickstart/$job-until-$(date +%Y%m%d-%H%M%S)"
    fi
done
ensure_environment requirements.txt
run fcn4-dist synth --config configs/quickstart.yaml --clips_per_class 30 --synth_seconds 10
run bash scripts/run_preprocess.sh configs/quickstart.yaml
run bash scripts/run_distribute_train.sh 2 configs/quickstart.yaml --run_dir quickstart/train
run bash scripts/run_distribute_eval.sh 2 configs/quickstart.yaml --run_dir quickstart/eval
run fcn4-dist report quickstart/train --output quickstart/report.html
cat <<'TEXT'

What is where:
  quickstart/genres_original/        the made clips, ten genres: listen to them
  quickstart/mindrecord/             MindRecord shards, and manifest.json that tells what is in them
  quickstart/weight/                 checkpoints
  quickstart/train/, quickstart/eval/  settings and logs of the two jobs
  quickstart/eval/predictions.csv    the score of every validation clip for every genre
  quickstart/eval/metrics.json       the table above
  quickstart/report.html             curves, scores, confusion matrix, mistakes: open it in a browser
TEXT
