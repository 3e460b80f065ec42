# shellcheck shell=bash
# A manager of the legacy swarm with its member of etcd, from first boot to "the manager answers". Comes last in the user
# data.

start_etcd() {
    configure_etcd
    start_services etcd
    retry 40 is_etcd_healthy || fail "etcd is not healthy"
}

start_flannel() {
    if [[ $NETWORK_DRIVER == flannel ]]; then
        retry 20 put_flannel_settings || fail "etcd does not take the settings of flannel"
        configure_flannel master
    fi
}

start_manager() {
    swarm_service swarm-manager "Manager of the swarm" "-p $SWARM_PORT:2375" \
        "manage --host=tcp://0.0.0.0:2375 --strategy=$SWARM_STRATEGY --replication --advertise=$NODE_IP:$SWARM_PORT $(tls_options)"
    retry 60 answers || fail "the manager of the swarm does not answer"
}

answers() {
    [[ $(peer_curl "https://127.0.0.1:$SWARM_PORT/_ping") == OK ]]
}

step "CA of the cloud" install_openstack_ca
step "SELinux" set_selinux_mode
step "host name" set_host_name
step "proxy" configure_proxy
step "docker storage" configure_docker_storage
step "certificates" install_certificates "$API_PRIVATE_ADDRESS" "$API_PUBLIC_ADDRESS"
step "etcd" start_etcd
step "flannel" start_flannel
step "docker" start_docker
step "manager" start_manager
step "rexray" optional configure_rexray
step "report" report SUCCESS "the manager answers and etcd is healthy"
