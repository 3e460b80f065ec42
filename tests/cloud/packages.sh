# shellcheck shell=bash
# The Debian 12 packages of the test cloud: installed when missing, never started by their own scripts.
#
# Promises: a machine that has everything is left alone; no package script starts a daemon, enables one at boot (unless
# the package was there before) or makes a database; nova-compute and cinder-volume, which would pull in a hypervisor and
# LVM, are not installed, because their code comes with the packages of their siblings.

cloud_packages=(
    mariadb-server mariadb-client rabbitmq-server memcached
    uwsgi-core uwsgi-plugin-python3
    keystone
    heat-api heat-api-cfn heat-engine
    neutron-api
    nova-api nova-conductor nova-scheduler placement-api
    glance-api
    barbican-api
    octavia-api octavia-worker
    cinder-api cinder-scheduler
    python3-sqlalchemy-ext
    python3-openstackclient python3-magnumclient python3-heatclient
    python3-octaviaclient python3-barbicanclient python3-neutronclient
    qemu-utils curl jq openssl
)

# Only for the test that works with it.
# shellcheck disable=SC2034  # used by `service`
horizon_packages=(openstack-dashboard python3-magnum-ui chromium chromium-driver)

missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p' | sort -u)
    printf '%s\n' "$@" | sort -u | comm -23 - <(printf '%s\n' "$installed")
}

# Each of them asks whether it may make itself a database.
refuse_package_databases() {
    local name
    {
        echo "keystone keystone/configure_db boolean false"
        for name in barbican cinder glance heat neutron nova nova-api octavia placement; do
            echo "$name-common $name/configure_db boolean false"
            echo "$name $name/configure_db boolean false"
            echo "$name-common $name-common/configure_db boolean false"
        done
        echo "nova-api nova-api/configure_db boolean false"
        echo "placement-api placement/configure_db boolean false"
    } | debconf-set-selections
}

# Only the daemons of packages that were installed just now: one that was there before belongs to somebody.
disable_new_daemons() {
    local package script
    for package in "$@"; do
        while read -r script; do
            script=${script##*/}
            update-rc.d "$script" disable || true
            if [ -d /run/systemd/system ]; then systemctl disable --now "$script" || true; fi
        done < <(dpkg -L "$package" 2>/dev/null | grep '^/etc/init.d/.')
    done >/dev/null 2>&1
}

# `install_packages PACKAGE...`: those of them that are missing.
install_packages() {
    local missing=() present=() log policy=/usr/sbin/policy-rc.d own_policy=no result=0
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        die "missing packages: ${missing[*]}. Install them (on Debian 12, as root) and run this again"
    fi
    say "installing ${#missing[@]} packages and what they need"
    mapfile -t present < <(dpkg-query -W -f '${Package}\n' | sort -u)
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    log=$state/log/packages.log
    refuse_package_databases
    {
        timeout 300 apt-get update &&
            timeout 1500 env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "${missing[@]}"
    } >>"$log" 2>&1 </dev/null || result=$?
    [ $own_policy = no ] || rm -f "$policy"
    mapfile -t missing < <(dpkg-query -W -f '${Package}\n' | sort -u | comm -13 <(printf '%s\n' "${present[@]}") -)
    disable_new_daemons "${missing[@]}"
    if [ $result != 0 ]; then
        tail -n 20 "$log" >&2
        die "apt-get could not install the packages (exit code $result); all of its output: $log"
    fi
}
