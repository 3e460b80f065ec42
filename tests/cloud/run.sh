#!/usr/bin/env bash
# What `make test-cloud` runs: a real OpenStack, our two processes in it, and clusters driven with the real client.
#
# Ends with one line that has all counts and the time; the exit status is 0 when nothing failed. The cloud is ended unless
# it was running before, or MAGNUM_CLOUD_KEEP is 1. Arguments go to pytest (a file, -k NAME); with any, the contract suite is
# left out and so are the disturbances (MAGNUM_CLOUD_DISTURB=1 has them all the same, 0 never). MAGNUM_CLOUD_MATRIX=1 also
# builds each driver in every combination, which takes half an hour longer. Two runs at a time need a
# cloud each (MAGNUM_CLOUD_DIR, MAGNUM_CLOUD_PORT_OFFSET) and MAGNUM_CLOUD_LOGS.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
logs=${MAGNUM_CLOUD_LOGS:-$target/test-logs/cloud}
# How many clusters are on their way at the same time.
width=${MAGNUM_CLOUD_WIDTH:-4}

say() { printf '%s\n' "$*"; }
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Made anew only when the pinned requirements or Python change.
environment() {
    local folder=$target/cloud-tests wanted
    wanted=$(python3 -c 'import sys; print(sys.version)'; cat "$here/tests/requirements.txt" "$root/tests/clients/requirements-current.txt")
    [ "$wanted" != "$(cat "$folder/made-from" 2>/dev/null || true)" ] || return 0
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$here/tests/requirements.txt"
    printf '%s\n' "$wanted" >"$folder/made-from"
}

# What does not need the cloud, made while it starts.
prepare() {
    environment
    [ -n "${MAGNUM_BIN:-}" ] || (cd "$root" && nice cargo build --quiet)
    [ $# != 0 ] || (cd "$root" && nice cargo test --quiet --test contract --no-run)
}

# `holds WHAT COMMAND...`: one promise of the cloud's own commands.
holds() {
    local what=$1
    shift
    if "$@" >>"$logs/commands.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        say "== $(clock $SECONDS) FAILED: $what; the commands said:"
        cat "$logs/commands.log"
    fi
}

# Neither a service nor what a test has started, all of which have one of the two folders in their command line.
is_down() { ! "$here/status" && ! ls "$state" && ! pgrep -af -- "$state/|$logs/"; }

# A run by itself, so that everything is named that stayed: the same things as before and not one more.
census() {
    say "== $(clock $SECONDS) census"
    if "$here/census" --since "$logs/census.json" >"$logs/left.json"; then
        say "== $(clock $SECONDS) census: ok, nothing is left"
        passed=$((passed + 1))
    else
        say "== $(clock $SECONDS) census: FAILED, this is not as it was before:"
        cat "$logs/left.json"
        failed=$((failed + 1))
    fi
}

end() {
    local status=$?
    trap - EXIT
    if [ "$keep" = no ]; then [ ! -d "$state" ] || "$here/down"; else say "the cloud is kept; its environment: $state/env"; fi
    exit "$status"
}

# `run_tests NAME ARG...`; what they say is in NAME.log.
run_tests() {
    local name=$1 status=0 tests=("$here/tests") argument sums bad
    shift
    for argument in "$@"; do
        [ ! -e "${argument%%::*}" ] || tests=()
    done
    PYTHONDONTWRITEBYTECODE=1 "$target/cloud-tests/bin/python" -m pytest -p no:cacheprovider -W ignore --tb=short \
        --durations=0 "${tests[@]}" "$@" 2>&1 | tee "$logs/$name.log" || status=$?
    # What was asked for by name may all be in the other part.
    if [ "$status" = 5 ] && [ "$named" != 0 ]; then status=0; fi
    sums=$(sed 's/\x1b\[[0-9;]*m//g' "$logs/$name.log" | grep -E '^=+ .* in [0-9.]+s' | tail -n 1)
    passed=$((passed + $(grep -oE '[0-9]+ passed' <<<"$sums" | grep -oE '[0-9]+' || echo 0)))
    bad=$(awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^(failed|errors?)/) sum += $(i - 1) } END { print sum + 0 }' <<<"$sums")
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    failed=$((failed + bad))
}

# The suite that holds the simulation to its promises, here on the real services.
run_contract() {
    local status=0 sums bad
    (cd "$root" && cargo test --quiet --test contract -- --test-threads "$width") >"$logs/contract.log" 2>&1 || status=$?
    sums=$(grep '^test result: ' "$logs/contract.log" | tail -n 1)
    passed=$((passed + $(grep -oE '[0-9]+ passed' <<<"$sums" | grep -oE '[0-9]+' || echo 0)))
    bad=$(grep -oE '[0-9]+ failed' <<<"$sums" | grep -oE '[0-9]+' || echo 0)
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    [ "$bad" = 0 ] || tail -n 200 "$logs/contract.log"
    say "== $(clock $SECONDS) contract: ${sums:-no result, see $logs/contract.log}"
    failed=$((failed + bad))
}

main() {
    command -v cargo >/dev/null || { say 'cargo is missing: install Rust (rustup), then run this again'; exit 1; }
    rm -rf "$logs"
    mkdir -p "$logs"
    "$root/tests/services.sh" tools
    passed=0 failed=0 keep=no named=$#
    state=${MAGNUM_CLOUD_DIR:-$target/cloud}
    if [ "${MAGNUM_CLOUD_KEEP:-0}" = 1 ] || { [ -f "$state/env" ] && "$here/status" >/dev/null 2>&1; }; then keep=yes; fi

    say "== $(clock $SECONDS) cloud"
    trap end EXIT
    trap 'exit 130' INT TERM HUP
    prepare "$@" >"$logs/prepare.log" 2>&1 &
    if [ "$keep" = yes ]; then "$here/up" >"$logs/up.log"; else "$here/up" --for $$ >"$logs/up.log"; fi
    wait $! || { cat "$logs/prepare.log"; say 'cloud: the service or the clients could not be made'; exit 1; }
    holds 'every service answers' "$here/status"
    holds 'a second up finds all there' timeout 60 "$here/up"
    say "== $(clock $SECONDS) cloud: ok"
    export TEST_CLOUD_ENV=$state/env MAGNUM_CLOUD_RUN=$logs MAGNUM_BIN=${MAGNUM_BIN:-$target/debug/magnum}
    "$here/census" >"$logs/census.json"
    if [ $# = 0 ]; then
        say "== $(clock $SECONDS) contract tests"
        run_contract
    fi
    say "== $(clock $SECONDS) clusters, $width at a time"
    local chosen='not disturbs and not matrix'
    [ "${MAGNUM_CLOUD_MATRIX:-0}" = 0 ] || chosen='not disturbs'
    run_tests pytest -m "$chosen" --dist load --maxschedchunk 1 -n "$width" "$@"
    if [ "${MAGNUM_CLOUD_DISTURB:-$(($# == 0))}" = 1 ]; then
        say "== $(clock $SECONDS) disturbances, one at a time"
        MAGNUM_CLOUD_RUN=$logs/disturbed \
            MAGNUM_CLOUD_OVERRIDES="OS_CERTIFICATES__CERT_MANAGER_TYPE=barbican OS_MAGNUM_RS__OPERATION_LEASE=15 OS_MAGNUM_RS__STALLED_STACK_TIME=45 OS_CINDER__DEFAULT_DOCKER_VOLUME_TYPE= OS_CLUSTER__ETCD_DISCOVERY_SERVICE_ENDPOINT_FORMAT=built-in" \
            run_tests disturbed -m disturbs "$@"
    fi
    census
    if [ "$keep" = no ]; then
        holds 'the cloud ends and leaves nothing' "$here/down"
        holds 'no service is left' is_down
    fi
    say "cloud: $passed passed, $failed failed in $(clock $SECONDS)"
    return $((failed > 0))
}

# Read as a whole before anything runs, so that the file may change meanwhile.
main "$@"
