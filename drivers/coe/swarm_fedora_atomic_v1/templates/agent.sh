# shellcheck shell=bash
# A worker of the legacy swarm, from first boot to "etcd has me on the list". Comes last in the user data.

start_flannel() {
    if [[ $NETWORK_DRIVER == flannel ]]; then
        configure_flannel node
    fi
}

# is_listed: the agent's entry, asked for at any member of etcd.
is_listed() {
    local address
    for address in ${MASTER_ADDRESSES//,/ }; do
        if peer_curl --output /dev/null \
            "https://$address:2379/v2/keys/swarm/docker/swarm/nodes/$NODE_IP:$DOCKER_PORT" 2>/dev/null; then
            return 0
        fi
    done
    return 1
}

start_agent() {
    swarm_service swarm-agent "Agent of the swarm" "" "join --advertise=$NODE_IP:$DOCKER_PORT"
    retry 60 is_listed || fail "the node is not on the swarm's list"
}

step "CA of the cloud" install_openstack_ca
step "SELinux" set_selinux_mode
step "host name" set_host_name
step "proxy" configure_proxy
step "docker storage" configure_docker_storage
step "certificates" install_certificates
step "flannel" start_flannel
step "docker" start_docker
step "agent" start_agent
step "rexray" optional configure_rexray
step "registry" optional configure_registry
step "report" report SUCCESS "the node is on the swarm's list"
