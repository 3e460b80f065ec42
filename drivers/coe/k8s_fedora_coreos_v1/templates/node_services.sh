# shellcheck shell=bash
# Kubelet and kube-proxy, which every node runs.
export KUBELET_CLOUD=""

# kubeconfig FILE USER CREDENTIALS SERVER: CREDENTIALS are the name of a certificate, or token:TOKEN.
kubeconfig() {
    local user="client-certificate: $CERTIFICATES/$3.crt, client-key: $CERTIFICATES/$3.key"
    if [[ $3 == token:* ]]; then
        user="token: ${3#token:}"
    fi
    (umask 077 && cat >"$1") <<CONFIGURATION
apiVersion: v1
kind: Config
clusters: [{name: kubernetes, cluster: {server: "$4", certificate-authority: $CERTIFICATES/ca.crt}}]
users: [{name: "$2", user: {$user}}]
contexts: [{name: default, context: {cluster: kubernetes, user: "$2"}}]
current-context: default
CONFIGURATION
}

api_url() {
    printf 'https://%s:%s' "$1" "$KUBE_API_PORT"
}

has_cloud_provider() {
    is_true "$CLOUD_PROVIDER_ENABLED" && [[ -n $TRUST_ID ]]
}

node_certificates() {
    make_certificate kubelet "system:node:$INSTANCE_NAME" system:nodes \
        "IP:$KUBE_NODE_IP,DNS:$INSTANCE_NAME" clientAuth,serverAuth
    make_certificate proxy system:kube-proxy system:node-proxier "" clientAuth
}

# taints TEXT: name=value:effect with commas, as a YAML list.
taints() {
    local taint key list=""
    for taint in ${1//,/ }; do
        key=${taint%:*}
        list+="${list:+, }{key: \"${key%%=*}\", value: \"$([[ $key != *=* ]] || printf '%s' "${key#*=}")\", effect: ${taint##*:}}"
    done
    printf '[%s]' "$list"
}

# kubelet_settings TAINTS
kubelet_settings() {
    local resolver=/etc/resolv.conf
    # systemd-resolved's own file names itself, which pods cannot reach.
    if [[ -e /run/systemd/resolve/resolv.conf ]]; then
        resolver=/run/systemd/resolve/resolv.conf
    fi
    cat <<SETTINGS
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $CERTIFICATES/ca.crt}
authorization: {mode: Webhook}
cgroupDriver: systemd
clusterDNS: ["$DNS_SERVICE_IP"]
clusterDomain: $DNS_CLUSTER_DOMAIN
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
readOnlyPort: 0
registerWithTaints: $(taints "$1")
resolvConf: $resolver
rotateCertificates: false
shutdownGracePeriod: 30s
shutdownGracePeriodCriticalPods: 10s
staticPodPath: /etc/kubernetes/manifests
tlsCertFile: $CERTIFICATES/kubelet.crt
tlsPrivateKeyFile: $CERTIFICATES/kubelet.key
volumePluginDir: /var/lib/kubelet/volume-plugins
SETTINGS
}

# With an external cloud provider the node is tainted until the provider has seen it.
kubelet_arguments() {
    printf '%s\n' --config=/etc/kubernetes/kubelet.yaml --kubeconfig=/etc/kubernetes/kubelet.conf \
        "--hostname-override=$INSTANCE_NAME" "--node-ip=$KUBE_NODE_IP"
    [[ -z $NODE_LABELS ]] || printf '%s\n' "--node-labels=$NODE_LABELS"
    ! has_cloud_provider || printf '%s\n' --cloud-provider=external
}

# options TEXT: the words of a label, each on a line.
options() {
    local word
    for word in $1; do
        printf '%s\n' "$word"
    done
}

# configure_kubelet SERVER TAINTS
configure_kubelet() {
    local words
    mkdir -p /etc/kubernetes/manifests /var/lib/kubelet/volume-plugins
    kubeconfig /etc/kubernetes/kubelet.conf "system:node:$INSTANCE_NAME" kubelet "$1"
    kubelet_settings "$2" >/etc/kubernetes/kubelet.yaml
    mapfile -t words < <(kubelet_arguments && options "$KUBELET_OPTIONS")
    cat >/etc/systemd/system/kubelet.service <<UNIT
[Unit]
Description=kubelet
Wants=containerd.service
After=containerd.service network-online.target
[Service]
Restart=always
RestartSec=5
ExecStart=/usr/local/bin/kubelet$(unit_words "${words[@]}")
[Install]
WantedBy=multi-user.target
UNIT
}

proxy_arguments() {
    printf '%s\n' --kubeconfig=/etc/kubernetes/proxy.conf "--cluster-cidr=$PODS_NETWORK_CIDR" \
        "--hostname-override=$INSTANCE_NAME"
}

# configure_kube_proxy SERVER
configure_kube_proxy() {
    local words
    kubeconfig /etc/kubernetes/proxy.conf system:kube-proxy proxy "$1"
    mapfile -t words < <(proxy_arguments && options "$KUBEPROXY_OPTIONS")
    PRIVILEGED=true container_unit kube-proxy "$(image registry.k8s.io/ kube-proxy "$KUBE_TAG")" \
        /usr/local/bin/kube-proxy "/etc/kubernetes /usr/lib/modules:/run" "${words[@]}"
}

# is_ready: the node's own entry, asked for with the kubelet's rights, has the condition Ready.
is_ready() {
    curl --silent --fail --max-time 15 --noproxy '*' --cacert "$CERTIFICATES/ca.crt" \
        --cert "$CERTIFICATES/kubelet.crt" --key "$CERTIFICATES/kubelet.key" \
        "$(api_url "$KUBE_API_PRIVATE_ADDRESS")/api/v1/nodes/$INSTANCE_NAME" | tr -d ' \n' |
        grep -q '"conditions":.*"type":"Ready","status":"True"'
}

wait_until_ready() {
    retry 60 is_ready || fail "the node is not Ready"
}

prepare_machine() {
    step "CA of the cloud" install_openstack_ca
    step "SELinux" set_selinux_mode
    step "host name" set_host_name
    step "proxy" configure_proxy
    step "kernel" configure_kernel
    step "CNI plug-ins" install_cni_plugins
    step "containerd" configure_containerd
}
