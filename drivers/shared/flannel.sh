# shellcheck shell=bash
# Flannel: its settings in etcd (by masters), its daemon, and docker's bridge on the node's part of the network.
FLANNEL_KEY=/atomic.io/network
FLANNEL_CERTIFICATE=${FLANNEL_CERTIFICATE:-proxy}

etcd_client() {
    local options=(--silent --fail --max-time 15 --noproxy '*')
    if ! is_true "$TLS_DISABLED"; then
        options+=(--cacert "$CERTIFICATES/ca.crt" --cert "$CERTIFICATES/$FLANNEL_CERTIFICATE.crt"
            --key "$CERTIFICATES/$FLANNEL_CERTIFICATE.key")
    fi
    curl "${options[@]}" "$@"
}

# Endpoints of every master; on a master its own member over loopback.
flannel_endpoints() {
    local scheme=https address list=""
    if [[ $1 == master ]]; then
        printf 'http://127.0.0.1:2379'
        return 0
    fi
    if is_true "$TLS_DISABLED"; then
        scheme=http
    fi
    for address in ${MASTER_ADDRESSES//,/ }; do
        list+="${list:+,}$scheme://$address:2379"
    done
    printf '%s' "$list"
}

put_flannel_settings() {
    local settings
    settings=$(printf '{"Network":"%s","SubnetLen":%s,"Backend":{"Type":"%s"}}' \
        "$FLANNEL_NETWORK_CIDR" "$FLANNEL_NETWORK_SUBNETLEN" "$FLANNEL_BACKEND")
    etcd_client --output /dev/null -X PUT --data-urlencode "value=$settings" \
        "http://127.0.0.1:2379/v2/keys$FLANNEL_KEY/config"
}

# has_flannel_settings ENDPOINTS: any member that answers will do.
has_flannel_settings() {
    local endpoint
    for endpoint in ${1//,/ }; do
        if etcd_client --output /dev/null "$endpoint/v2/keys$FLANNEL_KEY/config"; then
            return 0
        fi
    done
    return 1
}

has_flannel_subnet() {
    [[ -s /run/flannel/subnet.env ]]
}

configure_flannel() {
    local role=$1 endpoints tls=""
    endpoints=$(flannel_endpoints "$role")
    system_container flanneld "$(image openstackmagnum/ flannel "$FLANNEL_TAG")"
    if [[ $role != master ]] && ! is_true "$TLS_DISABLED"; then
        install -d -m 0755 /etc/flanneld/certs
        cp -p "$CERTIFICATES"/{ca.crt,"$FLANNEL_CERTIFICATE".{crt,key}} /etc/flanneld/certs/
        tls="-etcd-cafile /etc/flanneld/certs/ca.crt -etcd-certfile /etc/flanneld/certs/$FLANNEL_CERTIFICATE.crt"
        tls+=" -etcd-keyfile /etc/flanneld/certs/$FLANNEL_CERTIFICATE.key"
    fi
    printf 'FLANNEL_ETCD_ENDPOINTS="%s"\nFLANNEL_ETCD_PREFIX="%s"\nFLANNEL_OPTIONS="-ip-masq %s"\n' \
        "$endpoints" "$FLANNEL_KEY" "$tls" >/etc/sysconfig/flanneld
    retry 60 has_flannel_settings "$endpoints" || fail "etcd on the masters has no settings for flannel"
    start_services flanneld
    retry 15 has_flannel_subnet || fail "flannel got no part of the network"
    bridge_docker
}

# Docker takes its bridge from flannel's lease, at every boot.
bridge_docker() {
    cat >/usr/local/bin/flannel-docker <<'SCRIPT'
#!/bin/bash
set -eu
for _ in $(seq 60); do
    [ -s /run/flannel/subnet.env ] && break
    sleep 2
done
. /run/flannel/subnet.env
printf 'DOCKER_NETWORK_OPTIONS="--bip=%s --mtu=%s --ip-masq=false --iptables=false"\n' \
    "$FLANNEL_SUBNET" "$FLANNEL_MTU" >/run/flannel/docker
iptables -w -P FORWARD ACCEPT
SCRIPT
    chmod 0755 /usr/local/bin/flannel-docker
    cat >/etc/systemd/system/flannel-docker.service <<'UNIT'
[Unit]
Description=Docker's bridge on the network of flannel
After=flanneld.service
Requires=flanneld.service
Before=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/bin/flannel-docker
[Install]
WantedBy=docker.service
UNIT
    mkdir -p /etc/systemd/system/docker.service.d
    printf '[Unit]\nAfter=flannel-docker.service\n[Service]\nEnvironmentFile=-/run/flannel/docker\n' \
        >/etc/systemd/system/docker.service.d/flannel.conf
    stop_docker
    ip link delete docker0 2>/dev/null || log "docker has no bridge yet"
    start_services flannel-docker
}
