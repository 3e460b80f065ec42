# shellcheck shell=bash
# Kubelet and kube-proxy, which every node runs, and what all components of Kubernetes share.
export KUBELET_CLOUD="" CONTROLLER_CLOUD=""

# Minor version of Kubernetes, by which flags differ; the default's where the tag is no version.
kube_minor() {
    local version=${KUBE_TAG#v}
    if [[ ! $version =~ ^1\.[0-9]+\. ]]; then
        version=1.11.0
    fi
    version=${version#1.}
    printf '%s' "${version%%.*}"
}

# kubeconfig FILE USER CERTIFICATE SERVER
kubeconfig() {
    local tls="" user=""
    if [[ $4 == https:* ]]; then
        tls=", certificate-authority: $CERTIFICATES/ca.crt"
        user="client-certificate: $CERTIFICATES/$3.crt, client-key: $CERTIFICATES/$3.key"
    fi
    (umask 077 && cat >"$1") <<CONFIGURATION
apiVersion: v1
kind: Config
clusters: [{name: kubernetes, cluster: {server: "$4"$tls}}]
users: [{name: "$2", user: {$user}}]
contexts: [{name: default, context: {cluster: kubernetes, user: "$2"}}]
current-context: default
CONFIGURATION
}

api_url() {
    local scheme=https
    if is_true "$TLS_DISABLED"; then
        scheme=http
    fi
    printf '%s://%s:%s' "$scheme" "$1" "$KUBE_API_PORT"
}

kubelet_certificate() {
    make_certificate kubelet "system:node:$INSTANCE_NAME" system:nodes \
        "IP:$KUBE_NODE_IP,DNS:$INSTANCE_NAME,DNS:$(hostname -f 2>/dev/null || hostname)" clientAuth,serverAuth
    make_certificate proxy system:kube-proxy system:node-proxier "" clientAuth
}

# After all images are installed, because some bring a file of that name. Kubelets read it too, and from 1.15 on know no
# --allow-privileged: they allow what the API server does.
write_kubernetes_config() {
    local privileged="--allow-privileged=$KUBE_ALLOW_PRIV"
    if (($(kube_minor) > 14)); then
        privileged=""
    fi
    mkdir -p /etc/kubernetes/manifests
    printf 'KUBE_LOGTOSTDERR="--logtostderr=true"\nKUBE_LOG_LEVEL="--v=2"\n' >/etc/kubernetes/config
    printf 'KUBE_ALLOW_PRIV="%s"\nKUBE_MASTER=""\n' "$privileged" >>/etc/kubernetes/config
}

# configure_kubelet SERVER FURTHER_ARGUMENTS
configure_kubelet() {
    local arguments
    kubeconfig /etc/kubernetes/kubelet-config.yaml "system:node:$INSTANCE_NAME" kubelet "$1"
    arguments="--kubeconfig=/etc/kubernetes/kubelet-config.yaml --pod-manifest-path=/etc/kubernetes/manifests"
    arguments+=" --hostname-override=$INSTANCE_NAME --node-ip=$KUBE_NODE_IP --port=10250 --read-only-port=0"
    arguments+=" --cluster-dns=$DNS_SERVICE_IP --cluster-domain=$DNS_CLUSTER_DOMAIN --cgroup-driver=$CGROUP_DRIVER"
    arguments+=" --pod-infra-container-image=$(image mirrorgooglecontainers/ pause "$PAUSE_TAG")"
    if ! is_true "$TLS_DISABLED"; then
        arguments+=" --client-ca-file=$CERTIFICATES/ca.crt --anonymous-auth=false --authentication-token-webhook=true"
        arguments+=" --authorization-mode=Webhook --tls-cert-file=$CERTIFICATES/kubelet.crt"
        arguments+=" --tls-private-key-file=$CERTIFICATES/kubelet.key"
    fi
    if [[ $NETWORK_DRIVER == calico ]]; then
        mkdir -p /etc/cni/net.d /opt/cni/bin
        arguments+=" --network-plugin=cni --cni-conf-dir=/etc/cni/net.d --cni-bin-dir=/opt/cni/bin"
    fi
    system_container kubelet "$(image openstackmagnum/ kubernetes-kubelet "$KUBE_TAG")"
    printf 'KUBELET_ADDRESS="--address=0.0.0.0"\nKUBELET_HOSTNAME=""\nKUBELET_ARGS="%s"\n' \
        "$arguments ${2:-} $KUBELET_CLOUD $KUBELET_OPTIONS" >/etc/kubernetes/kubelet
}

# configure_kube_proxy SERVER
configure_kube_proxy() {
    kubeconfig /etc/kubernetes/proxy-config.yaml system:kube-proxy proxy "$1"
    system_container kube-proxy "$(image openstackmagnum/ kubernetes-proxy "$KUBE_TAG")"
    printf 'KUBE_PROXY_ARGS="--kubeconfig=%s --cluster-cidr=%s --hostname-override=%s %s"\n' \
        /etc/kubernetes/proxy-config.yaml "$PODS_NETWORK_CIDR" "$INSTANCE_NAME" "$KUBEPROXY_OPTIONS" \
        >/etc/kubernetes/proxy
}
