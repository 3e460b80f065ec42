#!/usr/bin/env bash
# Runs nodes' own scripts with the real daemons they start, on this machine: tests/nodes/run.sh swarm
#
# Several run two at a time, because most of their time is waiting; each is then printed when all have ended.
#
# Needs Debian 12 and root. Packages are installed when missing, without starting anything they bring. Everything runs in
# network namespaces and on loopback addresses; what was started is ended, and nothing is left behind.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "nodes: $*"
    exit 1
}

# is_installed PACKAGE|PACKAGE...: one of them is; of one that it never heard of, dpkg says so and fails.
is_installed() {
    local names found
    IFS='|' read -ra names <<<"$1"
    found=$(dpkg-query -W -f '${db:Status-Abbrev}\n' "${names[@]}" 2>/dev/null || true)
    [[ $found =~ (^|$'\n')ii ]]
}

# Package scripts are kept from starting daemons; what they enable for the next boot is disabled again.
install_packages() {
    local missing=() package policy=/usr/sbin/policy-rc.d own_policy=no log result=0
    for package in "$@"; do
        is_installed "$package" || missing+=("${package%%|*}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "nodes: installing ${missing[*]}"
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    log=$(mktemp)
    {
        timeout 300 apt-get update &&
            timeout 900 env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 "${missing[@]}"
    } >"$log" 2>&1 </dev/null || result=$?
    [ $own_policy = no ] || rm -f "$policy"
    for package in docker.io containerd; do
        case " ${missing[*]} " in
            *" $package "*) systemctl disable --now "${package%.io}" >/dev/null 2>&1 || true ;;
        esac
    done
    if [ $result != 0 ]; then
        tail -n 20 "$log" >&2
        die "apt-get could not install the packages; all of its output: $log"
    fi
    rm -f "$log"
}

[ $# -gt 0 ] || die "usage: tests/nodes/run.sh NAME..., where NAME is a folder beside this file"
[ "$(id -u)" = 0 ] || die "namespaces and daemons need root"
export MAGNUM_BIN=${MAGNUM_BIN:-${CARGO_TARGET_DIR:-$root/target}/debug/magnum} PYTHONDONTWRITEBYTECODE=1
[ -x "$MAGNUM_BIN" ] || die "$MAGNUM_BIN is missing; run: cargo build"
packages=()
for name in "$@"; do
    [ -s "$here/$name/packages" ] || die "there is no test named $name"
    mapfile -t -O "${#packages[@]}" packages <"$here/$name/packages"
done
install_packages "${packages[@]}"

cd "$here"
tell=(timeout --kill-after=60 1500 python3 -m)
[ $# -gt 1 ] || exec "${tell[@]}" "$1"
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
status=0
# shellcheck disable=SC2016 # the inner shell expands them
printf '%s\n' "$@" | xargs -P 2 -I NAME bash -c '"${@:2}" >"$1" 2>&1' tell "$logs/NAME" "${tell[@]}" NAME || status=1
for name in "$@"; do
    printf '== %s\n' "$name"
    cat "$logs/$name"
done
exit $status
