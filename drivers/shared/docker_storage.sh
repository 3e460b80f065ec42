# shellcheck shell=bash
# Where docker keeps its layers: on a volume of its own when the node has one, by the chosen storage driver.

has_docker_volume() {
    [[ -n $DOCKER_VOLUME ]]
}

stop_docker() {
    systemctl stop docker docker-storage-setup 2>/dev/null || log "docker is not running yet"
}

configure_docker_storage() {
    if [[ -e /etc/magnum/docker-storage-done ]]; then
        return 0
    fi
    stop_docker
    if [[ $DOCKER_STORAGE_DRIVER == devicemapper ]]; then
        devicemapper_storage
    else
        plain_storage
    fi
    touch /etc/magnum/docker-storage-done
}

devicemapper_storage() {
    local device
    printf 'GROWROOT=True\nSTORAGE_DRIVER=devicemapper\n' >/etc/sysconfig/docker-storage-setup
    if has_docker_volume; then
        retry 20 device_of "$DOCKER_VOLUME" >/dev/null || fail "docker volume $DOCKER_VOLUME is not attached"
        device=$(device_of "$DOCKER_VOLUME")
        # What a machine before this one left on it docker does not take over: it knows layers that docker does not.
        if vgs docker >/dev/null 2>&1; then
            vgremove --force --force --yes docker
        fi
        pvs "$device" >/dev/null 2>&1 || pvcreate -f "$device"
        vgcreate docker "$device"
        printf 'VG=docker\n' >>/etc/sysconfig/docker-storage-setup
    else
        printf 'ROOT_SIZE=5GB\nDATA_SIZE=95%%FREE\n' >>/etc/sysconfig/docker-storage-setup
    fi
    rm -f /etc/sysconfig/docker-storage
    docker-storage-setup
}

plain_storage() {
    if has_docker_volume; then
        mount_volume "$DOCKER_VOLUME" /var/lib/docker docker
    fi
    printf 'STORAGE_DRIVER=%s\n' "$DOCKER_STORAGE_DRIVER" >/etc/sysconfig/docker-storage-setup
    printf 'DOCKER_STORAGE_OPTIONS="--storage-driver %s"\n' "$DOCKER_STORAGE_DRIVER" >/etc/sysconfig/docker-storage
}

configure_docker_options() {
    # The journal driver hides container logs from the kubelet.
    sed -i -e 's/--log-driver=journald//g' -e "s/native.cgroupdriver=[a-z]*/native.cgroupdriver=$CGROUP_DRIVER/" \
        /etc/sysconfig/docker
    mkdir -p /etc/systemd/system/docker.service.d
    if [[ -f /usr/lib/systemd/system/docker.service ]]; then
        sed "s/native.cgroupdriver=[a-z]*/native.cgroupdriver=$CGROUP_DRIVER/" \
            /usr/lib/systemd/system/docker.service >/etc/systemd/system/docker.service
    fi
    if [[ -n $INSECURE_REGISTRY_URL ]] && ! grep -qF "$INSECURE_REGISTRY_URL" /etc/sysconfig/docker; then
        printf 'INSECURE_REGISTRY="--insecure-registry %s"\n' "$INSECURE_REGISTRY_URL" >>/etc/sysconfig/docker
    fi
}
