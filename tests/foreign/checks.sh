# What the scripts here begin and end with; sourced by them after `here` is set.
#
# Gives $root, $programs (what `make build` builds, in CARGO_TARGET_DIR), $python (PYTHON names another interpreter) and
# $work, a folder that is gone at the end; missing, accepts, rejects and summary.
set -u
root=$(cd "$here/../.." && pwd)
programs=${CARGO_TARGET_DIR:-$root/target}/debug
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

# missing TOOL WHERE_FROM: ends with 2
missing() {
    echo "missing: $1 ($2)" >&2
    exit 2
}
# The last thing that was said, but for what Go says of the exit code.
last() {
    grep -v '^exit status' "$work/out" | tail -n 1 | cut -c1-160
}
# accepts WHAT COMMAND... / rejects WHAT COMMAND...
accepts() {
    what=$1
    shift
    checks=$((checks + 1))
    if "$@" >"$work/out" 2>&1; then
        echo "ok       accepts $what: $(last)"
    else
        failures=$((failures + 1))
        echo "FAILED   does not accept $what:"
        tail -n 20 "$work/out" | sed 's/^/         /'
    fi
}
rejects() {
    what=$1
    shift
    checks=$((checks + 1))
    if "$@" >"$work/out" 2>&1; then
        failures=$((failures + 1))
        echo "FAILED   accepts $what"
    else
        echo "ok       rejects $what: $(last)"
    fi
}
# The last command of a script: its exit code is the script's.
summary() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
}
