# shellcheck shell=bash
# A manager of a swarm, from first boot to "the managers know me". Comes last in the user data.

make_swarm() {
    printf '{"ListenAddr":"0.0.0.0:%s","AdvertiseAddr":"%s","DefaultAddrPool":["%s"],"SubnetSize":24,"Spec":{}}' \
        "$JOIN_PORT" "$NODE_IP" "$OVERLAY_NETWORK_CIDR" | tell /swarm/init || return 1
    look_at_pool
}

# look_at_pool: docker before 18.09 does not know of pools and takes the order for a swarm without a word about it.
look_at_pool() {
    local pool
    pool=$(own_docker /swarm | tr -d ' \n' | sed -n 's/.*"DefaultAddrPool":\["\([^"]*\)"\].*/\1/p') || pool=""
    if [[ $pool != "$OVERLAY_NETWORK_CIDR" ]]; then
        log "the swarm's DefaultAddrPool is ${pool:-not set} instead of $OVERLAY_NETWORK_CIDR, which needs docker 18.09"
    fi
}

# found_swarm: the first master makes the swarm, but only when each of the others has said that it is in none. So there
# is never a second one, even when this master takes the place of a lost one.
found_swarm() {
    local address other
    if [[ $(own_state) == active ]]; then
        return 0
    fi
    for address in $(other_masters); do
        other=$(manager_docker "$address" /info | state) || return 1
        case $other in
            active)
                join Manager
                return
                ;;
            inactive) ;;
            *) return 1 ;;
        esac
    done
    make_swarm
}

enter_swarm() {
    if [[ $NODE_INDEX == 0 ]]; then
        retry 60 found_swarm || fail "the swarm could not be made"
    else
        retry 60 join Manager || fail "Manager failed to join swarm"
    fi
    retry 20 is_ready || fail "the manager is not ready"
    retry 8 forget_predecessors || log "a dead node of this name is still on the list"
}

start_docker() {
    configure_docker "--host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:$SWARM_PORT $(tls_options)"
    start_services docker
}

install_programs() {
    chmod 0755 /usr/local/bin/magnum-swarm
}

step "CA of the cloud" install_openstack_ca
step "SELinux" set_selinux_mode
step "host name" set_host_name
step "proxy" configure_proxy
step "docker storage" configure_docker_storage
step "certificates" install_certificates "$API_PRIVATE_ADDRESS" "$API_PUBLIC_ADDRESS"
step "docker" start_docker
step "swarm" enter_swarm
step "programs" install_programs
step "rexray" optional configure_rexray
step "report" report SUCCESS "the manager is ready"
