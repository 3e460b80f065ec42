# shellcheck shell=bash
# A worker, from first boot to "Kubernetes says I am ready". Comes last in the bundle.

install_certificates() {
    mkdir -p "$CERTIFICATES"
    get_ca
    node_certificates
}

use_certificates() {
    start_services kubelet kube-proxy
    wait_until_ready
}

use_credentials() {
    run_registry
}

run_minion() {
    local url
    url=$(api_url "$KUBE_API_PRIVATE_ADDRESS")
    prepare_machine
    step "credentials" renew_credentials "$(retry 5 metadata)" true
    step "binaries" install_binaries kubelet
    step "certificates" install_certificates
    step "kubelet" configure_kubelet "$url" "$NODE_TAINTS"
    step "kube-proxy" configure_kube_proxy "$url"
    step "node exporter" run_node_exporter
    step "registry" run_registry
    step "services" start_services containerd kubelet kube-proxy
    step "readiness" wait_until_ready
    step "orders" watch_orders
    step "report" report SUCCESS "the node is Ready"
}

run_minion
