# shellcheck shell=bash
# The services of the cloud: their order, ports, commands, and when each of them is ready.

# In the order of starting; ended in the opposite order.
all_services=(
    mariadb epmd rabbitmq memcached
    keystone placement glance-api nova-api nova-conductor nova-scheduler neutron-api
    heat-api heat-api-cfn heat-engine barbican-api cinder-api cinder-scheduler
    nova-compute cinder-volume octavia-api octavia-worker
)
# Started only when asked for by name.
optional_services=(horizon)

# The usual ports of OpenStack, to which MAGNUM_CLOUD_PORT_OFFSET is added when the cloud is made: so a machine can have
# several of them.
declare -A usual_ports=(
    [keystone]=5000 [placement]=8778 [glance-api]=9292 [nova-api]=8774 [neutron-api]=9696 [heat-api]=8004
    [heat-api-cfn]=8000 [barbican-api]=9311 [cinder-api]=8776 [octavia-api]=9876
)

port_of() {
    case $1 in
        mariadb | epmd | rabbitmq | memcached | horizon) chosen_port "$1" ;;
        container-infra) echo $((9511 + $(chosen_port offset))) ;;
        *) [ -z "${usual_ports[$1]:-}" ] || echo $((usual_ports[$1] + $(chosen_port offset))) ;;
    esac
}

url_of() { echo "http://127.0.0.1:$(port_of "$1")"; }

known_service() {
    local name
    for name in "${all_services[@]}" "${optional_services[@]}"; do [ "$name" != "$1" ] || return 0; done
    die "no such service: $1 (there are ${all_services[*]} ${optional_services[*]})"
}

# The header makes clients open a connection per request: this server closes each of them without saying so.
wsgi() {
    local name=$1 workers=$2 file=$3
    shift 3
    command=(uwsgi_python3 --http-socket "127.0.0.1:$(port_of "$name")" --wsgi-file "$file"
        --master --processes "$workers" --threads 1 --enable-threads --lazy-apps --thunder-lock --buffer-size 65535
        --die-on-term --need-app --no-orphans --listen "$(listen_queue)" --disable-logging --log-5xx
        --add-header 'Connection: close' "$@")
}

# As many waiting connections as a thousand parallel clients need, and as the kernel allows.
listen_queue() {
    local allowed
    allowed=$(</proc/sys/net/core/somaxconn)
    echo $((allowed < 1024 ? allowed : 1024))
}

# Sets `command` and `environment`.
service_command() {
    local conf=$state/conf
    case $1 in
        mariadb | epmd | rabbitmq | memcached) "command_$1" ;;
        keystone)
            environment=("OS_KEYSTONE_CONFIG_DIR=$conf/keystone")
            wsgi keystone 2 /usr/bin/keystone-wsgi-public
            ;;
        placement)
            environment=("OS_PLACEMENT_CONFIG_DIR=$conf/placement")
            wsgi placement 1 /usr/bin/placement-api
            ;;
        glance-api) command=(/usr/bin/glance-api --config-file "$conf/glance/glance.conf") ;;
        nova-api)
            environment=("OS_NOVA_CONFIG_FILES=/etc/nova/api-paste.ini;$conf/nova/nova.conf;$conf/nova/databases.conf")
            wsgi nova-api 2 /usr/bin/nova-api-wsgi
            ;;
        nova-conductor | nova-scheduler)
            command=("/usr/bin/$1" --config-file "$conf/nova/nova.conf" --config-file "$conf/nova/databases.conf")
            ;;
        nova-compute)
            command=(/usr/bin/python3 -c 'from nova.cmd.compute import main; main()' --config-file "$conf/nova/nova.conf")
            ;;
        neutron-api) wsgi neutron-api 2 /usr/bin/neutron-api --pyargv "--config-file $conf/neutron/neutron.conf" ;;
        heat-api) wsgi heat-api 2 /usr/bin/heat-wsgi-api --pyargv "--config-file $conf/heat/heat.conf" ;;
        heat-api-cfn) wsgi heat-api-cfn 1 /usr/bin/heat-wsgi-api-cfn --pyargv "--config-file $conf/heat/heat.conf" ;;
        heat-engine) command=(/usr/bin/heat-engine --config-file "$conf/heat/heat.conf") ;;
        barbican-api)
            environment=("HOME=$state/data/barbican")
            wsgi barbican-api 1 /usr/bin/barbican-wsgi-api
            ;;
        cinder-api) wsgi cinder-api 1 /usr/bin/cinder-wsgi --pyargv "--config-file $conf/cinder/cinder.conf" ;;
        cinder-scheduler) command=(/usr/bin/cinder-scheduler --config-file "$conf/cinder/cinder.conf") ;;
        cinder-volume)
            command=(/usr/bin/python3 -c 'import sys; sys.argv[0] = "cinder-volume"; from cinder.cmd.volume import main; main()'
                --config-file "$conf/cinder/cinder.conf")
            ;;
        octavia-api) wsgi octavia-api 1 /usr/bin/octavia-wsgi --pyargv "--config-file $conf/octavia/octavia.conf" ;;
        octavia-worker) command=(/usr/bin/octavia-worker --config-file "$conf/octavia/octavia.conf") ;;
        horizon)
            environment=("PYTHONPATH=$conf/horizon" DJANGO_SETTINGS_MODULE=horizon_settings)
            wsgi horizon 2 "$here/conf/horizon-wsgi.py" --static-map /static=/var/lib/openstack-dashboard/static
            ;;
    esac
}

# The family of a service, which shares configuration and database.
family() {
    case $1 in
        *-*) echo "${1%%-*}" ;;
        *) echo "$1" ;;
    esac
}

# What a service is waited for, in words, and how it is asked.
readiness() {
    case $1 in
        mariadb) echo "an answer to SELECT 1 on 127.0.0.1:$(port_of mariadb)" ;;
        rabbitmq) echo "an AMQP greeting on 127.0.0.1:$(port_of rabbitmq)" ;;
        epmd | memcached) echo "the port 127.0.0.1:$(port_of "$1")" ;;
        heat-engine) echo "a fresh row in Heat's table of engines" ;;
        nova-conductor | nova-scheduler | nova-compute | cinder-scheduler | cinder-volume) echo "a fresh sign of life in the table of services" ;;
        octavia-worker) echo "the line 'Starting consumer' in its log" ;;
        *) echo "an HTTP answer on 127.0.0.1:$(port_of "$1")" ;;
    esac
}

service_ready() {
    case $1 in
        mariadb | rabbitmq) "ready_$1" ;;
        epmd | memcached) open_port "$(port_of "$1")" ;;
        heat-engine) alive_in "heat.service WHERE deleted_at IS NULL AND created_at" heat-engine ;;
        nova-* | cinder-*)
            if [ -n "$(port_of "$1")" ]; then http_answers "$(port_of "$1")"; else signs_of_life "$1"; fi
            ;;
        octavia-worker) grep -q 'Starting consumer' < <(log_since_start octavia-worker) ;;
        *) http_answers "$(port_of "$1")" ;;
    esac
}

signs_of_life() {
    case $1 in
        nova-conductor | nova-compute) alive_in "nova.services WHERE \`binary\` = '$1' AND deleted = 0 AND COALESCE(last_seen_up, created_at)" "$1" ;;
        nova-scheduler) alive_in "nova.services WHERE \`binary\` = '$1' AND deleted = 0 AND COALESCE(last_seen_up, created_at)" "$1" ||
            alive_in "nova_cell0.services WHERE \`binary\` = '$1' AND deleted = 0 AND COALESCE(last_seen_up, created_at)" "$1" ;;
        cinder-*) alive_in "cinder.services WHERE \`binary\` = '$1' AND deleted = 0 AND COALESCE(updated_at, created_at)" "$1" ;;
    esac
}

# Whether a table has a row of which the time in UTC is not before the service's last start.
alive_in() {
    local begun
    begun=$(date -u -d "@$(stat -c %Y "$state/run/$2.pid")" '+%F %T')
    [[ $(sql -e "SELECT COUNT(*) FROM $1 > '$begun'") == [1-9]* ]]
}

start_service() {
    local name=$1 port command=() environment=()
    gone "$name" || return 0
    port=$(port_of "$name")
    if [ -n "$port" ] && open_port "$port"; then
        die "$name needs the port 127.0.0.1:$port, which is taken by $(listener_of "$port")"
    fi
    configure "$(family "$name")"
    service_command "$name"
    launch "$name" "${environment[@]}" "${command[@]}"
}

await_service() { wait_for "$1: $(readiness "$1")" "${2:-300}" "$1" service_ready "$1"; }
