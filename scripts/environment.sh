# Sets up .venv for quickstart.sh and run_tests.sh; not a command of its own.
# shellcheck shell=bash

# Makes .venv and installs the given requirements files, unless that was done before.
ensure_environment() {
    local python stamp wanted
    python="$(find_python)"
    if [[ ! -x "$REPOSITORY/.venv/bin/python" ]]; then
        echo "\$ $python -m venv .venv"
        "$python" -m venv "$REPOSITORY/.venv" ||
            fail "'$python -m venv' failed: on Debian and Ubuntu, apt install python3-venv"
    fi
    export PATH="$REPOSITORY/.venv/bin:$PATH"
    stamp="$REPOSITORY/.venv/installed-requirements"
    wanted="$(cat "$@" "$REPOSITORY/setup.py")"
    if [[ -f "$stamp" && "$(cat "$stamp")" == "$wanted" ]]; then
        echo "using the environment in .venv"
        return
    fi
    local files=()
    for file in "$@"; do files+=(--requirement "$file"); done
    echo "\$ pip install ${files[*]}   (3 GB on disk, once)"
    python -m pip install --quiet --disable-pip-version-check "${files[@]}"
    python -m pip install --quiet --disable-pip-version-check --no-deps --editable "$REPOSITORY"
    echo "$wanted" >"$stamp"
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
