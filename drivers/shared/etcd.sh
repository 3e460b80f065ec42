# shellcheck shell=bash
# etcd on a master. The members know each other from the start, by the addresses of all masters; a discovery service is
# used only when the user names one.
NODE_IP=${NODE_IP:-$KUBE_NODE_IP}

etcd_protocol() {
    if is_true "$TLS_DISABLED"; then echo http; else echo https; fi
}

# A member is named after its address, so that every master writes the same list.
initial_cluster() {
    local address list=""
    for address in ${MASTER_ADDRESSES//,/ }; do
        list+="${list:+,}$address=$(etcd_protocol)://$address:2380"
    done
    printf '%s' "$list"
}

# The image's etcd runs as root without the right to write what belongs to others. A shell in there reads etcd.conf, and
# what the image does not name itself has to be exported.
configure_etcd() {
    local protocol
    protocol=$(etcd_protocol)
    if [[ -n ${ETCD_VOLUME:-} ]]; then
        mount_volume "$ETCD_VOLUME" /var/lib/etcd etcd
    fi
    system_container etcd "$(image openstackmagnum/ etcd "$ETCD_TAG")"
    mkdir -p /etc/etcd
    {
        printf 'ETCD_NAME="%s"\nETCD_DATA_DIR="/var/lib/etcd/default.etcd"\n' "$NODE_IP"
        printf 'ETCD_LISTEN_CLIENT_URLS="%s://%s:2379,http://127.0.0.1:2379"\n' "$protocol" "$NODE_IP"
        printf 'ETCD_ADVERTISE_CLIENT_URLS="%s://%s:2379"\n' "$protocol" "$NODE_IP"
        printf 'ETCD_LISTEN_PEER_URLS="%s://%s:2380"\n' "$protocol" "$NODE_IP"
        printf 'ETCD_INITIAL_ADVERTISE_PEER_URLS="%s://%s:2380"\n' "$protocol" "$NODE_IP"
        if [[ -n $ETCD_DISCOVERY_URL ]]; then
            # The discovery may have a certificate of the cloud's own authority, which etcd's image does not know.
            cp -L /etc/pki/tls/certs/ca-bundle.crt /etc/etcd/
            printf 'export SSL_CERT_FILE=/etc/etcd/ca-bundle.crt\nETCD_DISCOVERY=%q\n' "$ETCD_DISCOVERY_URL"
            [[ -z ${HTTP_PROXY:-} ]] || printf 'ETCD_DISCOVERY_PROXY=%q\n' "$HTTP_PROXY"
        else
            printf 'ETCD_INITIAL_CLUSTER="%s"\nETCD_INITIAL_CLUSTER_STATE="new"\n' "$(initial_cluster)"
            printf 'ETCD_INITIAL_CLUSTER_TOKEN="%s"\n' "$CLUSTER_UUID"
        fi
        if [[ $protocol == https ]]; then
            etcd_tls
        fi
    } >/etc/etcd/etcd.conf
}

etcd_tls() {
    local prefix
    install -d -m 0755 /etc/etcd/certs
    cp -p "$CERTIFICATES"/{ca.crt,server.crt,server.key} /etc/etcd/certs/
    for prefix in ETCD ETCD_PEER; do
        printf '%s_TRUSTED_CA_FILE=/etc/etcd/certs/ca.crt\n' "$prefix"
        printf '%s_CERT_FILE=/etc/etcd/certs/server.crt\n' "$prefix"
        printf '%s_KEY_FILE=/etc/etcd/certs/server.key\n' "$prefix"
        printf '%s_CLIENT_CERT_AUTH=true\n' "$prefix"
    done
}

is_etcd_healthy() {
    curl --silent --max-time 10 --noproxy '*' http://127.0.0.1:2379/health | grep -q '"health": *"\{0,1\}true'
}
