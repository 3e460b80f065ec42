# shellcheck shell=bash
# What Fedora CoreOS lacks to be a node: kubelet, CNI plug-ins, a container runtime set up for Kubernetes, units.
runtime_unit() {
    printf containerd
}

architecture() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        *) uname -m ;;
    esac
}

# fetch URL FILE: kept only when it has the checksum that is published beside it.
fetch() {
    local sum
    curl --silent --show-error --fail --location --max-time 900 --output "$2.new" "$1" || return 1
    sum=$(curl --silent --show-error --fail --location --max-time 60 "$1.sha256") || return 1
    printf '%s  %s\n' "${sum%%[[:space:]]*}" "$2.new" | sha256sum --check --status || return 1
    mv "$2.new" "$2"
}

# install_binaries NAME...: programs of the Kubernetes release.
install_binaries() {
    local name url
    for name in "$@"; do
        if [[ $(cat "/usr/local/bin/.$name" 2>/dev/null) == "$KUBE_TAG" ]]; then
            continue
        fi
        url=$KUBE_BINARIES_URL/release/$KUBE_TAG/bin/linux/$(architecture)/$name
        retry 8 fetch "$url" "/usr/local/bin/$name" || fail "$name $KUBE_TAG could not be fetched"
        chmod 0755 "/usr/local/bin/$name"
        printf '%s' "$KUBE_TAG" >"/usr/local/bin/.$name"
    done
    if command -v restorecon >/dev/null; then
        restorecon -R /usr/local/bin
    fi
}

install_cni_plugins() {
    local archive
    archive=cni-plugins-linux-$(architecture)-$CNI_PLUGINS_TAG.tgz
    mkdir -p /opt/cni/bin /etc/cni/net.d
    if [[ ! -x /opt/cni/bin/bridge ]]; then
        retry 8 fetch "$CNI_PLUGINS_URL/$CNI_PLUGINS_TAG/$archive" "/opt/cni/$archive" ||
            fail "the CNI plug-ins $CNI_PLUGINS_TAG could not be fetched"
        tar -C /opt/cni/bin -xzf "/opt/cni/$archive"
        rm -f "/opt/cni/$archive"
    fi
}

# Packets of pods cross bridges and are routed; NetworkManager and systemd leave the pods' interfaces alone.
configure_kernel() {
    printf 'overlay\nbr_netfilter\n' >/etc/modules-load.d/magnum.conf
    modprobe -a overlay br_netfilter
    printf '%s = 1\n' net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables \
        >/etc/sysctl.d/90-magnum.conf
    sysctl --quiet --load /etc/sysctl.d/90-magnum.conf
    printf '[keyfile]\nunmanaged-devices=interface-name:%s\n' \
        "cali*;interface-name:tunl*;interface-name:flannel*;interface-name:cni*;interface-name:veth*" \
        >/etc/NetworkManager/conf.d/magnum.conf
    mkdir -p /etc/systemd/network
    printf '[Match]\nOriginalName=flannel*\n[Link]\nMACAddressPolicy=none\n' >/etc/systemd/network/50-flannel.link
    systemctl reload NetworkManager || log "NetworkManager does not run"
}

# Version 2 of the file is read by containerd 1.7 and 2.
containerd_settings() {
    local cri='plugins."io.containerd.grpc.v1.cri"'
    cat <<SETTINGS
version = 2
[$cri]
sandbox_image = "$(image registry.k8s.io/ pause "$PAUSE_TAG")"
[$cri.cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
[$cri.registry]
config_path = "/etc/containerd/certs.d"
[$cri.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[$cri.containerd.runtimes.runc.options]
SystemdCgroup = true
SETTINGS
}

configure_containerd() {
    if [[ -n $DOCKER_VOLUME ]]; then
        mount_volume "$DOCKER_VOLUME" /var/lib/containerd containerd
    fi
    mkdir -p /etc/containerd
    containerd_settings >/etc/containerd/config.toml
    if [[ -n $INSECURE_REGISTRY_URL ]]; then
        trust_registry "$INSECURE_REGISTRY_URL"
    fi
}

# trust_registry HOST: without TLS or with a certificate nobody signed, for containerd and for podman.
trust_registry() {
    mkdir -p "/etc/containerd/certs.d/$1" /etc/containers/registries.conf.d
    printf '[host."http://%s"]\n[host."https://%s"]\nskip_verify = true\n' "$1" "$1" \
        >"/etc/containerd/certs.d/$1/hosts.toml"
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1" >/etc/containers/registries.conf.d/magnum.conf
}

# unit_words WORD...: each on a line of its own, quoted for a unit file.
unit_words() {
    local word
    for word in "$@"; do
        word=${word//\\/\\\\}
        word=${word//\"/\\\"}
        word=${word//%/%%}
        printf ' \\\n  "%s"' "${word//\$/\$\$}"
    done
}

# container_unit NAME IMAGE PROGRAM FOLDERS WORD...: a unit that runs one program of an image on the host's network.
# FOLDERS are given to it under their own names, those behind a colon for writing. With SSL_CERT_FILE it trusts that file.
container_unit() {
    local name=$1 image=$2 program=$3 folders=$4 folder mounts=()
    shift 4
    for folder in ${folders%%:*}; do
        mounts+=("--volume=$folder:$folder:ro")
    done
    for folder in ${folders#*:}; do
        mounts+=("--volume=$folder:$folder:rslave")
    done
    retry 8 podman pull --quiet "$image" >/dev/null || fail "image $image could not be pulled"
    cat >"/etc/systemd/system/$name.service" <<UNIT
[Unit]
Description=$name
Wants=network-online.target
After=network-online.target
[Service]
Type=notify
NotifyAccess=all
Restart=always
RestartSec=5
TimeoutStartSec=300
ExecStart=/usr/bin/podman run --name=$name --replace --rm --detach --cgroups=no-conmon --sdnotify=conmon \\
  --network=host --user=0 --http-proxy=false --security-opt=label=disable${PRIVILEGED:+ --privileged}${SSL_CERT_FILE:+ --env=SSL_CERT_FILE=$SSL_CERT_FILE}$(
        unit_words "${mounts[@]}" "--entrypoint=$program" "$image" "$@"
    )
ExecStop=/usr/bin/podman stop --ignore --time=20 $name
[Install]
WantedBy=multi-user.target
UNIT
}
