# shellcheck shell=bash
# Volumes of Cinder for containers, by rexray, a volume driver of docker. It logs in as the cluster's own user with the
# cluster's trust.

rexray_configuration() {
    cat <<CONFIGURATION
libstorage:
  logging: {level: warn}
  service: openstack
  integration: {volume: {operations: {mount: {preempt: $(is_true "$REXRAY_PREEMPT" && echo true || echo false)}}}}
openstack:
  authUrl: "$(json_text "$AUTH_URL")"
  userID: "$(json_text "$TRUSTEE_USER_ID")"
  password: "$(json_text "$TRUSTEE_PASSWORD")"
  trustID: "$(json_text "$TRUST_ID")"
  regionName: "$(json_text "$REGION_NAME")"
CONFIGURATION
}

configure_rexray() {
    mkdir -p /etc/rexray
    (umask 077 && rexray_configuration >/etc/rexray/config.yml)
    cat >/etc/systemd/system/rexray.service <<UNIT
[Unit]
Description=Volumes of Cinder for docker
Requires=docker.service
After=docker.service
[Service]
Restart=always
RestartSec=10
ExecStartPre=-/usr/bin/docker rm -f rexray
ExecStart=/usr/bin/docker run --rm --name rexray --privileged --net host -v /etc/rexray:/etc/rexray:ro \\
  -v /run/docker/plugins:/run/docker/plugins -v /var/lib/libstorage:/var/lib/libstorage:rshared -v /dev:/dev \\
  $(image openstackmagnum/ rexray "$REXRAY_TAG")
[Install]
WantedBy=multi-user.target
UNIT
    start_services rexray
}
