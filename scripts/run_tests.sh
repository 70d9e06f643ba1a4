#!/usr/bin/env bash
# Run the tests. Sets up .venv as quickstart.sh does, with the tools of the tests besides.
#
# Usage: bash scripts/run_tests.sh [PYTEST ARGUMENTS ...]
#
# Without arguments: linter, type checker, the contracts of imports, what is in an archive of the
# sources, then all tests but the slow proofs ('-m slow'), by a process for each core; with
# arguments, pytest alone, by one process.
# Tests on larger real audio read the folder named by FCN4_TEST_DATA, and are skipped, saying so,
# where it is unset.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if [[ "${1-}" == --help ]]; then
    usage
    exit 0
fi
cd "$REPOSITORY"
ensure_environment requirements.txt requirements-test.txt
if [[ $# -gt 0 ]]; then
    exec python -m pytest "$@"
fi
ruff format --check .
ruff check .
mypy
lint-imports --no-logo
# What an archive of the sources holds; one that is unpacked has nothing to hold it against.
[[ ! -e .git ]] || check-manifest --no-build-isolation
# A file is tested by one process, since its tests share real jobs, and in the order of the names:
# short ones fill up the end. More than four processes, each with jobs of several ranks, may take
# more memory than there is.
python -m pytest -m "not slow" \
    -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
