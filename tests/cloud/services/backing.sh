# shellcheck shell=bash
# MariaDB, RabbitMQ (with epmd) and memcached of the cloud: private instances on ports of their own.
#
# Promises: what was committed survives a SIGKILL of the database (only a crash of the machine would lose it); the
# broker has its own node name, cookie, epmd and distribution port, all on loopback (epmd insists on [::1] as well).

# The socket path is relative to the data folder: an absolute one may be longer than the kernel allows.
command_mariadb() {
    command=(mariadbd --no-defaults --user="$(id -un)" --datadir="$state/data/mariadb" --socket=mysql.sock
        --bind-address=127.0.0.1 --port="$(chosen_port mariadb)" --skip-name-resolve --skip-log-bin
        --max-connections=1000 --character-set-server=utf8mb3 --performance-schema=0 --innodb-buffer-pool-size=256M
        --innodb-flush-log-at-trx-commit=2 --innodb-flush-method=nosync --innodb-doublewrite=0)
}

prepare_mariadb() {
    rm -rf "$state/data/mariadb"
    mkdir -p "$state/data/mariadb"
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$state/data/mariadb" \
        --auth-root-authentication-method=normal --skip-test-db --innodb-flush-method=nosync \
        >>"$state/log/mariadb.log" 2>&1 || { show_log mariadb; die "mariadb-install-db failed"; }
}

sql() { (cd "$state/data/mariadb" && mariadb --no-defaults --socket=mysql.sock --user=root --batch --skip-column-names "$@"); }

ready_mariadb() { open_port "$(chosen_port mariadb)" && sql -e 'SELECT 1'; }

database_url() { echo "mysql+pymysql://$1:$(password "database $1")@127.0.0.1:$(chosen_port mariadb)/${2:-$1}?charset=utf8"; }

# A database and a user of it for each service. `magnum` is the administrator that our own service's tests may use: it
# may make databases of its own.
create_databases() {
    local name database
    for name in keystone glance placement nova neutron heat barbican octavia cinder; do
        echo "CREATE USER IF NOT EXISTS $name@'127.0.0.1' IDENTIFIED BY '$(password "database $name")';"
        for database in "$name" $([ "$name" != nova ] || echo nova_api nova_cell0); do
            echo "CREATE DATABASE IF NOT EXISTS $database CHARACTER SET utf8mb3;"
            echo "GRANT ALL ON $database.* TO $name@'127.0.0.1';"
        done
    done | sql
    sql <<SQL
CREATE DATABASE IF NOT EXISTS magnum CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS magnum@'127.0.0.1' IDENTIFIED BY '$(password "database magnum")';
GRANT ALL ON *.* TO magnum@'127.0.0.1' WITH GRANT OPTION;
SQL
}

command_epmd() { command=(epmd -port "$(chosen_port epmd)" -address 127.0.0.1); }

command_memcached() {
    command=(memcached -u "$(id -un)" -l 127.0.0.1 -p "$(chosen_port memcached)" -U 0 -m 128 -c 4096)
}

# Two virtual hosts: `/` for the services of OpenStack, `magnum` for ours.
prepare_rabbitmq() {
    local folder=$state/data/rabbitmq
    rm -rf "$folder"
    mkdir -p "$folder"
    (umask 277 && password 'broker cookie' >"$folder/.erlang.cookie")
    : >"$folder/env"
    echo '[].' >"$folder/plugins"
    cat >"$folder/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(chosen_port rabbitmq)
distribution.listener.interface = 127.0.0.1
load_definitions = $folder/definitions.json
log.console = true
log.file = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
CONF
    broker_definitions >"$folder/definitions.json"
}

broker_definitions() {
    local users permissions='' user
    users=$(for user in openstack magnum; do
        printf '{"name":"%s","password_hash":"%s","hashing_algorithm":"rabbit_password_hashing_sha256","tags":[]},' \
            "$user" "$(broker_hash "$(password "broker $user")")"
    done)
    for user in openstack:/ magnum:magnum; do
        permissions+=$(printf '{"user":"%s","vhost":"%s","configure":".*","write":".*","read":".*"},' "${user%:*}" "${user#*:}")
    done
    printf '{"users":[%s],"vhosts":[{"name":"/"},{"name":"magnum"}],"permissions":[%s]}\n' "${users%,}" "${permissions%,}"
}

# How RabbitMQ stores a password: four bytes of salt, then SHA-256 of salt and password, in base64.
broker_hash() {
    { printf 'salt'; printf 'salt%s' "$1" | openssl dgst -sha256 -binary; } | base64 -w 0
}

broker_environment() {
    printf '%s\n' "HOME=$state/data/rabbitmq" "ERL_EPMD_PORT=$(chosen_port epmd)" ERL_EPMD_ADDRESS=127.0.0.1 \
        "RABBITMQ_NODENAME=cloud$(chosen_port rabbitmq)@localhost" "RABBITMQ_NODE_PORT=$(chosen_port rabbitmq)" \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 "RABBITMQ_DIST_PORT=$(chosen_port rabbitmq_distribution)" \
        "RABBITMQ_CONF_ENV_FILE=$state/data/rabbitmq/env" "RABBITMQ_CONFIG_FILE=$state/data/rabbitmq/rabbitmq.conf" \
        "RABBITMQ_ENABLED_PLUGINS_FILE=$state/data/rabbitmq/plugins" "RABBITMQ_MNESIA_BASE=$state/data/rabbitmq/mnesia" \
        "RABBITMQ_LOG_BASE=$state/data/rabbitmq/log" \
        'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none' \
        'RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}'
}

command_rabbitmq() {
    mapfile -t environment < <(broker_environment)
    command=(/usr/lib/rabbitmq/bin/rabbitmq-server)
}

rabbitmqctl() {
    local environment
    mapfile -t environment < <(broker_environment)
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "${environment[@]}" /usr/lib/rabbitmq/bin/rabbitmqctl -q "$@"
}

# Ready when it answers the AMQP greeting with a method frame; an open port alone comes earlier.
ready_rabbitmq() {
    local first=
    exec 3<>"/dev/tcp/127.0.0.1/$(chosen_port rabbitmq)" || return 1
    printf 'AMQP\0\0\011\001' >&3
    IFS= read -r -t 2 -N 1 first <&3 || true
    exec 3>&-
    [ "$first" = $'\001' ]
}
