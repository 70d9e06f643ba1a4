# Shared by the scripts of this folder; not a command of its own.
# shellcheck shell=bash

REPOSITORY="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() {
    echo "$(basename "$0"): error: $*" >&2
    exit 2
}

# The text between the script's second line and its first line of code is its usage.
usage() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

show_usage_if_asked() {
    local argument
    for argument in "$@"; do
        if [[ "$argument" == -h || "$argument" == --help ]]; then
            usage
            exit 0
        fi
    done
}

# Runs fcn4-dist with the Python that is active, from the checkout, installed or not.
fcn4_dist() {
    local python folder folders path=""
    python="$(command -v python || command -v python3)" ||
        fail "there is no python on the PATH: activate the environment that has MindSpore"
    # Python would look for modules in the working directory with an empty entry of PYTHONPATH, and
    # where it is not started by a path.
    IFS=: read -r -a folders <<<"${PYTHONPATH-}"
    for folder in "${folders[@]}"; do
        if [[ -n "$folder" ]]; then path+="${path:+:}$folder"; fi
    done
    PYTHONPATH="$path" exec "$python" "$REPOSITORY/fcn4_dist/__main__.py" "$@"
}

# Sorts [DEVICE_NUM] [CONFIG] [--name value ...] into DEVICE_NUM, CONFIG and FLAGS.
read_arguments() {
    DEVICE_NUM=""
    FLAGS=()
    if [[ "${1-}" =~ ^[0-9]+$ ]]; then
        DEVICE_NUM="$1"
        shift
    fi
    if [[ "${1-}" =~ \.(yaml|yml|YAML|YML)$ ]]; then
        FLAGS=(--config "$1")
        shift
    fi
    if [[ $# -gt 0 && "$1" != --* ]]; then
        fail "'$1' is not understood; '$(basename "$0") --help' tells what there is"
    fi
    FLAGS+=("$@")
}

# Sorts [RANK_TABLE_FILE] [DEVICE_NUM] [CONFIG] [--name value ...] into FLAGS.
read_launch_arguments() {
    local table=()
    # Whatever is there and is no settings file is taken for the table, and checked as one.
    if [[ "${1-}" == *.json || ( -e "${1-}" && ! "$1" =~ ^[0-9]+$|\.(yaml|yml|YAML|YML)$ ) ]]; then
        table=(--rank_table_file "$1")
        shift
    fi
    read_arguments "$@"
    FLAGS+=("${table[@]}")
    [[ -z "$DEVICE_NUM" ]] || FLAGS+=(--device_num "$DEVICE_NUM")
}
