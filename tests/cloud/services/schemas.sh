# shellcheck shell=bash
# Makes each service's tables and whatever else it needs once, then starts its processes: `prepare_SERVICE`.
#
# Promises: each of them can run beside the others and be repeated; tables need no Keystone, so all but Keystone's own
# seed runs at once.

prepare_keystone() {
    local conf
    conf=$(configuration keystone)/keystone.conf
    configure keystone
    once schema-keystone keystone_tables "$conf"
    start_service keystone
    await_service keystone
    once seed-identity seed identity
}

keystone_tables() {
    local manage=(keystone-manage --config-file "$1") me url
    url=$(url_of keystone)/v3
    me=$(id -un)
    mkdir -p -m 700 "$state"/data/keystone/{fernet,receipt,credential}-keys
    "${manage[@]}" db_sync
    "${manage[@]}" fernet_setup --keystone-user "$me" --keystone-group "$(id -gn)"
    "${manage[@]}" credential_setup --keystone-user "$me" --keystone-group "$(id -gn)"
    OS_BOOTSTRAP_PASSWORD=$(password 'user admin') "${manage[@]}" bootstrap --bootstrap-region-id "$region" \
        --bootstrap-admin-url "$url" --bootstrap-internal-url "$url" --bootstrap-public-url "$url"
}

prepare_nova() {
    configure nova
    once schema-nova nova_tables
    start_service nova-api
}

nova_manage() {
    nova-manage --config-file "$(configuration nova)/nova.conf" --config-file "$(configuration nova)/databases.conf" "$@"
}

nova_tables() {
    nova_manage api_db sync
    nova_manage cell_v2 map_cell0 --database_connection "$(database_url nova nova_cell0)"
    nova_manage cell_v2 list_cells | grep -q ' cell1 ' || nova_manage cell_v2 create_cell --name cell1
    nova_manage db sync
}

prepare_neutron() {
    configure neutron
    once schema-neutron neutron_tables
    start_service neutron-api
}

neutron_tables() {
    neutron-db-manage --config-file "$(configuration neutron)/neutron.conf" upgrade heads
    # An agent counts as alive while its last heartbeat is not long ago; one in the future never is.
    sql neutron <<SQL
INSERT IGNORE INTO agents (id, agent_type, \`binary\`, topic, host, admin_state_up, created_at, started_at,
    heartbeat_timestamp, description, configurations, \`load\`, availability_zone, resource_versions)
VALUES ('00000000-0000-4000-8000-000000000001', 'Open vSwitch agent', 'neutron-openvswitch-agent', 'N/A',
    '$compute_host', 1, UTC_TIMESTAMP(), UTC_TIMESTAMP(), '2099-01-01 00:00:00', 'a row that stands for an agent',
    '{"bridge_mappings": {"public": "br-ex"}, "tunnel_types": ["vxlan"], "tunneling_ip": "127.0.0.1", "l2_population": false, "arp_responder_enabled": false, "datapath_type": "system", "ovs_capabilities": {"datapath_types": ["system"], "iface_types": []}, "vhostuser_socket_dir": "/var/run/openvswitch", "integration_bridge": "br-int", "enable_distributed_routing": false, "in_distributed_mode": false, "log_agent_heartbeats": false, "extensions": [], "devices": 0}',
    0, NULL, NULL);
SQL
}

prepare_heat() {
    configure heat
    once schema-heat heat-manage --config-file "$(configuration heat)/heat.conf" db_sync
    start_service heat-engine
    start_service heat-api
    start_service heat-api-cfn
}

prepare_placement() {
    configure placement
    once schema-placement placement-manage --config-file "$(configuration placement)/placement.conf" db sync
    start_service placement
}

prepare_glance() {
    configure glance
    mkdir -p "$state/data/glance/images" "$state/data/glance/staging" "$state/data/glance/tasks"
    once schema-glance glance-manage --config-file "$(configuration glance)/glance.conf" db_sync
    start_service glance-api
}

prepare_barbican() {
    configure barbican
    once schema-barbican env HOME="$state/data/barbican" barbican-manage db upgrade
    start_service barbican-api
}

prepare_cinder() {
    configure cinder
    once schema-cinder cinder-manage --config-file "$(configuration cinder)/cinder.conf" db sync
    start_service cinder-scheduler
    start_service cinder-volume
    start_service cinder-api
}

# Only the tables: the configuration of its processes names things that the seed of the cloud makes.
prepare_octavia() {
    configure octavia
    once authority-octavia octavia_authority
    once schema-octavia octavia-db-manage --config-file "$(configuration octavia)/octavia.conf" upgrade head
}

# The worker signs a certificate for each balancer even though nobody talks to it; the key has to be encrypted.
octavia_authority() {
    PASSPHRASE=$(password 'octavia ca') openssl req -x509 -newkey rsa:2048 -days 3650 -subj '/CN=Test cloud load balancers' \
        -passout env:PASSPHRASE -keyout "$state/data/octavia/ca.key" -out "$state/data/octavia/ca.pem"
}
