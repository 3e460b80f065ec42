# shellcheck shell=bash
# A slave, from first boot to "a master knows me". Comes last in the user data.

configure_docker() {
    if [[ -n $DOCKER_VOLUME ]] && ! mountpoint -q /var/lib/docker; then
        systemctl stop docker 2>/dev/null || log "docker is not running yet"
        mount_volume "$DOCKER_VOLUME" /var/lib/docker docker
    fi
    docker_configuration
}

docker_configuration() {
    local settings=()
    if [[ -n $DOCKER_STORAGE_DRIVER ]]; then
        settings+=("$(printf '"storage-driver": "%s"' "$(json_text "$DOCKER_STORAGE_DRIVER")")")
    fi
    if [[ -n $INSECURE_REGISTRY_URL ]]; then
        settings+=("$(printf '"insecure-registries": ["%s"]' "$(json_text "$INSECURE_REGISTRY_URL")")")
    fi
    mkdir -p /etc/docker
    (IFS=, && printf '{%s}\n' "${settings[*]}") >/etc/docker/daemon.json
}

configure_mesos_slave() {
    local environment=/etc/executor_environment_variables
    flag mesos zk "$(zookeeper_url /mesos)"
    flag mesos-slave hostname "$NODE_IP"
    flag mesos-slave ip "$NODE_IP"
    flag mesos-slave containerizers docker,mesos
    flag mesos-slave executor_registration_timeout "$EXECUTOR_REGISTRATION_TIMEOUT"
    flag mesos-slave work_dir "${WORK_DIR:-/var/lib/mesos}"
    flag mesos-slave isolation "${ISOLATION// /}"
    # Images are unpacked by isolators; without any the flag keeps the slave from starting.
    flag mesos-slave image_providers "${ISOLATION:+${IMAGE_PROVIDERS// /}}"
    if [[ -n $EXECUTOR_ENVIRONMENT_VARIABLES ]]; then
        (umask 077 && printf '%s\n' "$EXECUTOR_ENVIRONMENT_VARIABLES" >"$environment")
        # Without the scheme Mesos takes the path itself for the JSON.
        flag mesos-slave executor_environment_variables "file://$environment"
    else
        rm -f "$environment"
        flag mesos-slave executor_environment_variables ""
    fi
    mkdir -p "${WORK_DIR:-/var/lib/mesos}"
}

# is_registered: the slave's own count of masters that have taken it.
is_registered() {
    ask "http://$NODE_IP:5051/metrics/snapshot" | grep -Eq '"slave\\?/registered": *1(\.0)?[,}]'
}

start_slave() {
    start_services docker mesos-slave
    retry 60 is_registered || fail "no master of Mesos has registered this slave"
}

step "CA of the cloud" trust_openstack_ca
step "host name" set_host_name
step "proxy" configure_proxy
step "services of masters" not_here mesos-master marathon zookeeper
step "docker" configure_docker
step "Mesos configuration" configure_mesos_slave
step "volumes" optional configure_rexray
step "Mesos" start_slave
step "report" report SUCCESS "a master has registered the slave"
