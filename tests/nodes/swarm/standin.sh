#!/bin/bash
# Stand-ins for what only a real machine has, each called under the name of its command.
#
# Promises: docker is started with exactly what the files in /etc/sysconfig say, as systemd reads them, plus what this
# place needs (no firewall, no bridge, a control group of its own); a restart is a restart; success means that it answers.
set -u
name=${0##*/}

start_docker() {
    local OPTIONS="" DOCKER_STORAGE_OPTIONS="" DOCKER_NETWORK_OPTIONS="" INSECURE_REGISTRY=""
    # shellcheck disable=SC1091
    . /etc/sysconfig/docker
    # shellcheck disable=SC1091
    [ ! -e /etc/sysconfig/docker-storage ] || . /etc/sysconfig/docker-storage
    # shellcheck disable=SC2086
    setsid dockerd $OPTIONS $DOCKER_STORAGE_OPTIONS $DOCKER_NETWORK_OPTIONS $INSECURE_REGISTRY \
        --iptables=false --bridge=none --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(</run/node/cgroup)" \
        >>/var/log/dockerd 2>&1 </dev/null &
    for _ in $(seq 120); do
        if curl --silent --fail --max-time 5 --output /dev/null --unix-socket /run/docker.sock http://docker/_ping; then
            return 0
        fi
        kill -0 $! 2>/dev/null || break
        /usr/bin/sleep 0.5
    done
    echo "docker does not start" >&2
    exit 1
}

stop_docker() {
    local process
    [ -s /run/docker.pid ] || return 0
    process=$(</run/docker.pid)
    kill "$process" 2>/dev/null || return 0
    for _ in $(seq 60); do
        kill -0 "$process" 2>/dev/null || return 0
        /usr/bin/sleep 0.5
    done
    kill -9 "$process"
}

case $name in
    systemctl)
        action=$1
        shift
        for unit in "$@"; do
            case $action/$unit in
                daemon-reload/* | enable/docker | stop/docker-storage-setup) ;;
                stop/docker) stop_docker ;;
                restart/docker | start/docker)
                    stop_docker
                    start_docker
                    ;;
                *)
                    echo "Unit $unit.service not found." >&2
                    exit 1
                    ;;
            esac
        done
        ;;
    hostnamectl)
        printf '%s\n' "$2" >/etc/hostname
        hostname "$2"
        ;;
    # A node waits longer than a test may.
    sleep) exec /usr/bin/sleep "$(awk -v wanted="$1" 'BEGIN { print (wanted > 2) ? 2 : wanted }')" ;;
    docker-storage-setup | setenforce | update-ca-trust) ;;
    *)
        echo "there is no stand-in for $name" >&2
        exit 1
        ;;
esac
