# shellcheck shell=bash
# A master, from first boot to "the API answers". Comes last; everything it calls stands above it in the user data.
KUBECTL=(/usr/local/bin/kubectl --server "http://127.0.0.1:8080")

# First address of the services' network, which the API has inside the cluster.
api_service_ip() {
    local a b c d
    IFS=. read -r a b c d <<<"${PORTAL_NETWORK_CIDR%/*}"
    printf '%s.%s.%s.%s' "$a" "$b" "$c" "$((d + 1))"
}

# Without a floating IP of Heat's the metadata service may still know a public address.
public_address() {
    if [[ -n $KUBE_NODE_PUBLIC_IP ]]; then
        printf '%s' "$KUBE_NODE_PUBLIC_IP"
    else
        curl --silent --fail --max-time 10 --noproxy '*' http://169.254.169.254/latest/meta-data/public-ipv4 ||
            log "the node has no public address"
    fi
}

server_names() {
    local address list
    list="IP:127.0.0.1,IP:$(api_service_ip)"
    for address in "$KUBE_NODE_IP" "$(public_address)" "$KUBE_API_PUBLIC_ADDRESS" "$KUBE_API_PRIVATE_ADDRESS"; do
        if [[ -n $address && $list, != *"IP:$address,"* ]]; then
            list+=",IP:$address"
        fi
    done
    printf '%s,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc' "$list"
    printf ',DNS:kubernetes.default.svc.%s,DNS:%s' "$DNS_CLUSTER_DOMAIN" "$INSTANCE_NAME"
}

install_certificates() {
    mkdir -p "$CERTIFICATES"
    if ! is_true "$TLS_DISABLED"; then
        get_ca
        make_certificate server kubernetes "" "$(server_names)" clientAuth,serverAuth
        kubelet_certificate
    fi
    # One key pair for all masters: a token signed on one must hold on the others.
    install -m 0444 /etc/magnum/service_account.key "$CERTIFICATES/service_account.pub"
    install -m 0400 /etc/magnum/service_account_private.key "$CERTIFICATES/service_account.key"
    if is_true "$CERT_MANAGER_API" && grep -q BEGIN /etc/magnum/ca.key; then
        install -m 0400 /etc/magnum/ca.key "$CERTIFICATES/ca.key"
    fi
    share_with_services
}

configure_api_server() {
    local arguments address port plugins=enable-admission-plugins
    if (($(kube_minor) < 10)); then
        plugins=admission-control
    fi
    arguments="--authorization-mode=Node,RBAC --runtime-config=api/all=true --storage-backend=etcd3"
    arguments+=" --kubelet-preferred-address-types=InternalIP,Hostname,ExternalIP --apiserver-count=$NUMBER_OF_MASTERS"
    arguments+=" --service-account-key-file=$CERTIFICATES/service_account.pub"
    if is_true "$TLS_DISABLED"; then
        address="--insecure-bind-address=0.0.0.0"
        port="--insecure-port=8080 --secure-port=0"
        if (($(kube_minor) > 11)); then
            # It must have one, which nobody uses.
            port="--insecure-port=8080 --bind-address=127.0.0.1"
        fi
        arguments="--runtime-config=api/all=true --service-account-key-file=$CERTIFICATES/service_account.pub"
    else
        address="--bind-address=0.0.0.0 --insecure-bind-address=127.0.0.1"
        port="--secure-port=$KUBE_API_PORT --insecure-port=8080"
        arguments+=" --client-ca-file=$CERTIFICATES/ca.crt --tls-cert-file=$CERTIFICATES/server.crt"
        arguments+=" --tls-private-key-file=$CERTIFICATES/server.key"
        arguments+=" --kubelet-client-certificate=$CERTIFICATES/server.crt"
        arguments+=" --kubelet-client-key=$CERTIFICATES/server.key --kubelet-https=true"
    fi
    system_container kube-apiserver "$(image openstackmagnum/ kubernetes-apiserver "$KUBE_TAG")"
    {
        printf 'KUBE_API_ADDRESS="%s"\nKUBE_API_PORT="%s"\n' "$address" "$port"
        printf 'KUBE_ETCD_SERVERS="--etcd-servers=http://127.0.0.1:2379"\n'
        printf 'KUBE_SERVICE_ADDRESSES="--service-cluster-ip-range=%s"\n' "$PORTAL_NETWORK_CIDR"
        printf 'KUBE_ADMISSION_CONTROL="--%s=NodeRestriction,%s"\n' "$plugins" "$ADMISSION_CONTROL_LIST"
        printf 'KUBE_API_ARGS="--allow-privileged=%s %s %s"\n' "$KUBE_ALLOW_PRIV" "$arguments" "$KUBEAPI_OPTIONS"
    } >/etc/kubernetes/apiserver
}

configure_controllers() {
    local arguments="--leader-elect=true --cluster-name=$CLUSTER_UUID --use-service-account-credentials=true"
    arguments+=" --service-account-private-key-file=$CERTIFICATES/service_account.key"
    if ! is_true "$TLS_DISABLED"; then
        arguments+=" --root-ca-file=$CERTIFICATES/ca.crt"
    fi
    if [[ -s $CERTIFICATES/ca.key ]]; then
        arguments+=" --cluster-signing-cert-file=$CERTIFICATES/ca.crt --cluster-signing-key-file=$CERTIFICATES/ca.key"
    fi
    system_container kube-controller-manager "$(image openstackmagnum/ kubernetes-controller-manager "$KUBE_TAG")"
    printf 'KUBE_CONTROLLER_MANAGER_ARGS="--master=http://127.0.0.1:8080 %s %s %s"\n' \
        "$arguments" "$CONTROLLER_CLOUD" "$KUBECONTROLLER_OPTIONS" >/etc/kubernetes/controller-manager
    system_container kube-scheduler "$(image openstackmagnum/ kubernetes-scheduler "$KUBE_TAG")"
    printf 'KUBE_SCHEDULER_ARGS="--master=http://127.0.0.1:8080 --leader-elect=true %s"\n' \
        "$KUBESCHEDULER_OPTIONS" >/etc/kubernetes/scheduler
}

is_api_healthy() {
    [[ $(curl --silent --max-time 10 --noproxy '*' http://127.0.0.1:8080/healthz) == ok ]]
}

# apply NAME: the manifest on standard input; applying it again changes nothing.
apply() {
    local file=/srv/magnum/kubernetes/$1.yaml
    install -d -m 0700 /srv/magnum/kubernetes
    cat >"$file"
    retry 12 "${KUBECTL[@]}" apply -f "$file" >&2 || fail "the manifest $1 was not accepted"
}

# The API server, as user kubernetes, may look into kubelets; admin is who the dashboard logs in as.
apply_roles() {
    roles_manifest | apply roles
}

roles_manifest() {
    cat <<'MANIFEST'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:kube-apiserver-to-kubelet}
rules: [{apiGroups: [""], resources: [nodes/proxy, nodes/stats, nodes/log, nodes/spec, nodes/metrics], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:kube-apiserver}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:kube-apiserver-to-kubelet}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: kubernetes}]
MANIFEST
    account kube-system admin cluster-admin
}

start_control_plane() {
    start_services etcd
    retry 40 is_etcd_healthy || fail "etcd is not healthy"
    if [[ $NETWORK_DRIVER == flannel ]]; then
        retry 20 put_flannel_settings || fail "etcd does not take the settings of flannel"
        configure_flannel master
    fi
    start_services docker kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy
    retry 40 is_api_healthy || fail "the API server is not healthy"
}

# Kubelets may not give themselves a role from 1.16 on.
name_role() {
    "${KUBECTL[@]}" label --overwrite node "$INSTANCE_NAME" node-role.kubernetes.io/master= >&2
}

# Masters take turns, so that etcd keeps its majority.
use_certificates() {
    sleep "$((NODE_INDEX * 30))"
    if ! is_true "$TLS_DISABLED"; then
        etcd_tls >/dev/null
    fi
    start_services etcd
    retry 40 is_etcd_healthy || fail "etcd is not healthy"
    start_services kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy
    retry 40 is_api_healthy || fail "the API server is not healthy"
    if [[ $NODE_INDEX == 0 ]]; then
        optional apply_calico
        renew_pods
    fi
}

# The in-tree provider reads its configuration when it starts, and so does the external one, whose pod comes again.
use_credentials() {
    if ! declare -F write_cloud_config >/dev/null; then
        return 0
    fi
    write_cloud_config
    start_services kube-controller-manager kubelet
    retry 40 is_api_healthy || fail "the API server is not healthy"
    "${KUBECTL[@]}" -n kube-system delete pods --selector k8s-app=openstack-cloud-controller-manager \
        --field-selector "spec.nodeName=$INSTANCE_NAME" >&2
}

# What a cluster has only once comes from its first master.
apply_extras() {
    if [[ $NODE_INDEX != 0 ]]; then
        return 0
    fi
    step "roles" apply_roles
    step "cloud provider" optional apply_cloud_provider
    step "calico" optional apply_calico
    step "DNS" apply_coredns
    step "dashboard" optional apply_dashboard
    step "monitoring" optional apply_monitoring
    step "ingress" optional apply_ingress
}

step "CA of the cloud" install_openstack_ca
step "SELinux" set_selinux_mode
step "host name" set_host_name
step "proxy" configure_proxy
step "docker storage" configure_docker_storage
step "docker" configure_docker_options
step "credentials" renew_credentials "$(retry 5 metadata)" true
step "certificates" install_certificates
step "etcd" configure_etcd
step "cloud configuration" optional configure_cloud_provider
step "API server" configure_api_server
step "controllers" configure_controllers
step "kubelet" configure_kubelet "$(api_url 127.0.0.1)" --register-with-taints=node-role.kubernetes.io/master=:NoSchedule
step "kube-proxy" configure_kube_proxy "$(api_url 127.0.0.1)"
step "Kubernetes configuration" write_kubernetes_config
step "control plane" start_control_plane
step "role" retry 30 name_role
apply_extras
step "orders" watch_orders
step "report" report SUCCESS "the API answers and etcd is healthy"
