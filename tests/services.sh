#!/usr/bin/env bash
# MariaDB, PostgreSQL and RabbitMQ for the tests: installed when missing (Debian 12), private instances, nothing else.
#
# Promises: listens on 127.0.0.1 only, on free ports; keeps all data in one folder of its own; never starts, stops or
# configures a service of the system; `down` ends exactly the processes that `up` started and removes the folder.
# A server whose TEST_*_URL is already set is used as it is given: not installed, not started, not stopped.

set -euo pipefail

usage() {
    cat <<'TEXT'
tests/services.sh COMMAND

  up [--for PID]      install what is missing, start, wait until ready, print `export TEST_...` lines;
                      with --for, everything is stopped when that process ends, however it ends
  env                 print the `export` lines of what is up: TEST_MYSQL_URL, TEST_POSTGRES_URL, TEST_RABBIT_URL and,
                      for each, TEST_..._START, _KILL, _RESTART, _PAUSE, _RESUME: commands for `sh -c`;
                      TEST_SERVICES_RESTART is one to which the name of a server is added; TEST_MYSQL_CA and
                      TEST_POSTGRES_CA are the certificate to trust where the database is reached over TLS.
                      Of a server that was given there is only the URL
  status              one line per server
  down                stop what `up` started and remove its data
  start|kill|restart|pause|resume SERVER
                      for failure tests; SERVER is mysql, postgres or rabbit; kill is SIGKILL, pause is SIGSTOP
  rabbitmqctl ARG...  operate the private broker
  deps                install only what building needs (C compiler, pkg-config, OpenSSL headers)
  gophercloud         install Go and gophercloud, for the test with that client

MAGNUM_SERVICES_DIR names another state folder (default target/services).
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
self=$root/tests/services.sh
state=$(realpath -m "${MAGNUM_SERVICES_DIR:-${CARGO_TARGET_DIR:-$root/target}/services}")
services=(mysql postgres rabbit)
rabbit_home=/usr/lib/rabbitmq

say() { printf '%s\n' "$*" >&2; }
die() { say "services: $*"; exit 1; }

# --- Packages ---------------------------------------------------------------------------------------------------

postgres_bin() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V -r); do
        if [ -x "$folder/postgres" ]; then
            echo "$folder"
            return
        fi
    done
    if command -v postgres >/dev/null && command -v initdb >/dev/null; then
        dirname "$(readlink -f "$(command -v postgres)")"
    fi
}

missing_for() {
    case $1 in
        openssl) command -v openssl >/dev/null || echo openssl ;;
        mysql) command -v mariadbd >/dev/null && command -v mariadb >/dev/null || echo mariadb-server mariadb-client ;;
        postgres) [ -n "$(postgres_bin)" ] || echo postgresql ;;
        rabbit) [ -x "$rabbit_home/bin/rabbitmq-server" ] || echo rabbitmq-server ;;
        build)
            command -v cc >/dev/null || echo build-essential
            command -v pkg-config >/dev/null || echo pkg-config
            pkg-config --exists openssl 2>/dev/null || echo libssl-dev
            ;;
        tools)
            command -v shellcheck >/dev/null || echo shellcheck
            command -v curl >/dev/null || echo curl
            python3 -c 'import ensurepip' 2>/dev/null || echo python3 python3-venv
            ;;
        gophercloud)
            command -v go >/dev/null || echo golang-go
            [ -d /usr/share/gocode/src/github.com/gophercloud ] || echo golang-github-gophercloud-gophercloud-dev
            ;;
    esac
}

# Installs packages without letting their scripts start or enable anything.
install() {
    local packages=("$@") policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/no-main-cluster.conf
    [ ${#packages[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        die "missing: ${packages[*]}. Install them (on Debian 12, as root: apt-get install ${packages[*]}) and run this again"
    fi
    say "services: installing ${packages[*]}"
    local own_policy=no
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    mkdir -p "$(dirname "$cluster")"
    echo 'create_main_cluster = false' >"$cluster"
    local log result=0
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null || result=$?
    rm -f "$cluster"
    [ $own_policy = no ] || rm -f "$policy"
    disable_at_boot "${packages[@]}"
    if [ $result != 0 ]; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install ${packages[*]}"
    fi
    rm -f "$log"
}

# Only what was installed just now: a server that was there before belongs to somebody.
disable_at_boot() {
    local package
    for package in "$@"; do
        case $package in
            mariadb-server) update-rc.d mariadb disable ;;
            postgresql) update-rc.d postgresql disable ;;
            rabbitmq-server) update-rc.d rabbitmq-server disable ;;
        esac >/dev/null 2>&1 || true
    done
}

install_missing() {
    local part words
    words=$(for part in "$@"; do missing_for "$part"; done)
    read -r -a words <<<"${words//$'\n'/ }"
    install "${words[@]}"
}

# --- Processes --------------------------------------------------------------------------------------------------

# A process id is reused one day; with its start time it is not. Prints state and start time.
process() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -r -a fields <<<"${stat##*) }"
    echo "${fields[0]} ${fields[19]}"
}

started_at() {
    local state_and_start
    state_and_start=$(process "$1") && echo "${state_and_start#* }"
}

remember() { echo "$2 $(started_at "$2")" >"$state/$1.pid"; }

pid_of() {
    local pid start now
    [ -f "$state/$1.pid" ] || return 1
    read -r pid start <"$state/$1.pid" || return 1
    now=$(process "$pid") || return 1
    [ "${now#* }" = "$start" ] && [ "${now% *}" != Z ] || return 1
    echo "$pid"
}

# Starts a command in a session of its own, so that a Ctrl-C meant for the tests does not reach it.
launch() {
    local name=$1
    shift
    (cd "$data/$name" && exec setsid "$@" </dev/null >>"$data/$name.log" 2>&1 9>&-) &
    remember "$name" $!
    disown
}

# Reaches the whole session of a server, because RabbitMQ runs below a shell of its own, and its children, because
# PostgreSQL's have sessions of their own. Orderly ends are the business of the first process alone.
signal() {
    local name=$1 signal=$2 pid children=()
    pid=$(pid_of "$name") || return 0
    case $signal in
        KILL | STOP | CONT) read -r -a children <"/proc/$pid/task/$pid/children" || true ;;
    esac
    kill -s "$signal" -- "-$pid" "${children[@]}" 2>/dev/null || kill -s "$signal" "$pid" 2>/dev/null || true
}

gone() { ! pid_of "$1" >/dev/null; }

wait_for() {
    local what=$1 seconds=$2 name=$3 end
    shift 3
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            [ ! -f "$data/$name.log" ] || tail -n 20 "$data/$name.log" >&2
            die "$what: not after $seconds s"
        fi
        sleep 0.1
    done
}

open_port() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port outside the range from which the kernel hands out ports for outgoing connections.
free_port() {
    local port
    for _ in $(seq 200); do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! open_port "$port" && ! grep -qs "=$port\$" "$state/ports"; then
            echo "$1=$port" >>"$state/ports"
            return
        fi
    done
    die "no free port on 127.0.0.1"
}

port() { sed -n "s/^$1=//p" "$state/ports"; }

# A certificate for localhost that is its own authority: TEST_MYSQL_CA and TEST_POSTGRES_CA name it.
make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$data/server.key" -out "$data/server.pem" 2>"$data/openssl.log" ||
        { cat "$data/openssl.log" >&2; die "openssl could not make a certificate"; }
}

secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# --- MariaDB ----------------------------------------------------------------------------------------------------

mysql_prepare() {
    free_port mysql
    mkdir "$data/mysql"
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$data/mysql" --auth-root-authentication-method=normal \
        --skip-test-db >"$data/mysql.log" 2>&1 || { tail -n 20 "$data/mysql.log" >&2; die "mariadb-install-db failed"; }
}

# The socket path is relative to the data folder: an absolute one may be longer than the kernel allows.
mysql_launch() {
    launch mysql mariadbd --no-defaults --user="$(id -un)" --datadir="$data/mysql" --socket=mysql.sock \
        --bind-address=127.0.0.1 --port="$(port mysql)" --skip-name-resolve --skip-log-bin --max-connections=500 \
        --ssl-ca="$data/server.pem" --ssl-cert="$data/server.pem" --ssl-key="$data/server.key" \
        --character-set-server=utf8mb4 --innodb-buffer-pool-size=128M --innodb-flush-log-at-trx-commit=2 --performance-schema=0
}

mysql_client() { (cd "$data/mysql" && mariadb --no-defaults --socket=mysql.sock --user=root "$@"); }
mysql_ready() { open_port "$(port mysql)" && mysql_client -e 'SELECT 1'; }

mysql_seed() {
    mysql_client <<SQL
CREATE DATABASE magnum CHARACTER SET utf8mb4;
CREATE USER magnum@'127.0.0.1' IDENTIFIED BY '$secret';
GRANT ALL ON *.* TO magnum@'127.0.0.1' WITH GRANT OPTION;
SQL
}

mysql_url() { echo "mysql://magnum:$secret@127.0.0.1:$(port mysql)/magnum"; }

# --- PostgreSQL -------------------------------------------------------------------------------------------------

# The server refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

postgres_prepare() {
    free_port postgres
    mkdir "$data/postgres"
    printf '%s\n' "$secret" >"$data/postgres.password"
    if [ "$(id -u)" = 0 ]; then
        chown postgres: "$data/postgres" "$data/postgres.password"
    fi
    (cd "$data/postgres" && as_postgres "$(postgres_bin)/initdb" -D "$data/postgres" -U magnum -A scram-sha-256 -E UTF8 --locale=C.UTF-8 \
        --no-sync --pwfile="$data/postgres.password") >"$data/postgres.log" 2>&1 || { tail -n 20 "$data/postgres.log" >&2; die "initdb failed"; }
    rm "$data/postgres.password"
    cp "$data/server.key" "$data/postgres/server.key"
    [ "$(id -u)" != 0 ] || chown postgres: "$data/postgres/server.key"
    chmod 600 "$data/postgres/server.key"
}

# Without fsync a killed server loses nothing, only a crashed machine does.
postgres_launch() {
    local wrapper=()
    [ "$(id -u)" != 0 ] || wrapper=(setpriv --reuid=postgres --regid=postgres --init-groups)
    launch postgres "${wrapper[@]}" "$(postgres_bin)/postgres" -D "$data/postgres" -h 127.0.0.1 -p "$(port postgres)" \
        -c ssl=on -c ssl_cert_file="$data/server.pem" -c ssl_key_file=server.key -c unix_socket_directories= -c max_connections=500 -c fsync=off -c shared_buffers=128MB
}

postgres_psql() { PGPASSWORD=$secret "$(postgres_bin)/psql" -X -q -h 127.0.0.1 -p "$(port postgres)" -U magnum "$@"; }
postgres_ready() { postgres_psql -d postgres -c 'SELECT 1'; }
postgres_seed() { postgres_psql -d postgres -c 'CREATE DATABASE magnum'; }
postgres_url() { echo "postgresql://magnum:$secret@127.0.0.1:$(port postgres)/magnum"; }

# --- RabbitMQ ---------------------------------------------------------------------------------------------------

rabbit_prepare() {
    free_port rabbit
    free_port rabbit_dist
    free_port epmd
    mkdir "$data/rabbit" "$data/epmd"
    secret >"$data/rabbit/.erlang.cookie"
    chmod 400 "$data/rabbit/.erlang.cookie"
    cat >"$data/rabbit/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$(port rabbit)
default_user = magnum
default_pass = $secret
log.console = true
log.file = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
CONF
    : >"$data/rabbit/plugins"
    : >"$data/rabbit/env"
}

# A node of its own: own home and cookie, own epmd, and the distribution port bound to loopback too.
rabbit_command() {
    command=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME="$data/rabbit"
        ERL_EPMD_PORT="$(port epmd)" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="magnum$(port rabbit)@localhost"
        RABBITMQ_DIST_PORT="$(port rabbit_dist)" RABBITMQ_CONF_ENV_FILE="$data/rabbit/env"
        RABBITMQ_CONFIG_FILE="$data/rabbit/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$data/rabbit/plugins"
        RABBITMQ_MNESIA_BASE="$data/rabbit/mnesia" RABBITMQ_LOG_BASE="$data/rabbit/log"
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none"
        RABBITMQ_CTL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" "$rabbit_home/bin/$1" "${@:2}")
}

rabbit_launch() {
    local command
    if gone epmd; then
        launch epmd epmd -port "$(port epmd)" -address 127.0.0.1
        wait_for "epmd on 127.0.0.1:$(port epmd)" 10 epmd open_port "$(port epmd)"
    fi
    rabbit_command rabbitmq-server
    launch rabbit "${command[@]}"
}

# Ready when it answers the AMQP greeting with a method frame; an open port alone comes earlier.
rabbit_ready() {
    local first=
    exec 3<>"/dev/tcp/127.0.0.1/$(port rabbit)" || return 1
    printf 'AMQP\0\0\011\001' >&3
    IFS= read -r -t 2 -N 1 first <&3 || true
    exec 3>&-
    [ "$first" = $'\001' ]
}

rabbit_seed() { :; }
rabbit_url() { echo "amqp://magnum:$secret@127.0.0.1:$(port rabbit)/%2f"; }

# --- Commands ---------------------------------------------------------------------------------------------------

label() {
    case $1 in
        mysql) echo MariaDB ;;
        postgres) echo PostgreSQL ;;
        rabbit) echo RabbitMQ ;;
    esac
}

variable() { echo "TEST_$(tr '[:lower:]' '[:upper:]' <<<"$1")_URL"; }

# Variables of a server that somebody else provides.
given() {
    local name
    name=$(variable "$1")
    [ -n "${!name:-}" ] && [ ! -e "$state/$1.pid" ]
}

load() {
    data='' secret=''
    if [ -f "$state/data" ]; then
        data=$(<"$state/data")
        secret=$(<"$state/secret")
    fi
}

# The name of a server, from one of its names.
server() {
    case ${1:-} in
        mariadb) echo mysql ;;
        postgresql) echo postgres ;;
        rabbitmq) echo rabbit ;;
        *) echo "${1:-}" ;;
    esac
}

known() {
    case $1 in
        mysql | postgres | rabbit) ;;
        *) die "no such server: $1 (mysql, postgres, rabbit)" ;;
    esac
    if [ -z "$data" ] || [ ! -e "$state/$1.pid" ]; then die "$1 was not started by this script"; fi
}

start() {
    local name=$1
    gone "$name" || return 0
    "${name}_launch"
    # A killed PostgreSQL refuses to start while its orphans live, so a start that ended is repeated.
    local end=$((SECONDS + 90))
    until "${name}_ready" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            tail -n 20 "$data/$name.log" >&2
            die "$(label "$name") on 127.0.0.1:$(port "$name"): not ready after 90 s"
        fi
        sleep 0.2
        if gone "$name"; then "${name}_launch"; fi
    done
}

stop() {
    local name=$1
    signal "$name" CONT
    if [ "$name" = postgres ]; then signal postgres INT; else signal "$name" TERM; fi
    local end=$((SECONDS + 20))
    until gone "$name" || [ $SECONDS -ge $end ]; do sleep 0.1; done
    signal "$name" KILL
}

prepare() {
    data=$(mktemp -d "${TMPDIR:-/tmp}/magnum-services.XXXXXX")
    chmod 711 "$data"
    echo "$data" >"$state/data"
    (umask 077 && secret >"$state/secret")
    : >"$state/ports"
    load
    make_certificate
}

up() {
    local owner='' name wanted=()
    if [ "${1:-}" = --for ]; then owner=${2:?--for needs a process id}; fi
    mkdir -p "$state"
    exec 9>"$state/lock"
    flock -w 300 9 || die "another 'services.sh up' is running in $state"
    for name in "${services[@]}"; do given "$name" || wanted+=("$name"); done
    [ ${#wanted[@]} = 0 ] || install_missing openssl "${wanted[@]}"
    if [ -z "$data" ] || [ ! -d "$data" ]; then prepare; fi
    for name in "${wanted[@]}"; do
        local begun=$SECONDS fresh=no
        [ -d "$data/$name" ] || fresh=yes
        [ $fresh = no ] || "${name}_prepare"
        gone "$name" || continue
        start "$name"
        [ $fresh = no ] || "${name}_seed" >/dev/null
        say "services: $(label "$name") on 127.0.0.1:$(port "$name") ($((SECONDS - begun)) s)"
    done
    [ -z "$owner" ] || watch "$owner"
    exports
}

# Stops everything when the owner ends without having done so itself.
watch() {
    (MAGNUM_SERVICES_DIR=$state exec setsid bash "$self" down-after "$1" "$(started_at "$1")" </dev/null >/dev/null 2>&1 9>&-) &
    disown
}

down_after() {
    while [ "$(started_at "$1")" = "$2" ] && [ -e "$state/data" ]; do sleep 1; done
    down
}

exports() {
    local name upper verb run
    run="env MAGNUM_SERVICES_DIR=$(printf '%q' "$state") bash $(printf '%q' "$self")"
    for name in "${services[@]}"; do
        upper=$(tr '[:lower:]' '[:upper:]' <<<"$name")
        if given "$name"; then
            name=$(variable "$name")
            printf 'export %s=%q\n' "$name" "${!name}"
            continue
        fi
        gone "$name" && continue
        printf 'export TEST_%s_URL=%q\n' "$upper" "$("${name}_url")"
        for verb in start kill restart pause resume; do
            printf 'export TEST_%s_%s=%q\n' "$upper" "${verb^^}" "$run $verb $name"
        done
        case $name in
            mysql | postgres) printf 'export TEST_%s_CA=%q\n' "$upper" "$data/server.pem" ;;
        esac
    done
    printf 'export TEST_SERVICES_RESTART=%q\n' "$run restart"
    if ! given rabbit && ! gone rabbit; then
        printf 'export TEST_RABBIT_CTL=%q\n' "$run rabbitmqctl"
    fi
}

status() {
    local name
    for name in "${services[@]}"; do
        if given "$name"; then
            echo "$(label "$name"): given by $(variable "$name")"
        elif gone "$name"; then
            echo "$(label "$name"): not running"
        else
            echo "$(label "$name"): 127.0.0.1:$(port "$name"), process $(pid_of "$name")"
        fi
    done
}

down() {
    local name
    [ -n "$data" ] || return 0
    for name in "${services[@]}"; do stop "$name" & done
    wait
    stop epmd
    rm -rf "$data" "$state"
}

action=${1:-}
[ $# = 0 ] || shift
load
case $action in
    up) up "$@" ;;
    env) exports ;;
    status) status ;;
    down) down ;;
    down-after) down_after "$@" ;;
    start | kill | restart | pause | resume)
        name=$(server "$@")
        known "$name"
        case $action in
            start) start "$name" ;;
            pause) signal "$name" STOP ;;
            resume) signal "$name" CONT ;;
            *)
                signal "$name" KILL
                wait_for "end of $name" 20 "$name" gone "$name"
                [ "$action" = kill ] || start "$name"
                ;;
        esac
        ;;
    rabbitmqctl)
        known rabbit
        rabbit_command rabbitmqctl "$@"
        "${command[@]}"
        ;;
    deps) install_missing build ;;
    tools) install_missing build openssl tools ;;
    gophercloud) install_missing gophercloud ;;
    '' | help | -h | --help) usage ;;
    *) usage >&2 && exit 2 ;;
esac
