# shellcheck shell=bash
# shellcheck disable=SC2034  # what is defined here is used in the other files
# What the commands of the test cloud share: the private folder, processes, bounded waits, ports, passwords, rendering.
#
# Promises: every process is known by its id together with its start time, so that a reused id is never taken for ours;
# every wait has an end, and when it ends in vain it says what was waited for and shows the last lines of the log;
# nothing outside the private folder is written.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
state=${MAGNUM_CLOUD_DIR:-${CARGO_TARGET_DIR:-$root/target}/cloud}
[[ $state == /* ]] || state=$PWD/$state
[[ $state != *[[:space:]]* ]] || { echo "cloud: the private folder $state has a space in its name; MAGNUM_CLOUD_DIR names another" >&2; exit 1; }
region=RegionOne
compute_host=node-1

say() { printf 'cloud: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

show_log() {
    [ -s "$state/log/$1.log" ] || return 0
    say "the last lines of $state/log/$1.log:"
    tail -n "${2:-20}" "$state/log/$1.log" >&2
}

require_cloud() { [ -f "$state/secret" ] || die "no cloud in $state: run tests/cloud/up"; }

# --- Processes --------------------------------------------------------------------------------------------------

# Sets `fields` to what the kernel says of a process from its state on: 0 is the state, 3 the session, 19 the start time
# in clock ticks. Without a fork, because it is asked for every process of the machine; one that ends meanwhile has none.
read_process() {
    local line=''
    { IFS= read -r -d '' line <"/proc/$1/stat"; } 2>/dev/null || [ -n "$line" ] || return 1
    read -r -a fields <<<"${line##*) }"
}

started_at() {
    local fields
    read_process "$1" && echo "${fields[19]}"
}

pid_of() {
    local pid start fields
    [ -f "$state/run/$1.pid" ] || return 1
    read -r pid start <"$state/run/$1.pid" || return 1
    read_process "$pid" || return 1
    [ "${fields[19]}" = "$start" ] && [ "${fields[0]}" != Z ] || return 1
    echo "$pid"
}

gone() { ! pid_of "$1" >/dev/null; }

# Starts a command in a session of its own: neither a Ctrl-C meant for the tests nor the end of a terminal reaches it.
# The environment is made anew, so that no proxy, PYTHONPATH or OS_* variable of the caller gets in.
launch() {
    local name=$1 pid
    shift
    mkdir -p "$state/data/$name"
    (cd "$state/data/$name" && exec setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        HOME="$state/data/$name" PYTHONWARNINGS=ignore "$@" </dev/null >>"$state/log/$name.log" 2>&1 9>&-) &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$state/run/$name.pid"
    stat -c %s "$state/log/$name.log" >"$state/run/$name.offset" 2>/dev/null || echo 0 >"$state/run/$name.offset"
}

# What a service has logged since it was started last.
log_since_start() { tail -c "+$(($(<"$state/run/$1.offset") + 1))" "$state/log/$1.log"; }

# All processes of a service's session: workers, and the daemon below a shell. Zombies are not counted.
session_of() {
    local leader=$1 pid fields
    for pid in /proc/[0-9]*; do
        pid=${pid#/proc/}
        read_process "$pid" || continue
        if [ "${fields[3]}" = "$leader" ] && [ "${fields[0]}" != Z ]; then echo "$pid"; fi
    done
}

# KILL, STOP and CONT mean the whole session; an orderly end is the business of the first process alone.
signal() {
    local name=$1 signal=$2 pid members=()
    pid=$(pid_of "$name") || return 0
    case $signal in
        KILL | STOP | CONT) mapfile -t members < <(session_of "$pid") ;;
        *) members=("$pid") ;;
    esac
    kill -s "$signal" "${members[@]}" 2>/dev/null || true
}

# Ends a service: orderly within the given seconds, else at once, and whatever is left of its session.
end_service() {
    local name=$1 patience=${2:-10} pid end leftover
    pid=$(pid_of "$name") || { rm -f "$state/run/$name.pid"; return 0; }
    signal "$name" CONT
    if [ "$patience" -gt 0 ]; then
        signal "$name" TERM
        end=$((SECONDS + patience))
        until gone "$name" || [ $SECONDS -ge $end ]; do sleep 0.1; done
    fi
    for _ in $(seq 100); do
        mapfile -t leftover < <(session_of "$pid")
        if [ ${#leftover[@]} = 0 ] && gone "$name"; then
            rm -f "$state/run/$name.pid"
            return
        fi
        kill -s KILL "$pid" "${leftover[@]}" 2>/dev/null || true
        sleep 0.1
    done
    die "$name does not end: processes ${leftover[*]}"
}

# --- Waiting ----------------------------------------------------------------------------------------------------

# wait_for WHAT SECONDS LOG COMMAND...: a service that ended is not waited for any longer.
wait_for() {
    local what=$1 seconds=$2 log=$3 end
    shift 3
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            show_log "$log"
            die "waited $seconds s in vain for $what"
        fi
        if [ -f "$state/run/$log.pid" ] && gone "$log"; then
            show_log "$log"
            die "$log ended while it was waited for $what"
        fi
        sleep 0.2
    done
}

open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# An API answers when it says anything but a server error or nothing at all.
http_answers() {
    local status
    status=$(curl -s -o /dev/null -m 20 --noproxy '*' -w '%{http_code}' "http://127.0.0.1:$1/") || return 1
    [ "$status" -ge 200 ] && [ "$status" -lt 500 ]
}

# Runs functions side by side, at most as many as given first; ends with the names of those that failed.
side_by_side() {
    local width=$1 failed=() name pid
    local -A names=()
    shift
    for name in "$@"; do
        while [ ${#names[@]} -ge "$width" ]; do reap; done
        # They keep the lock: should this script be killed, the next one waits until they have ended.
        (set -e; "$name") >>"$state/log/setup-${name#*_}.log" 2>&1 &
        names[$!]=$name
    done
    while [ ${#names[@]} -gt 0 ]; do reap; done
    [ ${#failed[@]} -gt 0 ] || return 0
    for name in "${failed[@]}"; do show_log "setup-${name#*_}"; done
    die "failed: ${failed[*]}"
}

reap() {
    local result=0
    wait -n -p pid "${!names[@]}" || result=$?
    [ $result = 0 ] || failed+=("${names[$pid]}")
    unset "names[$pid]"
}

# Does a piece of the set-up once: `once NAME COMMAND...`.
once() {
    local name=$1
    shift
    [ ! -f "$state/done/$name" ] || return 0
    "$@"
    : >"$state/done/$name"
}

# --- Ports and passwords ----------------------------------------------------------------------------------------

# A port outside the range from which the kernel hands out ports for outgoing connections; the same at every start.
choose_port() {
    local port
    ! grep -qs "^$1=" "$state/ports" || return 0
    for _ in $(seq 200); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! open_port "$port" && ! grep -qs "=$port\$" "$state/ports"; then
            echo "$1=$port" >>"$state/ports"
            return
        fi
    done
    die "no free port on 127.0.0.1 for $1"
}

chosen_port() { sed -n "s/^$1=//p" "$state/ports"; }

# Who listens, for the message about a port that is taken.
listener_of() { ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1, process \2/p' | head -n 1 || true; }

# One password per name, all of them from one secret.
password() { printf '%s %s' "$(<"$state/secret")" "$1" | sha256sum | cut -c 1-32; }

# --- Configuration ----------------------------------------------------------------------------------------------

# Puts values for {{name}} into a text: `render FILE... NAME=VALUE...`, where what has no `=` is a file. A name that
# nobody gave is an error.
render() {
    local text='' argument left
    for argument in "$@"; do
        [[ $argument == *=* ]] || text+=$(<"$argument")$'\n'
    done
    for argument in "$@"; do
        [[ $argument != *=* ]] || text=${text//"{{${argument%%=*}}}"/"${argument#*=}"}
    done
    left=$( (grep -o '{{[a-z_]*}}' <<<"$text" || true) | sort -u | tr '\n' ' ')
    [ -z "$left" ] || die "no value for $left in $*"
    printf '%s' "$text"
}

# shellcheck source=packages.sh
. "$here/packages.sh"
# shellcheck source=environment.sh
. "$here/environment.sh"
# shellcheck source=services/backing.sh
. "$here/services/backing.sh"
# shellcheck source=services/configuration.sh
. "$here/services/configuration.sh"
# shellcheck source=services/table.sh
. "$here/services/table.sh"
# shellcheck source=services/schemas.sh
. "$here/services/schemas.sh"
