#!/usr/bin/env bash
# Runs the real clients against a running service; arguments go to pytest (a file, -k NAME).
#
# The clients come from PyPI into virtual environments below target/, which are made anew only when their pinned
# requirements change. The program under test is MAGNUM_BIN, by default target/debug/magnum.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

environment() {
    local name=$1 folder=$target/clients-$1 wanted begun=$SECONDS
    flock 8
    wanted=$(python3 -c 'import sys; print(sys.version)'; cat "$here/requirements-$name.txt")
    if [ "$wanted" = "$(cat "$folder/made-from" 2>/dev/null || true)" ]; then return; fi
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements-$name.txt"
    printf '%s\n' "$wanted" >"$folder/made-from"
    echo "clients: installed the $name clients ($((SECONDS - begun)) s)"
}

# Somebody else may be making them.
mkdir -p "$target"
exec 8>"$target/clients.lock"
environment current
environment queens
environment schemathesis
flock -u 8
exec 8>&-
export MAGNUM_BIN=${MAGNUM_BIN:-$target/debug/magnum}
export MAGNUM_CLIENTS_CURRENT=$target/clients-current/bin MAGNUM_CLIENTS_QUEENS=$target/clients-queens/bin
export MAGNUM_CLIENTS_SCHEMATHESIS=$target/clients-schemathesis/bin
[ -x "$MAGNUM_BIN" ] || { echo "clients: $MAGNUM_BIN is missing; run: cargo build" >&2; exit 1; }
cd "$root"
tests=("$here")
for argument in "$@"; do
    [ ! -e "${argument%%::*}" ] || tests=()
done
# Two files at a time, in two processes with a service each.
set -- -n 2 --dist loadfile "$@"
PYTHONDONTWRITEBYTECODE=1 exec "$target/clients-current/bin/python" -m pytest -p no:cacheprovider -W ignore --tb=short --durations=5 "${tests[@]}" "$@"
