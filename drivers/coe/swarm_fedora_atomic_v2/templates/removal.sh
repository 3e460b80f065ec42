#!/bin/bash
# magnum-swarm drain|remove NODE: takes a node out of service before its server goes.
#
# A manager becomes a worker first, and only where the managers that are left have a majority without it. Then the node
# is drained, which is waited for, and with "remove" it is taken off the list. Every command may be given again.
set -euo pipefail
PATIENCE=${MAGNUM_SWARM_PATIENCE:-300}

fail() {
    printf 'magnum-swarm: %s\n' "$*" >&2
    exit 1
}

# field NODE TEMPLATE
field() {
    docker node inspect --format "$2" "$1"
}

is_manager() {
    [[ $(field "$1" '{{with .ManagerStatus}}yes{{end}}') == yes ]]
}

# guard NODE: refuses what would leave the swarm without a majority of managers.
guard() {
    local id all=0 reachable=0
    for id in $(docker node ls --quiet --filter role=manager); do
        if [[ $id != "$1" ]]; then
            all=$((all + 1))
            [[ $(field "$id" '{{.ManagerStatus.Reachability}}') != reachable ]] || reachable=$((reachable + 1))
        fi
    done
    ((all > 0)) || fail "$1 is the last manager"
    ((reachable * 2 > all)) || fail "without $1 only $reachable of $all managers would be reachable, which is no majority"
}

# runs_nothing NODE: of a dead node nobody can tell.
runs_nothing() {
    [[ $(field "$1" '{{.Status.State}}') == ready ]] || return 0
    ! curl --silent --fail --max-time 30 --unix-socket /var/run/docker.sock --get \
        --data-urlencode "filters={\"node\":[\"$1\"]}" http://docker/tasks |
        grep -qE '"State":"(assigned|accepted|preparing|ready|starting|running)"'
}

# await TEXT COMMAND...
await() {
    local text=$1 end=$((SECONDS + PATIENCE))
    shift
    until "$@"; do
        ((SECONDS < end)) || fail "after $PATIENCE s, $text"
        sleep 2
    done
}

is_demoted() {
    ! is_manager "$1"
}

drain() {
    if is_manager "$1"; then
        guard "$1"
        docker node demote "$1" >/dev/null
        await "$1 is still a manager" is_demoted "$1"
    fi
    docker node update --availability drain "$1" >/dev/null
    await "$1 still runs something" runs_nothing "$1"
}

[[ $# == 2 ]] || fail "usage: magnum-swarm drain|remove NODE"
node=$(field "$2" '{{.ID}}') || fail "there is no node $2"
case $1 in
    drain) drain "$node" ;;
    remove)
        drain "$node"
        docker node rm --force "$node" >/dev/null
        ;;
    *) fail "usage: magnum-swarm drain|remove NODE" ;;
esac
