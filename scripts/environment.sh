# Sets up .venv for quickstart.sh and run_tests.sh; not a command of its own.
# shellcheck shell=bash

# Makes .venv and installs the given requirements files, those that were not installed before.
ensure_environment() {
    local python file missing=()
    python="$(find_python)"
    if [[ ! -x "$REPOSITORY/.venv/bin/python" ]]; then
        echo "\$ $python -m venv .venv"
        "$python" -m venv "$REPOSITORY/.venv" ||
            fail "'$python -m venv' failed: on Debian and Ubuntu, apt install python3-venv"
    fi
    export PATH="$REPOSITORY/.venv/bin:$PATH"
    for file in "$@"; do
        cmp --quiet "$file" "$REPOSITORY/.venv/installed-$file" || missing+=("$file")
    done
    if [[ ${#missing[@]} -eq 0 ]]; then
        echo "using the environment in .venv"
        return
    fi
    for file in "${missing[@]}"; do
        echo "\$ pip install --requirement $file   (3 GB on disk in all, once)"
        python -m pip install --quiet --disable-pip-version-check --requirement "$file"
    done
    python -m pip install --quiet --disable-pip-version-check --no-deps --editable "$REPOSITORY"
    for file in "${missing[@]}"; do cp "$file" "$REPOSITORY/.venv/installed-$file"; done
}

find_python() {
    local candidate
    for candidate in python3.11 python3 python; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
            command -v "$candidate"
            return
        fi
    done
    fail "the pinned requirements are for Python 3.11, and there is none on the PATH: install it"
}
