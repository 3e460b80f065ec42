#!/usr/bin/env bash
# What `make test` runs: the checks and every test, each part with its time, and one closing line with all counts.
#
# All parts run even when one fails, so that one run tells everything; the exit status is then 1. Servers that were
# started for it end with it, also on Ctrl-C or when this script is killed.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'TEXT'
tests/run.sh [PART...]     default: all parts in this order

  format    rustfmt on every .rs file, shellcheck on every script
  lint      clippy on all crates and their tests, warnings are errors
  rust      all Rust tests; needs MariaDB, PostgreSQL and RabbitMQ, see tests/services.sh
  mysql     the tests of the API and the conductor once more on MariaDB and RabbitMQ, the longest left out
  postgres  the same on PostgreSQL and RabbitMQ
  clients   the real OpenStack clients
  nodes     the nodes' own scripts with real etcds, dockers and ZooKeepers in network namespaces; skipped where one is not root
  readme    the commands of README.md

The full output of each part is kept in target/test-logs/PART.log.
TEXT
}

for part in "$@"; do
    case $part in
        format | lint | rust | mysql | postgres | clients | nodes | readme) ;;
        *) usage && exit 2 ;;
    esac
done
[ $# -gt 0 ] || set -- format lint rust mysql postgres clients nodes readme

target=${CARGO_TARGET_DIR:-$PWD/target}
logs=$target/test-logs
mkdir -p "$logs"
passed=0
failed=0
skipped=0

say() { printf '%s\n' "$*"; }
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Every source file that is or could be tracked; outside a git checkout every one there is.
files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
    else
        find . -path ./target -prune -o -type f \( "${find_names[@]}" \) -print
    fi
}

run_format() {
    # By file, because the modules that a build script finds are invisible to `cargo fmt`.
    local find_names=(-name '*.rs') edition
    edition=$(sed -n 's/^edition = "\(.*\)"/\1/p' Cargo.toml)
    files '*.rs' | xargs rustfmt --check --edition "$edition"
    find_names=(-name '*.sh' -o -path ./.ci/run)
    files '*.sh' .ci/run | xargs grep -lE '^#!.*sh' | xargs shellcheck
}

run_lint() { cargo clippy --quiet --workspace --all-targets -- -D warnings; }

# Names of tests that need more of a server than its URL: where it was given, they are skipped.
not_for_given_servers() {
    [ -n "${TEST_RABBIT_KILL:-}" ] || printf '%s\n' --skip alone::
    [ -n "${TEST_MYSQL_CA:-}" ] || printf '%s\n' --skip mysql_over_tls_
    [ -n "${TEST_POSTGRES_CA:-}" ] || printf '%s\n' --skip postgres_over_tls_
}

# Tests speak to servers of their own: reading all of the machine's authorities for every HTTP client, which takes longer than
# many a test, would be for nothing. Not for cargo, which may have to fetch something.
without_authorities() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${host}_RUNNER=env SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/dev/null"
}

# Most of a test's time is the simulated cloud's, in which nothing is to be done.
nextest=(--no-fail-fast --status-level slow --final-status-level fail --test-threads $((2 * $(nproc))))

# One `cargo` invocation for the whole workspace: another selection of packages would build dependencies again.
run_rust() {
    local left_out
    without_authorities
    readarray -t left_out < <(not_for_given_servers)
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace "${nextest[@]}" -- "${left_out[@]}"
        cargo test --quiet --workspace --doc
    else
        cargo test --workspace --no-fail-fast -- "${left_out[@]}"
    fi
}

# The tests of the API and the conductor that say most about the database, on a server and ringing over the broker. The
# other crash tests take minutes and run on files only.
run_on() {
    local tests=(clusters:: refusals:: flows:: mishaps:: unfit:: crash::a_create_ crash::a_delete_takes_over_)
    local -x TEST_DATABASE_URL=$1 TEST_TRANSPORT_URL=$TEST_RABBIT_URL
    without_authorities
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --test it "${nextest[@]}" -- "${tests[@]}"
    else
        cargo test --workspace --test it --no-fail-fast -- "${tests[@]}"
    fi
}

run_mysql() { run_on "$TEST_MYSQL_URL"; }
run_postgres() { run_on "$TEST_POSTGRES_URL"; }

run_clients() {
    # Without it the test with that client is skipped.
    [ "$(id -u)" != 0 ] || tests/services.sh gophercloud
    tests/clients/run.sh --ignore=tests/clients/test_readme.py
}

run_nodes() {
    if [ "$(id -u)" != 0 ]; then
        say 'test result: skipped, because namespaces and daemons need root. 0 passed; 0 failed; 6 ignored;'
        return
    fi
    cargo build --quiet
    tests/nodes/run.sh etcd atomic swarm legacy zookeeper discovery
    say 'test result: ok. 6 passed; 0 failed; 0 ignored;'
}

run_readme() { tests/clients/run.sh tests/clients/test_readme.py; }

# Adds up what the runners say of themselves; a part without a runner counts as one check.
count() {
    local log=$1 status=$2 sums
    sums=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
        function number(word,   found) { return match($0, "[0-9]+ " word) ? substr($0, RSTART, RLENGTH) + 0 : 0 }
        /^ *Summary \[.*tests? run:/ || /^test result: / || /^=+ .*(passed|failed|error).* in [0-9.]+s/ {
            passed += number("passed"); failed += number("failed") + number("timed out") + number("error")
            skipped += number("skipped") + number("ignored"); seen = 1
        }
        END { print passed + 0, failed + 0, skipped + 0, seen + 0 }')
    read -r ok bad left seen <<<"$sums"
    if [ "$seen" = 0 ] && [ "$status" = 0 ]; then ok=1; fi
    if [ "$bad" = 0 ] && [ "$status" != 0 ]; then bad=1; fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
}

# The nodes' tests and README's commands mostly wait, so they run beside the clients' when these are asked for as well; in a
# session of their own, which ends with this script. The clients' environments are there when README's turn comes.
beside_pid=
begin_beside() {
    local part beside=()
    for part in "$@"; do
        case $part in nodes | readme) beside+=("$part") ;; esac
    done
    [ ${#beside[@]} -gt 0 ] || return 0
    # Both install packages, which is done one after the other; what goes wrong here is told by the clients' part.
    [ "$(id -u)" != 0 ] || tests/services.sh gophercloud >/dev/null 2>&1 || true
    rm -f "$logs"/{nodes,readme}.status
    setsid tests/run.sh "${beside[@]}" >"$logs/beside.out" 2>&1 </dev/null &
    beside_pid=$!
}

end_beside() { [ -z "$beside_pid" ] || kill -- "-$beside_pid" 2>/dev/null || true; }

await_beside() {
    [ -z "$beside_pid" ] || wait "$beside_pid"
    cat "$logs/$1.log"
    return "$(cat "$logs/$1.status" || echo 1)"
}

run_part() {
    local part=$1 begun=$SECONDS status ok bad left seen
    say "== $(clock $SECONDS) $part"
    # Not as a condition (`if`, `||`): inside one the shell would go on after a failed command.
    set +e
    if [[ "$part" = @(nodes|readme) && -n $beside_pid ]]; then
        await_beside "$part"
        status=$?
    else
        (set -e; "run_$part") 2>&1 | tee "$logs/$part.log"
        status=${PIPESTATUS[0]}
    fi
    set -e
    echo "$status" >"$logs/$part.status"
    count "$logs/$part.log" "$status"
    if [ "$status" = 0 ]; then
        say "== $(clock $SECONDS) $part: ok, $ok passed, $((SECONDS - begun)) s"
    else
        say "== $(clock $SECONDS) $part: FAILED, $ok passed, $bad failed, $((SECONDS - begun)) s"
    fi
}

start_servers() {
    local begun=$SECONDS lines
    say "== $(clock $SECONDS) servers"
    export MAGNUM_SERVICES_DIR=$target/services.$$
    trap 'end_beside; tests/services.sh down' EXIT
    lines=$(tests/services.sh up --for $$)
    eval "$lines"
    say "== $(clock $SECONDS) servers: ok, $((SECONDS - begun)) s"
}

command -v cargo >/dev/null || { say 'cargo is missing: install Rust (rustup), then run this again'; exit 1; }
tests/services.sh tools
trap end_beside EXIT
trap 'exit 130' INT TERM HUP
case " $* " in
    *' rust '* | *' mysql '* | *' postgres '*) start_servers ;;
esac
for part in "$@"; do
    [ "$part" != clients ] || begin_beside "$@"
    run_part "$part"
done

say "== $(clock $SECONDS) all parts done"
if [ $skipped -gt 0 ]; then
    say "$passed passed, $failed failed, $skipped skipped"
else
    say "$passed passed, $failed failed"
fi
[ $failed = 0 ]
