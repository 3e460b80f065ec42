# shellcheck shell=bash
# A master, from first boot to "the API answers". Comes last in the bundle; everything it calls stands above it.

# The API server, as user kubernetes, may look into kubelets.
roles_manifest() {
    cat <<'MANIFEST'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "magnum:kubelet-api"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kubelet-api-admin"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: kubernetes}]
MANIFEST
}

apply_roles() {
    roles_manifest | apply roles
}

# Masters take turns, so that etcd keeps its majority.
use_certificates() {
    sleep "$((NODE_INDEX * 30))"
    start_services etcd
    retry 40 is_etcd_healthy || fail "etcd is not healthy with the new certificates"
    start_services kube-apiserver kube-controller-manager kube-scheduler
    retry 40 is_api_ready || fail "the API server is not ready with the new certificates"
    start_services kubelet kube-proxy
    if [[ $NODE_INDEX == 0 ]]; then
        renew_pods
    fi
}

# use_credentials MAC: the cloud's controllers log in as the cluster's user; what they read is the same for all masters.
use_credentials() {
    if [[ $NODE_INDEX == 0 ]] && has_cloud_provider; then
        apply_cloud_provider
        apply_ingress
        restart_pods '/(openstack-cloud-controller-manager|csi-cinder-.*|octavia-ingress-controller)$' credentials \
            "$1"
    fi
}

# wanted SWITCH COMMAND...
wanted() {
    if is_true "$1"; then
        "${@:2}"
    fi
}

# What a cluster has only once comes from its first master.
apply_extras() {
    if [[ $NODE_INDEX != 0 ]]; then
        return 0
    fi
    step "roles" apply_roles
    step "network of the pods" apply_network
    step "cloud provider" apply_cloud_provider
    step "DNS" apply_coredns
    step "metrics server" wanted "$METRICS_SERVER_ENABLED" apply_metrics_server
    step "dashboard" wanted "$KUBE_DASHBOARD_ENABLED" apply_dashboard
    step "monitoring" wanted "$PROMETHEUS_MONITORING" apply_monitoring
    step "ingress" apply_ingress
}

run_master() {
    prepare_machine
    step "credentials" renew_credentials "$(retry 5 metadata)" true
    step "binaries" install_binaries kubelet kubectl
    step "certificates" install_certificates
    step "etcd" configure_etcd
    step "control plane" configure_control_plane
    step "kubelet" configure_kubelet "$(api_url 127.0.0.1)" \
        "node-role.kubernetes.io/control-plane:NoSchedule${NODE_TAINTS:+,$NODE_TAINTS}"
    step "kube-proxy" configure_kube_proxy "$(api_url 127.0.0.1)"
    step "node exporter" run_node_exporter
    step "services" start_control_plane
    step "role" retry 30 name_role
    apply_extras
    step "orders" watch_orders
    step "report" report SUCCESS "the API answers and etcd is healthy"
}

run_master
