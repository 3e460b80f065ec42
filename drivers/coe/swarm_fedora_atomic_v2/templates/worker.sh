# shellcheck shell=bash
# A worker of a swarm, from first boot to "the managers know me". Its docker listens on no port. Comes last in the user
# data.

enter_swarm() {
    retry 60 join Worker || fail "Node failed to join swarm"
    retry 20 is_ready || fail "the node is not ready"
    retry 8 forget_predecessors || log "a dead node of this name is still on the list"
}

start_docker() {
    configure_docker
    start_services docker
}

step "CA of the cloud" install_openstack_ca
step "SELinux" set_selinux_mode
step "host name" set_host_name
step "proxy" configure_proxy
step "docker storage" configure_docker_storage
step "certificates" install_certificates
step "docker" start_docker
step "swarm" enter_swarm
step "rexray" optional configure_rexray
step "registry" optional configure_registry
step "report" report SUCCESS "the node is ready"
