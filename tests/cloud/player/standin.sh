#!/bin/bash
# Stand-ins for what only a real node has, each called under the name of its command inside the node's root file system.
#
# Promises: every call is noted in /run/node/commands (curl's are not, because they hold tokens); a name found in the
# folder /run/node/broken fails; what a real command would leave behind for later steps is left behind.
set -u
name=${0##*/}
state=/run/node
folder=${*: -1}
image_name='^([a-z0-9.:_-]+/)*[a-z0-9._-]+:[A-Za-z0-9._-]+$'

refuse() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# Every address of the cluster, and what listens on the node's own loopback address, is where the player serves it. Only
# this leaves the node's own network.
outside() {
    CURL_CA_BUNDLE=/etc/pki/tls/certs/ca-bundle.crt /usr/bin/nsenter --net="$state/net" /usr/bin/curl -K "$state/connect" "$@"
}

# What systemd knows: the units of the image, and those that somebody wrote.
unit() {
    grep -qxF "$1" "$state/units" || [ -s "/etc/systemd/system/$1.service" ] ||
        [[ $1 == *.timer && -s /etc/systemd/system/$1 && -s /etc/systemd/system/${1%.timer}.service ]]
}

# What a service needs before it starts, and what it does that nobody outside does for it.
start_unit() {
    unit "$1" || refuse "Unit $1.service not found."
    case $1 in
        kubelet) [ -s /etc/kubernetes/kubelet ] || [ -s /etc/kubernetes/kubelet.yaml ] || refuse "kubelet has no configuration" ;;
        flanneld)
            mkdir -p /run/flannel
            printf 'FLANNEL_SUBNET=10.100.7.1/24\nFLANNEL_MTU=1430\n' >/run/flannel/subnet.env
            ;;
        zookeeper)
            if [ ! -e "$state/active/zookeeper" ]; then
                /usr/bin/python3 -IS "$state/zookeeper.py" </dev/null >&2 &
            fi
            ;;
    esac
    : >"$state/active/$1"
}

systemctl() {
    local action=$1 one
    shift
    for one in "$@"; do
        [ "$one" != --now ] || continue
        case $action in
            enable | reload) unit "$one" || refuse "Unit $one.service does not exist" ;;
            start | restart) start_unit "$one" ;;
            stop) rm -f "$state/active/$one" ;;
            disable)
                unit "$one" || refuse "Unit $one.service does not exist"
                rm -f "$state/active/$one"
                ;;
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
    [[ $image =~ $image_name ]] || refuse "$image is no image with a version"
    [ -n "$container" ] || refuse "no name for $image"
    printf '%s %s\n' "$container" "$image" >>"$state/images"
    printf '[Service]\nExecStart=/usr/bin/runc run %s\n' "$container" >"/etc/systemd/system/$container.service"
    # The image of the kubelet brings kubectl.
    [ "$container" != kubelet ] || ln -sf standin /usr/local/bin/kubectl
}

# podman pull --quiet IMAGE
podman() {
    [ "$1" = pull ] || refuse "only pull is known"
    [[ $folder =~ $image_name ]] || refuse "$folder is no image with a version"
    printf 'podman %s\n' "$folder" >>"$state/images"
}

# kubectl --server URL apply -f FILE, and label --overwrite node NAME LABEL; with a kubeconfig also get --raw PATH
kubectl() {
    case " $* " in
        *" get configmap "*) [ "$1" != --kubeconfig ] || cat /etc/kubernetes/certs/ca.crt ;;
        *" get secrets "*) base64 -w0 /etc/kubernetes/certs/ca.crt ;;
        *" get deployments,daemonsets "*) printf '%s\n' deployment.apps/coredns daemonset.apps/openstack-cloud-controller-manager ;;
        *" patch "*) [[ $* =~ magnum.openstack.org/(authority|credentials) ]] || refuse "unknown reason to start again" ;;
        *" delete pods --selector k8s-app=openstack-cloud-controller-manager "*) ;;
        *) kubectl_made "$@" ;;
    esac
}

kubectl_made() {
    if [ "$1" = --kubeconfig ]; then
        [ -s "$2" ] || refuse "stat $2: no such file or directory"
        with_kubeconfig "$@"
    else
        [ -e "$state/active/kube-apiserver" ] || refuse "The connection to the server $2 was refused"
        case $3 in
            apply) keep_manifest ;;
            label) [ -e "$state/active/kubelet" ] || refuse "nodes \"$6\" not found" ;;
            *) refuse "unknown command $3" ;;
        esac
    fi
}

with_kubeconfig() {
    local file=$2
    case $3 in
        get) ask_api "$file" "$5" ;;
        label) ask_api "$file" "/api/v1/nodes/$6" >/dev/null ;;
        apply) ask_api "$file" /readyz >/dev/null && keep_manifest ;;
        *) refuse "unknown command $3" ;;
    esac
}

# ask_api KUBECONFIG PATH: at the server that it names, trusting its authority, with its token.
ask_api() {
    local server authority token
    server=$(sed -n 's/.*server: "\([^"]*\)".*/\1/p' "$1")
    authority=$(sed -n 's/.*certificate-authority: \([^}]*\)}.*/\1/p' "$1")
    token=$(sed -n 's/.*token: \([^}]*\)}.*/\1/p' "$1")
    outside --silent --show-error --fail --max-time 20 --cacert "$authority" \
        -K <(printf 'header = "Authorization: Bearer %s"\n' "$token") "$server$2"
}

keep_manifest() {
    [ -s "$folder" ] || refuse "no such file: $folder"
    mkdir -p "$state/applied"
    cp "$folder" "$state/applied/"
}

# docker --tlsverify --tlscacert=FILE --tlscert=FILE --tlskey=FILE --host URL node ls|inspect|demote|rm ...
docker() {
    local files=() address=''
    while [[ $1 == --* ]]; do
        case $1 in
            --tlsverify) ;;
            --tlscacert=*) files+=(--cacert "${1#*=}") ;;
            --tlscert=*) files+=(--cert "${1#*=}") ;;
            --tlskey=*) files+=(--key "${1#*=}") ;;
            --host)
                address=${2/#tcp:/https:}
                shift
                ;;
            *) refuse "unknown option $1" ;;
        esac
        shift
    done
    if [ "$*" = 'info --format {{.Swarm.NodeID}}' ]; then
        outside --silent --fail --unix-socket /var/run/docker.sock http://docker/info | sed -n 's/.*"NodeID":"\([^"]*\)".*/\1/p'
        return
    fi
    [ "$1" = node ] || refuse "unknown command $1"
    case $2 in
        ls) outside --silent --fail "${files[@]}" "$address/standin/nodes" | awk -v name="${folder#name=}" '$1 ~ name { print $2 }' ;;
        inspect) outside --silent --fail "${files[@]}" "$address/standin/nodes" | grep -F "$(printf '%s\n' "${@:5}")" ;;
        demote) outside --silent --fail "${files[@]}" --data '{"Role":"worker"}' "$address/nodes/$folder/update" ;;
        rm) outside --silent --fail "${files[@]}" --request DELETE "$address/nodes/$folder" ;;
        *) refuse "unknown command node $2" ;;
    esac
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

if [ "$name" = curl ]; then
    outside "$@"
    exit
fi
printf '%s %s\n' "$name" "$*" >>"$state/commands"
[ ! -e "$state/broken/$name" ] || refuse "$(<"$state/broken/$name")"
case $name in
    systemctl | atomic | podman | kubectl | docker | blkid | ip | hostname) "$name" "$@" ;;
    hostnamectl) printf '%s\n' "$2" >/etc/hostname ;;
    mkfs.xfs) [ -e "$folder" ] && : >"$state/xfs/${folder##*/}" ;;
    pvs | vgs) exit 1 ;;
    pvcreate) [ -e "$folder" ] ;;
    mountpoint) grep -qsxF "$folder" "$state/mounted" ;;
    mount) printf '%s\n' "$folder" >>"$state/mounted" ;;
    # A node waits longer than a test may.
    sleep) exec /usr/bin/sleep "$(awk -v wanted="$1" 'BEGIN { print (wanted > 2) ? 2 : wanted }')" ;;
    udevadm | vgcreate | docker-storage-setup | update-ca-trust | update-ca-certificates | setenforce | iptables) ;;
    modprobe | sysctl) ;;
    *) refuse "there is no stand-in of this name" ;;
esac
