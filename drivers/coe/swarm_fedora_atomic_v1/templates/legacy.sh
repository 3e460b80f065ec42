# shellcheck shell=bash
# What managers and agents of the legacy swarm share: docker's options, and the swarm's list of nodes in etcd.
DOCKER_PORT=2375

# etcd_members: every master, so that none of them has to live.
etcd_members() {
    local address list=""
    for address in ${MASTER_ADDRESSES//,/ }; do
        list+="${list:+,}$address:2379"
    done
    printf '%s' "$list"
}

# overlay_options: docker keeps its overlay networks in etcd too, unless flannel connects the containers.
overlay_options() {
    if [[ $NETWORK_DRIVER == docker ]]; then
        printf -- ' --cluster-store=etcd://%s --cluster-advertise=%s:9379' "$(etcd_members)" "$NODE_IP"
        printf -- ' --cluster-store-opt=kv.%s' "cacertfile=$CERTIFICATES/ca.crt" "certfile=$CERTIFICATES/server.crt" \
            "keyfile=$CERTIFICATES/server.key"
    fi
}

start_docker() {
    configure_docker "--host=unix:///var/run/docker.sock --host=tcp://0.0.0.0:$DOCKER_PORT" \
        "$(tls_options)$(overlay_options)"
    start_services docker
}

discovery() {
    printf -- '--discovery-opt=kv.%s ' "cacertfile=$CERTIFICATES/ca.crt" "certfile=$CERTIFICATES/server.crt" \
        "keyfile=$CERTIFICATES/server.key"
    printf 'etcd://%s/swarm' "$(etcd_members)"
}

# swarm_service NAME DESCRIPTION DOCKER_OPTIONS ARGUMENTS: a container of the swarm image, as a unit of that name.
swarm_service() {
    cat >"/etc/systemd/system/$1.service" <<UNIT
[Unit]
Description=$2
Requires=docker.service
After=docker.service
[Service]
Restart=always
RestartSec=10
ExecStartPre=-/usr/bin/docker rm -f $1
ExecStart=/usr/bin/docker run --rm --name $1 -v $CERTIFICATES:$CERTIFICATES:ro,z $3 \\
  $(image "" swarm "$SWARM_VERSION") $4 $(discovery)
[Install]
WantedBy=multi-user.target
UNIT
    start_services "$1"
}
