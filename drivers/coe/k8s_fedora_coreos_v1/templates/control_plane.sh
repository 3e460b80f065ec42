# shellcheck shell=bash
# API server, controller manager and scheduler on a master, each with only what its version knows.
#
# Nobody can have a certificate of the group system:masters signed with a node's own user, so each API server has a few
# tokens of its own, made on its master and good there only, over the loopback address.
SECRETS=/etc/kubernetes/secrets
KUBECTL=(/usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf)

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
    get_ca
    make_certificate server kubernetes "" "$(server_names)" clientAuth,serverAuth
    node_certificates
    # One key pair for all masters: a token signed on one must hold on the others.
    install -m 0444 /etc/magnum/service_account.key "$CERTIFICATES/service_account.pub"
    install -m 0400 /etc/magnum/service_account_private.key "$CERTIFICATES/service_account.key"
    if is_true "$CERT_MANAGER_API" && grep -q BEGIN /etc/magnum/ca.key; then
        install -m 0400 /etc/magnum/ca.key "$CERTIFICATES/ca.key"
    fi
    front_proxy_certificate
}

# With this certificate the API server names the user to extension servers. Its CA is this master's own, so that nobody
# else has one; Kubernetes tells the extension servers of every master's.
front_proxy_certificate() {
    local folder=$CERTIFICATES/front-proxy
    if [[ -s $folder/client.crt ]] && openssl x509 -checkend 86400 -noout -in "$folder/client.crt" >/dev/null; then
        return 0
    fi
    install -d -m 0700 "$folder"
    printf '[v3]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n' >"$folder/client.cnf"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=front-proxy-ca-$INSTANCE_NAME" \
        -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
    openssl req -new -newkey rsa:2048 -nodes -subj /CN=front-proxy-client \
        -keyout "$folder/client.key" -out "$folder/client.csr" 2>/dev/null
    openssl x509 -req -in "$folder/client.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days 3650 \
        -extfile "$folder/client.cnf" -extensions v3 -out "$folder/client.crt" 2>/dev/null
    rm -f "$folder"/{ca.key,client.csr,client.cnf}
}

# token NAME USER GROUP: a line of the token file, with the token this master has or gets now.
token() {
    if [[ ! -s $SECRETS/$1 ]]; then
        (umask 077 && openssl rand -hex 32 >"$SECRETS/$1")
    fi
    printf '%s,%s,%s,"%s"\n' "$(cat "$SECRETS/$1")" "$2" "$1" "$3"
}

configure_local_access() {
    local name url
    url=$(api_url 127.0.0.1)
    install -d -m 0700 "$SECRETS"
    (
        umask 077
        {
            token admin "magnum:$INSTANCE_NAME" system:masters
            token controller-manager system:kube-controller-manager ""
            token scheduler system:kube-scheduler ""
        } >"$SECRETS/tokens.csv"
    )
    for name in admin controller-manager scheduler; do
        kubeconfig "/etc/kubernetes/$name.conf" "$name" "token:$(cat "$SECRETS/$name")" "$url"
    done
}

# Who did what, without the contents; nothing of what components ask all the time.
write_audit_policy() {
    cat >/etc/kubernetes/audit.yaml <<'POLICY'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/metrics", "/version"]}
- {level: None, verbs: [watch]}
- level: None
  users: ["system:kube-scheduler", "system:kube-proxy", "system:apiserver"]
  verbs: [get, list]
- level: None
  userGroups: ["system:nodes"]
  verbs: [get, list]
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}, {group: "", resources: [events]}]
- {level: Metadata}
POLICY
    install -d -m 0700 /var/log/kubernetes
}

api_server_arguments() {
    printf '%s\n' "--advertise-address=$KUBE_NODE_IP" --allow-privileged=true --audit-log-maxage=30 \
        --audit-log-maxbackup=10 --audit-log-maxsize=100 --audit-log-path=/var/log/kubernetes/audit.log \
        --audit-policy-file=/etc/kubernetes/audit.yaml --authorization-mode=Node,RBAC --bind-address=0.0.0.0 \
        "--client-ca-file=$CERTIFICATES/ca.crt" \
        "--enable-admission-plugins=NodeRestriction${ADMISSION_CONTROL_LIST:+,$ADMISSION_CONTROL_LIST}" \
        "--etcd-cafile=$CERTIFICATES/ca.crt" "--etcd-certfile=$CERTIFICATES/server.crt" \
        "--etcd-keyfile=$CERTIFICATES/server.key" --etcd-servers=https://127.0.0.1:2379 \
        "--kubelet-certificate-authority=$CERTIFICATES/ca.crt" \
        "--kubelet-client-certificate=$CERTIFICATES/server.crt" "--kubelet-client-key=$CERTIFICATES/server.key" \
        --kubelet-preferred-address-types=InternalIP,Hostname,ExternalIP --profiling=false \
        "--proxy-client-cert-file=$CERTIFICATES/front-proxy/client.crt" \
        "--proxy-client-key-file=$CERTIFICATES/front-proxy/client.key" --requestheader-allowed-names=front-proxy-client \
        "--requestheader-client-ca-file=$CERTIFICATES/front-proxy/ca.crt" \
        --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
        --requestheader-username-headers=X-Remote-User "--secure-port=$KUBE_API_PORT" \
        "--service-account-issuer=https://kubernetes.default.svc.$DNS_CLUSTER_DOMAIN" \
        "--service-account-key-file=$CERTIFICATES/service_account.pub" \
        "--service-account-signing-key-file=$CERTIFICATES/service_account.key" \
        "--service-cluster-ip-range=$PORTAL_NETWORK_CIDR" "--tls-cert-file=$CERTIFICATES/server.crt" \
        "--tls-private-key-file=$CERTIFICATES/server.key" "--token-auth-file=$SECRETS/tokens.csv"
}

controller_manager_arguments() {
    local own=/etc/kubernetes/controller-manager.conf
    printf '%s\n' "--authentication-kubeconfig=$own" "--authorization-kubeconfig=$own" --bind-address=127.0.0.1 \
        "--cluster-name=$CLUSTER_UUID" "--kubeconfig=$own" --leader-elect=true --profiling=false \
        "--root-ca-file=$CERTIFICATES/ca.crt" "--service-cluster-ip-range=$PORTAL_NETWORK_CIDR" \
        "--service-account-private-key-file=$CERTIFICATES/service_account.key" --use-service-account-credentials=true
    if [[ $NETWORK_DRIVER == flannel ]]; then
        printf '%s\n' --allocate-node-cidrs=true "--cluster-cidr=$PODS_NETWORK_CIDR" \
            "--node-cidr-mask-size=$FLANNEL_NETWORK_SUBNETLEN"
    fi
    if [[ -s $CERTIFICATES/ca.key ]]; then
        printf '%s\n' "--cluster-signing-cert-file=$CERTIFICATES/ca.crt" \
            "--cluster-signing-key-file=$CERTIFICATES/ca.key"
    fi
}

scheduler_arguments() {
    local own=/etc/kubernetes/scheduler.conf
    printf '%s\n' "--authentication-kubeconfig=$own" "--authorization-kubeconfig=$own" --bind-address=127.0.0.1 \
        "--kubeconfig=$own" --leader-elect=true --profiling=false
}

# component NAME ARGUMENTS_FUNCTION OPTIONS FOLDERS: a part of the control plane under podman.
component() {
    local words
    mapfile -t words < <("$2" && options "$3")
    container_unit "$1" "$(image registry.k8s.io/ "$1" "$KUBE_TAG")" "/usr/local/bin/$1" "$4" "${words[@]}"
}

configure_control_plane() {
    configure_local_access
    write_audit_policy
    component kube-apiserver api_server_arguments "$KUBEAPI_OPTIONS" "/etc/kubernetes:/var/log/kubernetes"
    component kube-controller-manager controller_manager_arguments "$KUBECONTROLLER_OPTIONS" "/etc/kubernetes:"
    component kube-scheduler scheduler_arguments "$KUBESCHEDULER_OPTIONS" "/etc/kubernetes:"
}

is_api_ready() {
    [[ $("${KUBECTL[@]}" get --raw /readyz 2>/dev/null) == ok ]]
}

start_control_plane() {
    start_services etcd
    retry 40 is_etcd_healthy || fail "etcd is not healthy"
    start_services kube-apiserver kube-controller-manager kube-scheduler
    retry 40 is_api_ready || fail "the API server is not ready"
    start_services containerd kubelet kube-proxy
}

# Kubelets may not give themselves a role.
name_role() {
    "${KUBECTL[@]}" label --overwrite node "$INSTANCE_NAME" node-role.kubernetes.io/control-plane= >&2
}

# apply NAME: the manifest on standard input; applying it again changes nothing.
apply() {
    local file=/srv/magnum/kubernetes/$1.yaml
    install -d -m 0700 /srv/magnum/kubernetes
    cat >"$file"
    retry 12 "${KUBECTL[@]}" apply -f "$file" >&2 || fail "the manifest $1 was not accepted"
}
