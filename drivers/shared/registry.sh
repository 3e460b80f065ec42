# shellcheck shell=bash
# A registry on the loopback address of the node; its images lie in Swift, with the rights of the cluster's trust.

# registry_settings ADDRESS: where it listens, as port or as address and port.
registry_settings() {
    mkdir -p /etc/magnum/registry
    (umask 077 && cat >/etc/magnum/registry/config.yml) <<CONFIGURATION
version: 0.1
log: {fields: {service: registry}}
storage:
  cache: {layerinfo: inmemory}
  swift:
    authurl: "$AUTH_URL"
    region: "${SWIFT_REGION:-$REGION_NAME}"
    username: "$TRUSTEE_USERNAME"
    password: "$TRUSTEE_PASSWORD"
    domainid: "$TRUSTEE_DOMAIN_ID"
    trustid: "$TRUST_ID"
    container: "$REGISTRY_CONTAINER"
    insecureskipverify: $(is_true "$REGISTRY_INSECURE" && echo true || echo false)
    chunksize: $REGISTRY_CHUNKSIZE
http: {addr: "$1"}
CONFIGURATION
}

# configure_registry: in docker, which has a network of its own for it.
configure_registry() {
    registry_settings :5000
    cat >/etc/systemd/system/registry.service <<UNIT
[Unit]
Description=Docker registry with images in Swift
Requires=docker.service
After=docker.service
[Service]
Restart=always
RestartSec=10
ExecStartPre=-/usr/bin/docker rm -f registry
ExecStart=/usr/bin/docker run --rm --name registry -p 127.0.0.1:$REGISTRY_PORT:5000 \\
  -v /etc/magnum/registry:/etc/docker/registry:ro,z $(image "" registry "$REGISTRY_TAG")
[Install]
WantedBy=multi-user.target
UNIT
    start_services registry
}
