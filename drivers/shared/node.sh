# shellcheck shell=bash
# What every node does whatever its role: read its parameters, retry, report. Every function may run again.
set -euo pipefail
umask 022

STEP="start"
CAUSE=""

log() {
    printf '%s magnum: %s\n' "$(date -u +%FT%TZ)" "$*" >&2
}

# fail REASON: ends the script; the reason becomes the status reason of the cluster.
fail() {
    CAUSE=$*
    log "$CAUSE"
    exit 1
}

# step NAME COMMAND...: what is being done, for the log and for the reason of a failure.
step() {
    STEP=$1
    shift
    log "$STEP"
    "$@"
}

# optional FUNCTION...: what only some clusters have; its script is part of the user data only there.
optional() {
    if declare -F "$1" >/dev/null; then
        "$@"
    fi
}

# retry TIMES COMMAND...: pauses 2, 4, 8 ... 30 seconds between the attempts. Never logs the arguments.
retry() {
    local times=$1 pause=2 attempt
    shift
    for ((attempt = 1; attempt <= times; attempt++)); do
        if "$@"; then
            return 0
        fi
        log "$STEP: $1, attempt $attempt of $times failed"
        if ((attempt < times)); then
            sleep "$pause"
        fi
        pause=$((pause < 15 ? pause * 2 : 30))
    done
    return 1
}

# read_parameters FILE: every NAME=value line becomes a variable. The file is data: nothing in it is executed.
read_parameters() {
    local line
    while IFS= read -r line; do
        if [[ $line =~ ^[A-Z][A-Z0-9_]*= ]]; then
            printf -v "${line%%=*}" '%s' "${line#*=}"
        fi
    done <"$1"
}

load_parameters() {
    read_parameters /etc/sysconfig/heat-params
}

is_true() {
    case "${1,,}" in
        true | t | yes | y | on | 1) return 0 ;;
        *) return 1 ;;
    esac
}

# image ORGANISATION NAME TAG: with a mirror configured, only its prefix and the bare name count.
image() {
    if [[ -n $CONTAINER_INFRA_PREFIX ]]; then
        printf '%s%s:%s' "$CONTAINER_INFRA_PREFIX" "$2" "$3"
    else
        printf '%s%s:%s' "$1" "$2" "$3"
    fi
}

# json_text TEXT: the inside of a JSON string.
json_text() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\t'/ }
    text=${text//$'\r'/}
    printf '%s' "${text//$'\n'/\\n}"
}

# json_value NAME: the text of one field of the JSON object on standard input.
json_value() {
    sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1
}

# cloud_curl ARGUMENTS...: a call to an endpoint of the cloud. Tokens are passed with -K, so that no process list shows them.
cloud_curl() {
    local options=(--silent --show-error --max-time 60)
    if ! is_true "$VERIFY_CA"; then
        options+=(--insecure)
    fi
    curl "${options[@]}" "$@"
}

token_header() {
    printf 'header = "X-Auth-Token: %s"\n' "$1"
}

# password_token URL USER PASSWORD SCOPE: prints a token. SCOPE is JSON, or empty for an unscoped token.
password_token() {
    local body token
    body=$(printf '{"auth":{"identity":{"methods":["password"],"password":{"user":{"id":"%s","password":"%s"}}}%s}}' \
        "$(json_text "$2")" "$(json_text "$3")" "${4:+,\"scope\":$4}")
    token=$(cloud_curl --fail --dump-header - --output /dev/null --header 'Content-Type: application/json' \
        --data-binary @- "${1%/}/auth/tokens" <<<"$body" | tr -d '\r' | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: //p') || return 1
    [[ -n $token ]] || return 1
    printf '%s' "$token"
}

# post_signal BODY: with the token that came with the command; when that has ended, with one of our own.
post_signal() {
    local url=${WAIT_CURL##* } token code
    token=$(sed -n "s/.*X-Auth-Token: \([^']*\)'.*/\1/p" <<<"$WAIT_CURL")
    code=$(signal_with "$token" "$url" "$1") || return 1
    if [[ $code == 401 ]]; then
        token=$(password_token "$(json_value auth_url <<<"$WAIT_CREDENTIALS")" \
            "$(json_value user_id <<<"$WAIT_CREDENTIALS")" "$(json_value password <<<"$WAIT_CREDENTIALS")" \
            "{\"project\":{\"id\":\"$(json_value project_id <<<"$WAIT_CREDENTIALS")\"}}") || return 1
        code=$(signal_with "$token" "$url" "$1") || return 1
    fi
    [[ $code == 2* ]]
}

signal_with() {
    cloud_curl --output /dev/null --write-out '%{http_code}' --header 'Content-Type: application/json' \
        --header 'Accept: application/json' -K <(token_header "$1") --data-binary @- "$2" <<<"$3"
}

# report STATUS REASON: SUCCESS or FAILURE, to Heat.
report() {
    retry 12 post_signal "$(printf '{"status":"%s","reason":"%s","id":"%s"}' "$1" "$(json_text "$2")" "$INSTANCE_NAME")"
}

# Runs at the end, whatever the end is.
finish() {
    local code=$?
    trap - EXIT
    if ((code != 0)); then
        report FAILURE "$INSTANCE_NAME: $STEP failed${CAUSE:+: $CAUSE}" || log "the failure could not be reported"
    fi
    exit "$code"
}

install_openstack_ca() {
    local anchor=/etc/pki/ca-trust/source/anchors/openstack-ca.pem
    if [[ -s /etc/magnum/openstack-ca.pem ]] && grep -q BEGIN /etc/magnum/openstack-ca.pem; then
        install -m 0644 /etc/magnum/openstack-ca.pem "$anchor"
        update-ca-trust extract
    fi
}

set_selinux_mode() {
    local mode=${SELINUX_MODE:-permissive}
    sed -i "s/^SELINUX=.*/SELINUX=$mode/" /etc/selinux/config
    if [[ $mode != enforcing ]] && command -v setenforce >/dev/null; then
        setenforce 0 2>/dev/null || log "SELinux is off already"
    fi
}

# Kubernetes names its nodes as Nova names them, and the cloud provider looks them up by that name.
set_host_name() {
    hostnamectl set-hostname "$INSTANCE_NAME"
}

# device_of VOLUME: path of an attached volume. Its serial number is the first 20 characters of the volume's id.
device_of() {
    local path=/dev/disk/by-id
    udevadm trigger || return 1
    path=$(find "$path" -name "*${1:0:20}" 2>/dev/null | head -n 1)
    [[ -n $path ]] || return 1
    readlink -f "$path"
}

# mount_volume VOLUME FOLDER UNIT: a file system of its own, made once, without which the unit does not start.
mount_volume() {
    local device needs=/etc/systemd/system/$3.service.d
    retry 20 device_of "$1" >/dev/null || fail "volume $1 is not attached"
    device=$(device_of "$1")
    if [[ $(blkid -s TYPE -o value "$device") != xfs ]]; then
        mkfs.xfs -f "$device"
    fi
    mkdir -p "$2" "$needs"
    printf '[Unit]\nRequiresMountsFor=%s\n' "$2" >"$needs/volume.conf"
    if ! grep -q " $2 " /etc/fstab; then
        printf 'UUID=%s %s xfs defaults,nofail 0 0\n' "$(blkid -s UUID -o value "$device")" "$2" >>/etc/fstab
    fi
    mountpoint -q "$2" || mount "$2"
}

# system_container NAME IMAGE: installed by Atomic once, with a unit of that name.
system_container() {
    if [[ ! -e /etc/systemd/system/$1.service ]]; then
        retry 8 atomic install --storage ostree --system --system-package no --name "$1" "$2" ||
            fail "image $2 could not be installed"
    fi
}

start_services() {
    local unit
    systemctl daemon-reload
    for unit in "$@"; do
        systemctl enable "$unit"
        systemctl restart "$unit" || fail "service $unit does not start"
    done
}

load_parameters
trap finish EXIT
