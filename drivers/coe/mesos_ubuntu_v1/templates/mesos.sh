# shellcheck shell=bash
# What masters and slaves of Mesos have in common. The packages of Mesos read each flag from a file of its name.

# Ubuntu keeps trusted authorities elsewhere than Fedora.
trust_openstack_ca() {
    local anchor=/usr/local/share/ca-certificates/openstack-ca.crt
    if grep -q BEGIN /etc/magnum/openstack-ca.pem 2>/dev/null; then
        install -m 0644 /etc/magnum/openstack-ca.pem "$anchor"
        update-ca-certificates
    fi
}

# zookeeper_url PATH: where all of ZooKeeper is found, and a place in it.
zookeeper_url() {
    printf 'zk://%s:2181%s' "${MASTER_ADDRESSES//,/:2181,}" "$1"
}

# flag FOLDER NAME VALUE: sets a flag of the program that reads the folder; without a value its default holds.
flag() {
    mkdir -p "/etc/$1"
    if [[ -n $3 ]]; then
        printf '%s\n' "$3" >"/etc/$1/$2"
    else
        rm -f "/etc/$1/$2"
    fi
}

# not_here UNIT...: what the image has for nodes of the other role.
not_here() {
    local unit
    for unit in "$@"; do
        systemctl disable --now "$unit" 2>/dev/null || log "$unit is not installed"
    done
}

# ask URL: one call inside the cluster, which no proxy sees.
ask() {
    curl --silent --fail --max-time 15 --noproxy '*' "$1"
}
