# shellcheck shell=bash
# Proxies, for the container runtime, for image pulls and for logins. What belongs to the cluster is never asked through
# them.

# own_networks: the networks of this node's addresses, which may not be the one the cluster was asked for.
own_networks() {
    ip -o -f inet address show scope global | awk '{print $4}' | paste -sd,
}

# full_no_proxy: every cluster has some of these addresses and networks, none has all.
full_no_proxy() {
    local name list="${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1,169.254.169.254"
    list+=${DNS_CLUSTER_DOMAIN:+,.svc,.$DNS_CLUSTER_DOMAIN}
    for name in {KUBE_,}API_{PRIVATE,PUBLIC}_ADDRESS MASTER_ADDRESSES {FIXED,PODS,PORTAL}_NETWORK_CIDR; do
        list+=${!name:+,${!name}}
    done
    printf '%s,%s' "$list" "$(own_networks)"
}

# The unit that pulls images; nodes with another runtime say so by a function of the same name that comes later.
runtime_unit() {
    printf docker
}

# export_proxies: for whatever the shell starts from here on, where the cluster has some.
export_proxies() {
    if [[ -r /etc/profile.d/magnum-proxy.sh ]]; then
        # shellcheck source=/dev/null
        . /etc/profile.d/magnum-proxy.sh
    fi
}

configure_proxy() {
    local without name value folder
    folder=/etc/systemd/system/$(runtime_unit).service.d
    if [[ -z $HTTP_PROXY && -z $HTTPS_PROXY ]]; then
        unset HTTP_PROXY HTTPS_PROXY NO_PROXY
        return 0
    fi
    without=$(full_no_proxy)
    mkdir -p "$folder"
    : >/etc/profile.d/magnum-proxy.sh
    printf '[Service]\n' >"$folder/proxy.conf"
    for name in HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        value=${!name}
        if [[ $name == NO_PROXY ]]; then
            value=$without
        fi
        if [[ -n $value ]]; then
            printf 'Environment="%s=%s"\n' "$name" "${value//%/%%}" >>"$folder/proxy.conf"
            printf 'export %s=%q %s=%q\n' "$name" "$value" "${name,,}" "$value" >>/etc/profile.d/magnum-proxy.sh
        fi
    done
    export_proxies
    systemctl daemon-reload
}
