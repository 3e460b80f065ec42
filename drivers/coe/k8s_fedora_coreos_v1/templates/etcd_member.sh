# shellcheck shell=bash
# etcd on a master. The members know each other from the start, by the addresses of all masters; a discovery service is
# used only when user or operator name one. A master that comes back without its data takes its own place again.
ETCD_DATA=/var/lib/etcd
TRUST=/etc/pki/ca-trust/extracted

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
    # The gateway would ask as a client with rules for servers, and be refused.
    printf '%s\n' --client-cert-allowed-hostname=kubernetes --peer-cert-allowed-cn=kubernetes --enable-grpc-gateway=false
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

# etcdctl ADDRESS WORD...: asks the member at that address, with the program in the image.
etcdctl() {
    podman run --rm --network=host --http-proxy=false --security-opt=label=disable \
        "--volume=$CERTIFICATES:$CERTIFICATES:ro" --entrypoint=/usr/local/bin/etcdctl \
        "$(image registry.k8s.io/ etcd "$ETCD_TAG")" "--endpoints=https://$1:2379" "--cacert=$CERTIFICATES/ca.crt" \
        "--cert=$CERTIFICATES/server.crt" "--key=$CERTIFICATES/server.key" --dial-timeout=5s --command-timeout=10s "${@:2}"
}

# join_members ADDRESS MEMBERS: takes the place of the member that this master was, if the others know one. Prints new or
# existing. A line has id, status, name, address for peers, address for clients: a member that has run has the last of
# them; one that was only let in again is "unstarted"; one that is awaited from the beginning is neither.
join_members() {
    local own=https://$KUBE_NODE_IP:2380 id status peer client state=add
    while IFS=, read -r id status _ peer client _; do
        if [[ ${peer# } != "$own" ]]; then
            continue
        fi
        if [[ -n ${client# } ]]; then
            etcdctl "$1" member remove "$id" >/dev/null || return 1
            log "the lost member $id was taken off the list"
        elif [[ ${status# } == unstarted ]]; then
            state=existing
        else
            state=new
        fi
    done <<<"$2"
    if [[ $state == add ]]; then
        etcdctl "$1" member add "$KUBE_NODE_IP" "--peer-urls=$own" >/dev/null || return 1
        state=existing
    fi
    printf '%s' "$state"
}

# Prints new or existing.
cluster_state() {
    local address members
    if [[ ! -d $ETCD_DATA/default.etcd/member ]]; then
        for address in ${MASTER_ADDRESSES//,/ }; do
            if [[ $address != "$KUBE_NODE_IP" ]] && members=$(etcdctl "$address" member list); then
                join_members "$address" "$members"
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
    local words folders=$CERTIFICATES trusted=""
    # The discovery may have a certificate of the cloud's own authority, which etcd's image does not know.
    if [[ -n $ETCD_DISCOVERY_URL ]]; then
        folders+=" $TRUST"
        trusted=$TRUST/pem/tls-ca-bundle.pem
    fi
    if [[ -n $ETCD_VOLUME ]]; then
        mount_volume "$ETCD_VOLUME" "$ETCD_DATA" etcd
    fi
    install -d -m 0700 "$ETCD_DATA"
    retry 10 decide_state || fail "the other members of etcd do not let this one in again"
    mapfile -t words < <(etcd_arguments && bootstrap_arguments "$(</run/magnum-etcd-state)")
    SSL_CERT_FILE=$trusted container_unit etcd "$(image registry.k8s.io/ etcd "$ETCD_TAG")" /usr/local/bin/etcd \
        "$folders:$ETCD_DATA" "${words[@]}"
}

is_etcd_healthy() {
    curl --silent --max-time 10 --noproxy '*' http://127.0.0.1:2381/health | grep -q '"health": *"\{0,1\}true'
}
