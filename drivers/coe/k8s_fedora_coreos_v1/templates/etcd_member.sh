# shellcheck shell=bash
# etcd on a master. The members know each other from the start, by the addresses of all masters; a discovery service is
# used only when the user names one. A master that comes back without its data takes its own place again.
ETCD_DATA=/var/lib/etcd

# A member is named after its address, so that every master writes the same list.
initial_cluster() {
    local address list=""
    for address in ${MASTER_ADDRESSES//,/ }; do
        list+="${list:+,}$address=https://$address:2380"
    done
    printf '%s' "$list"
}

# Only masters' certificates have the name kubernetes; others of the same CA are let in neither as client nor as peer.
etcd_arguments() {
    local kind
    printf '%s\n' "--name=$KUBE_NODE_IP" "--data-dir=$ETCD_DATA/default.etcd" \
        "--listen-client-urls=https://$KUBE_NODE_IP:2379,https://127.0.0.1:2379" \
        "--advertise-client-urls=https://$KUBE_NODE_IP:2379" "--listen-peer-urls=https://$KUBE_NODE_IP:2380" \
        "--initial-advertise-peer-urls=https://$KUBE_NODE_IP:2380" "--listen-metrics-urls=http://127.0.0.1:2381"
    for kind in "" peer-; do
        printf '%s\n' "--${kind}cert-file=$CERTIFICATES/server.crt" "--${kind}key-file=$CERTIFICATES/server.key" \
            "--${kind}trusted-ca-file=$CERTIFICATES/ca.crt" "--${kind}client-cert-auth=true"
    done
    printf '%s\n' --client-cert-allowed-hostname=kubernetes --peer-cert-allowed-cn=kubernetes
}

# What a member does that has no data yet. "existing" only after its old self was taken off the list.
bootstrap_arguments() {
    if [[ $1 == new && -n $ETCD_DISCOVERY_URL ]]; then
        printf '%s\n' "--discovery=$ETCD_DISCOVERY_URL"
        [[ -z ${HTTP_PROXY:-} ]] || printf '%s\n' "--discovery-proxy=$HTTP_PROXY"
    else
        printf '%s\n' "--initial-cluster=$(initial_cluster)" "--initial-cluster-state=$1" \
            "--initial-cluster-token=$CLUSTER_UUID"
    fi
}

# etcd_call ADDRESS PATH BODY: asks a member over its JSON gateway.
etcd_call() {
    curl --silent --fail --max-time 10 --noproxy '*' --cacert "$CERTIFICATES/ca.crt" --cert "$CERTIFICATES/server.crt" \
        --key "$CERTIFICATES/server.key" --header 'Content-Type: application/json' --data "$3" "https://$1:2379/v3/$2"
}

# own_entry MEMBERS: what the others know of the member at this master's address.
own_entry() {
    tr -d ' \n' <<<"$1" | sed 's/},{/}\n{/g' | grep -F "\"peerURLs\":[\"https://$KUBE_NODE_IP:2380\"]"
}

# join_members ADDRESS ENTRY: a member that has run before is on the list with its clients' address, one that was only let in
# again has no name yet; one with a name alone is awaited from the beginning. Prints new or existing.
join_members() {
    local address=$1 entry=$2 id
    if [[ $entry == *'"clientURLs":["'* ]]; then
        id=$(json_value ID <<<"$entry")
        etcd_call "$address" cluster/member/remove "{\"ID\":\"$id\"}" >/dev/null || return 1
        log "the lost member $id was taken off the list"
        entry=""
    fi
    if [[ -z $entry ]]; then
        etcd_call "$address" cluster/member/add "{\"peerURLs\":[\"https://$KUBE_NODE_IP:2380\"]}" >/dev/null || return 1
    fi
    if [[ $entry == *'"name":"'* ]]; then
        printf new
    else
        printf existing
    fi
}

# Prints new or existing.
cluster_state() {
    local address members entry
    if [[ ! -d $ETCD_DATA/default.etcd/member ]]; then
        for address in ${MASTER_ADDRESSES//,/ }; do
            if [[ $address != "$KUBE_NODE_IP" ]] && members=$(etcd_call "$address" cluster/member/list '{}'); then
                entry=$(own_entry "$members") || entry=""
                join_members "$address" "$entry"
                return
            fi
        done
    fi
    printf new
}

# The state goes through a file, because what is tried again prints more than once.
decide_state() {
    cluster_state >/run/magnum-etcd-state
}

configure_etcd() {
    local words
    if [[ -n $ETCD_VOLUME ]]; then
        mount_volume "$ETCD_VOLUME" "$ETCD_DATA"
    fi
    install -d -m 0700 "$ETCD_DATA"
    retry 10 decide_state || fail "the other members of etcd do not let this one in again"
    mapfile -t words < <(etcd_arguments && bootstrap_arguments "$(</run/magnum-etcd-state)")
    container_unit etcd "$(image registry.k8s.io/ etcd "$ETCD_TAG")" /usr/local/bin/etcd \
        "$CERTIFICATES:$ETCD_DATA" "${words[@]}"
}

is_etcd_healthy() {
    curl --silent --max-time 10 --noproxy '*' http://127.0.0.1:2381/health | grep -q '"health": *"\{0,1\}true'
}
