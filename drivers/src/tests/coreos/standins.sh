#!/bin/bash
# Stands in for one command of a node, under whose name it is linked. What it is asked for is kept in $ROOT/calls.
set -eu
name=${0##*/}
printf '%s %s\n' "$name" "$*" >>"$ROOT/calls"

# The file behind a URL, made once.
served() {
    local file=$ROOT/served/${1##*/}
    if [[ ! -e $file ]]; then
        mkdir -p "$ROOT/served"
        case $file in
            *.tgz)
                mkdir -p "$ROOT/plugins"
                printf 'plug-in' >"$ROOT/plugins/bridge"
                chmod 0755 "$ROOT/plugins/bridge"
                tar -C "$ROOT/plugins" -czf "$file" .
                ;;
            */kubectl) cp "$ROOT/bin/standins.sh" "$file" ;;
            *) printf 'program %s' "$1" >"$file" ;;
        esac
    fi
    printf '%s' "$file"
}

# Both authorities while one takes the place of the other.
shown() {
    if [[ -e $ROOT/both.crt ]]; then
        printf '%s' "$ROOT/both.crt"
    else
        printf '%s' "$ROOT/authority.crt"
    fi
}

sign() {
    printf '%b' "$(sed -n 's/.*"csr":"\([^"]*\)".*/\1/p' <<<"$1")" >"$ROOT/asked.csr"
    /usr/bin/openssl x509 -req -in "$ROOT/asked.csr" -CA "$ROOT/authority.crt" -CAkey "$ROOT/authority.key" -CAcreateserial \
        -days 30 -copy_extensions copy -out "$ROOT/signed.crt" 2>/dev/null
    printf '{"cluster_uuid": "x", "pem": "%s"}' "$(awk '{printf "%s\\n", $0}' "$ROOT/signed.crt")"
}

answer() {
    local url=$1 output=$2
    case $url in
        */auth/tokens)
            cat >>"$ROOT/logins"
            [[ ! -e $ROOT/refused ]] || return 22
            printf 'HTTP/1.1 201 Created\r\nX-Subject-Token: fresh\r\n\r\n'
            ;;
        */signal) cat >>"$ROOT/signals" && printf 200 ;;
        */certificates/*) printf '{"pem": "%s"}' "$(awk '{printf "%s\\n", $0}' "$(shown)")" ;;
        */certificates) sign "$(cat)" ;;
        *.sha256) printf '%s  some-name\n' "$(sha256sum <"$(served "${url%.sha256}")" | cut -d' ' -f1)" ;;
        http://127.0.0.1:2381/health) printf '{"health":"true"}' ;;
        */api/v1/nodes/*) printf '{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}' ;;
        http://169.254.169.254/openstack/*)
            cat "$ROOT/metadata" 2>/dev/null || printf '{"uuid": "x"}'
            [[ ! -e $ROOT/metadata.next ]] || mv "$ROOT/metadata.next" "$ROOT/metadata"
            ;;
        http://169.254.169.254/*) return 22 ;;
        *) cp "$(served "$url")" "$output" ;;
    esac
}

case $name in
    curl)
        url="" output="" previous=""
        for argument in "$@"; do
            [[ $argument != http*://* ]] || url=$argument
            [[ $previous != --output ]] || output=$argument
            previous=$argument
        done
        printf '%s %s %s\n' "$url" "${HTTPS_PROXY:-none} ${https_proxy:-none}" "${NO_PROXY:-none}" >>"$ROOT/proxies"
        answer "$url" "$output"
        ;;
    kubectl)
        case " $* " in
            *" --raw "*) printf ok ;;
            *" configmap "*) cat "$ROOT/etc/kubernetes/certs/ca.crt" ;;
            *" deployments,daemonsets "*) printf '%s\n' deployment.apps/coredns daemonset.apps/{flannel,openstack-cloud-controller-manager,csi-cinder-nodeplugin} ;;
            *" apply "*)
                there=("$ROOT"/applied/*)
                [[ -e ${there[0]} ]] || there=()
                cp "${@: -1}" "$ROOT/applied/$(printf '%02d' "${#there[@]}")-$(basename "${@: -1}")"
                ;;
        esac
        ;;
    openssl)
        # Keys of another kind, which are made at once.
        if [[ $1 == genrsa ]]; then
            exec /usr/bin/openssl ecparam -name prime256v1 -genkey -noout -out "$3"
        elif [[ " $* " == *" rsa:2048 "* ]]; then
            exec /usr/bin/openssl "${@/#rsa:2048/ec}" -pkeyopt ec_paramgen_curve:prime256v1
        fi
        exec /usr/bin/openssl "$@"
        ;;
    podman) [[ " $* " != *etcdctl* ]] ;;
    ip) printf '2: eth0 inet 10.0.0.5/24 brd\n' ;;
    sleep) ;;
    mountpoint) exit 1 ;;
    blkid) printf 'xfs' ;;
    find) printf '%s\n' "$ROOT/dev/volume" ;;
    uname) printf 'x86_64\n' ;;
esac
