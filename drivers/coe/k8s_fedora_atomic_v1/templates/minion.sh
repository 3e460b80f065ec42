# shellcheck shell=bash
# A worker, from first boot to "Kubernetes says I am ready". Comes last in the user data.

install_certificates() {
    mkdir -p "$CERTIFICATES"
    if ! is_true "$TLS_DISABLED"; then
        get_ca
        kubelet_certificate
    fi
}

# is_ready: the node's own entry, asked for with the kubelet's rights, has the condition Ready.
is_ready() {
    local options=(--silent --fail --max-time 15 --noproxy '*')
    if ! is_true "$TLS_DISABLED"; then
        options+=(--cacert "$CERTIFICATES/ca.crt" --cert "$CERTIFICATES/kubelet.crt" --key "$CERTIFICATES/kubelet.key")
    fi
    curl "${options[@]}" "$(api_url "$KUBE_API_PRIVATE_ADDRESS")/api/v1/nodes/$INSTANCE_NAME" | tr -d ' \n' |
        grep -q '"conditions":.*"type":"Ready","status":"True"'
}

# node_arguments: labels and taints the kubelet gives its node when it registers it.
node_arguments() {
    local arguments=""
    [[ -z $NODE_LABELS ]] || arguments+=" --node-labels=$NODE_LABELS"
    [[ -z $NODE_TAINTS ]] || arguments+=" --register-with-taints=$NODE_TAINTS"
    printf '%s' "$arguments"
}

wait_until_ready() {
    retry 60 is_ready || fail "the node is not Ready"
}

write_environment() {
    local line
    line="KUBERNETES_MASTER=$(api_url "$KUBE_API_PRIVATE_ADDRESS")"
    grep -qxF "$line" /etc/environment || printf '%s\n' "$line" >>/etc/environment
}

start_node() {
    if [[ $NETWORK_DRIVER == flannel ]]; then
        configure_flannel minion
    fi
    start_services docker kubelet kube-proxy
}

use_certificates() {
    if [[ -d /etc/flanneld/certs ]]; then
        cp -p "$CERTIFICATES"/{ca.crt,"$FLANNEL_CERTIFICATE".{crt,key}} /etc/flanneld/certs/
        start_services flanneld
    fi
    start_services kubelet kube-proxy
    wait_until_ready
}

use_credentials() {
    if declare -F write_cloud_config >/dev/null; then
        write_cloud_config
        start_services kubelet
    fi
    optional configure_registry
    wait_until_ready
}

step "CA of the cloud" install_openstack_ca
step "SELinux" set_selinux_mode
step "host name" set_host_name
step "proxy" configure_proxy
step "docker storage" configure_docker_storage
step "docker" configure_docker_options
step "credentials" renew_credentials "$(retry 5 metadata)" true
step "certificates" install_certificates
step "cloud configuration" optional configure_cloud_provider
step "kubelet" configure_kubelet "$(api_url "$KUBE_API_PRIVATE_ADDRESS")" "$(node_arguments)"
step "kube-proxy" configure_kube_proxy "$(api_url "$KUBE_API_PRIVATE_ADDRESS")"
step "Kubernetes configuration" write_kubernetes_config
step "environment" write_environment
step "node exporter" run_node_exporter
step "node" start_node
step "registry" optional configure_registry
step "readiness" wait_until_ready
step "orders" watch_orders
step "report" report SUCCESS "the node is Ready"
