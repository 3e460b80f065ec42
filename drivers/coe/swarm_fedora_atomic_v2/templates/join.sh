# shellcheck shell=bash
# A node's way into the swarm. Tokens are asked for over TLS, with the node's own certificate, and go from call to call
# through pipes: no file, no argument of a process, no output of the stack and no line of the log ever holds one.
JOIN_PORT=2377

# own_docker PATH CURL_ARGUMENTS...: a call to the docker of this node.
own_docker() {
    local path=$1
    shift
    curl --silent --show-error --max-time 120 --unix-socket /var/run/docker.sock \
        --header 'Content-Type: application/json' "$@" "http://docker$path"
}

# manager_docker ADDRESS PATH: a question to the docker of a manager.
manager_docker() {
    peer_curl "https://$1:$SWARM_PORT$2"
}

# state: inactive, pending, active, error or locked, from what docker tells of itself on standard input.
state() {
    json_value LocalNodeState
}

own_state() {
    own_docker /info | state
}

own_id() {
    docker info --format '{{.Swarm.NodeID}}' 2>/dev/null
}

other_masters() {
    local address
    for address in ${MASTER_ADDRESSES//,/ }; do
        if [[ $address != "$NODE_IP" ]]; then
            printf '%s\n' "$address"
        fi
    done
}

# entrances: the load balancer, which knows the managers of today, and the managers themselves.
entrances() {
    if [[ ,$MASTER_ADDRESSES, != *",$API_PRIVATE_ADDRESS,"* ]]; then
        printf '%s\n' "$API_PRIVATE_ADDRESS"
    fi
    other_masters
}

# tell REQUEST [TOKEN]: has docker do something. Its objection is logged, without the token that it may repeat.
tell() {
    local answer token=${2:-}
    answer=$(own_docker "$1" --request POST --data-binary @-) || return 1
    if [[ $answer == *'"message"'* ]]; then
        [[ -z $token ]] || answer=${answer//"$token"/(token)}
        log "docker says: $(json_value message <<<"$answer")"
        return 1
    fi
}

# join_at ADDRESS KIND: KIND is Manager or Worker, as docker calls its tokens.
join_at() {
    local token
    token=$(manager_docker "$1" /swarm | json_value "$2") || return 1
    [[ -n $token ]] || return 1
    printf '{"ListenAddr":"0.0.0.0:%s","AdvertiseAddr":"%s","RemoteAddrs":["%s:%s"],"JoinToken":"%s"}' \
        "$JOIN_PORT" "$NODE_IP" "$1" "$JOIN_PORT" "$token" | tell /swarm/join "$token" || return 1
    [[ $(own_state) == active ]]
}

# join KIND: one attempt at every entrance. A join that is under way is left alone: a manager that gives up half-way
# would take the majority with it.
join() {
    local address
    case $(own_state) in
        active) return 0 ;;
        inactive) ;;
        error) tell '/swarm/leave?force=1' </dev/null || return 1 ;;
        *) return 1 ;;
    esac
    for address in $(entrances); do
        if join_at "$address" "$1"; then
            return 0
        fi
    done
    return 1
}

# is_ready: a manager of the swarm has this node on its list, ready.
is_ready() {
    local id address
    id=$(own_id) && [[ -n $id ]] || return 1
    for address in "$NODE_IP" $(entrances); do
        if manager_docker "$address" "/nodes/$id" 2>/dev/null | grep -q '"State":"ready"'; then
            return 0
        fi
    done
    return 1
}

# manager_cli ARGUMENTS...: the command docker, on the first manager that answers.
manager_cli() {
    local address
    for address in "$NODE_IP" $(entrances); do
        if manager_docker "$address" /nodes >/dev/null 2>&1; then
            # shellcheck disable=SC2046 # several words
            docker $(tls_options) --host "tcp://$address:$SWARM_PORT" "$@"
            return
        fi
    done
    return 1
}

# predecessors: ids and roles of nodes of this node's name whose place it has taken: those of a lost server, and those of
# an attempt to join that came to nothing.
predecessors() {
    local ids own
    own=$(own_id) || return 1
    ids=$(manager_cli node ls --quiet --filter "name=$INSTANCE_NAME") || return 1
    [[ -n $own && -n $ids ]] || return 1
    # shellcheck disable=SC2086 # several words
    manager_cli node inspect --format '{{.Description.Hostname}} {{.ID}} {{.Spec.Role}}' $ids |
        sed -n "/ $own /d; s/^$INSTANCE_NAME //p"
}

# forget_predecessors: a manager is no member of the majority any more before it goes. One that never became a member, or
# is none since an earlier run, cannot be demoted; a member that is still one is kept by `node rm`, and tried again later.
forget_predecessors() {
    local list id role left=0
    list=$(predecessors) || return 1
    while read -r id role; do
        [[ -n $id ]] || continue
        log "node $id of the same name is gone for good"
        if [[ $role == manager ]] && ! manager_cli node demote "$id" >/dev/null; then
            log "node $id cannot be demoted: it may be no member"
        fi
        manager_cli node rm --force "$id" >/dev/null || left=1
    done <<<"$list"
    return "$left"
}
