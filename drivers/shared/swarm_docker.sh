# shellcheck shell=bash
# Docker as every node of a swarm runs it: its certificate and its options. The one certificate of a node is for both
# directions: others know its docker by it, and it is let in by it elsewhere.
CERTIFICATES=/etc/docker
export FLANNEL_CERTIFICATE=server

# Without a floating IP of Heat's the metadata service may still know a public address.
public_address() {
    if [[ -n $NODE_PUBLIC_IP ]]; then
        printf '%s' "$NODE_PUBLIC_IP"
    else
        curl --silent --fail --max-time 10 --noproxy '*' http://169.254.169.254/latest/meta-data/public-ipv4 ||
            log "the node has no public address"
    fi
}

# server_names ADDRESSES...: this node's own addresses and those given, each once.
server_names() {
    local address list="IP:127.0.0.1"
    for address in "$NODE_IP" "$(public_address)" "$@"; do
        if [[ -n $address && ,$list, != *",IP:$address,"* ]]; then
            list+=",IP:$address"
        fi
    done
    printf '%s,DNS:%s' "$list" "$INSTANCE_NAME"
}

# install_certificates ADDRESSES...: where a docker or a manager answers beyond the node's own addresses.
install_certificates() {
    get_ca
    make_certificate server "$INSTANCE_NAME" "" "$(server_names "$@")" clientAuth,serverAuth
}

tls_options() {
    printf -- '--tlsverify --tlscacert=%s/ca.crt --tlscert=%s/server.crt --tlskey=%s/server.key' \
        "$CERTIFICATES" "$CERTIFICATES" "$CERTIFICATES"
}

# configure_docker OPTIONS...: added to those of the image, of which a swarm does not bear --live-restore.
configure_docker() {
    local file=/etc/sysconfig/docker image=/etc/magnum/docker-of-image options
    if [[ ! -e $image ]]; then
        cp "$file" "$image"
    fi
    options=$(sed -n "s/^OPTIONS=['\"]\{0,1\}\([^'\"]*\).*/\1/p" "$image")
    {
        sed '/^OPTIONS=/d' "$image"
        printf "OPTIONS='%s %s'\n" "${options//--live-restore/}" "$*"
        if [[ -n $INSECURE_REGISTRY_URL ]]; then
            printf "INSECURE_REGISTRY='--insecure-registry %s'\n" "$INSECURE_REGISTRY_URL"
        fi
    } >"$file"
}

# peer_curl ARGUMENTS...: a call to another node of the swarm, which knows this one by its certificate.
peer_curl() {
    curl --silent --show-error --fail --max-time 20 --noproxy '*' --cacert "$CERTIFICATES/ca.crt" \
        --cert "$CERTIFICATES/server.crt" --key "$CERTIFICATES/server.key" "$@"
}
