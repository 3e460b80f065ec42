#!/bin/bash
# Stand-ins for what only a real node has, each called under the name of its command inside the node's root file system.
#
# Promises: every call is noted in /run/node/commands (curl's are not, because they hold tokens); a name found in the
# folder /run/node/broken fails; what a real command would leave behind for later steps is left behind.
set -u
name=${0##*/}
state=/run/node
folder=${*: -1}

refuse() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# What systemd knows: the units of the image, and those that somebody wrote.
unit() {
    case $1 in
        docker | docker-storage-setup) return 0 ;;
        *) [ -s "/etc/systemd/system/$1.service" ] ;;
    esac
}

start_unit() {
    unit "$1" || refuse "Unit $1.service not found."
    [ "$1" != kubelet ] || [ -s /etc/kubernetes/kubelet ] || refuse "kubelet has no configuration"
    if [ "$1" = flanneld ]; then
        mkdir -p /run/flannel
        printf 'FLANNEL_SUBNET=10.100.7.1/24\nFLANNEL_MTU=1430\n' >/run/flannel/subnet.env
    fi
    : >"$state/active/$1"
}

systemctl() {
    local action=$1 one
    shift
    for one in "$@"; do
        case $action in
            enable) unit "$one" || refuse "Unit $one.service does not exist" ;;
            start | restart) start_unit "$one" ;;
            stop) rm -f "$state/active/$one" ;;
            *) refuse "unknown action $action" ;;
        esac
    done
}

# atomic install --storage ostree --system --system-package no --name NAME IMAGE
atomic() {
    local image=$folder container=''
    [ "$1" = install ] || refuse "only install is known"
    while [ $# -gt 1 ]; do
        [ "$1" != --name ] || container=$2
        shift
    done
    [[ $image =~ ^([a-z0-9.:_-]+/)*[a-z0-9._-]+:[A-Za-z0-9._-]+$ ]] || refuse "$image is no image with a version"
    [ -n "$container" ] || refuse "no name for $image"
    printf '%s %s\n' "$container" "$image" >>"$state/images"
    printf '[Service]\nExecStart=/usr/bin/runc run %s\n' "$container" >"/etc/systemd/system/$container.service"
    # The image of the kubelet brings kubectl.
    [ "$container" != kubelet ] || ln -sf standin /usr/local/bin/kubectl
}

# kubectl --server URL apply -f FILE
kubectl() {
    [ "$3" = apply ] || refuse "only apply is known"
    [ -e "$state/active/kube-apiserver" ] || refuse "The connection to the server $2 was refused"
    [ -s "$folder" ] || refuse "no such file: $folder"
    mkdir -p "$state/applied"
    cp "$folder" "$state/applied/"
}

blkid() {
    local device=${folder##*/}
    [ -e "$state/xfs/$device" ] || exit 2
    case "$*" in
        *UUID*) printf '0e9d2a4e-0000-4000-8000-%012d\n' "$(cksum <<<"$device" | cut -c 1-6)" ;;
        *) echo xfs ;;
    esac
}

ip() {
    case "$*" in
        *address*) printf '2: eth0    inet %s/24 brd 10.255.255.255 scope global eth0\n' "$(<"$state/address")" ;;
        'link delete '*) refuse "Cannot find device" ;;
        *) refuse "unknown: $*" ;;
    esac
}

hostname() { cat /etc/hostname; }

# Every address of the cluster, and what listens on the node's own loopback address, is where the player serves it.
if [ "$name" = curl ]; then
    exec /usr/bin/curl -K "$state/connect" "$@"
fi
printf '%s %s\n' "$name" "$*" >>"$state/commands"
[ ! -e "$state/broken/$name" ] || refuse "$(<"$state/broken/$name")"
case $name in
    systemctl | atomic | kubectl | blkid | ip | hostname) "$name" "$@" ;;
    hostnamectl) printf '%s\n' "$2" >/etc/hostname ;;
    mkfs.xfs) [ -e "$folder" ] && : >"$state/xfs/${folder##*/}" ;;
    pvs | vgs) exit 1 ;;
    pvcreate) [ -e "$folder" ] ;;
    mountpoint) grep -qsxF "$folder" "$state/mounted" ;;
    mount) printf '%s\n' "$folder" >>"$state/mounted" ;;
    # A node waits longer than a test may.
    sleep) exec /usr/bin/sleep "$(awk -v wanted="$1" 'BEGIN { print (wanted > 2) ? 2 : wanted }')" ;;
    udevadm | vgcreate | docker-storage-setup | update-ca-trust | setenforce | iptables) ;;
    *) refuse "there is no stand-in of this name" ;;
esac
