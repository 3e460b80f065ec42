# shellcheck shell=bash
# Certificates of a node, signed by the cluster's own CA through the service. What arrives is checked before it is kept.
CERTIFICATES=/etc/kubernetes/certs

# json_pem: the PEM text in the field pem of the JSON object on standard input.
json_pem() {
    local text
    text=$(json_value pem)
    printf '%b' "$text"
}

trustee_token() {
    password_token "$AUTH_URL" "$TRUSTEE_USER_ID" "$TRUSTEE_PASSWORD" ""
}

magnum_curl() {
    local token
    token=$(trustee_token) || return 1
    cloud_curl --fail --header 'OpenStack-API-Version: container-infra latest' \
        --header 'Content-Type: application/json' -K <(token_header "$token") "$@"
}

fetch_ca() {
    local new=$CERTIFICATES/ca.crt.new
    magnum_curl "$MAGNUM_URL/certificates/$CLUSTER_UUID" | json_pem >"$new" || return 1
    openssl x509 -noout -in "$new" || return 1
    mv "$new" "$CERTIFICATES/ca.crt"
}

# sign NAME: has NAME.csr signed as NAME.crt.
sign() {
    local base=$CERTIFICATES/$1 csr
    csr=$(awk '{printf "%s\\n", $0}' "$base.csr")
    printf '{"cluster_uuid":"%s","csr":"%s"}' "$CLUSTER_UUID" "$csr" |
        magnum_curl --data-binary @- "$MAGNUM_URL/certificates" | json_pem >"$base.crt.new" || return 1
    openssl verify -CAfile "$CERTIFICATES/ca.crt" "$base.crt.new" >/dev/null || return 1
    mv "$base.crt.new" "$base.crt"
}

# is_signed NAME: the certificate is there, comes from the CA and is good for another day.
is_signed() {
    local base=$CERTIFICATES/$1
    [[ -s $base.key && -s $base.crt ]] && openssl x509 -checkend 86400 -noout -in "$base.crt" >/dev/null &&
        openssl verify -CAfile "$CERTIFICATES/ca.crt" "$base.crt" >/dev/null
}

# make_certificate NAME CN O SAN USAGE: the key never leaves the node. O and SAN may be empty.
make_certificate() {
    local base=$CERTIFICATES/$1
    if is_signed "$1"; then
        return 0
    fi
    cat >"$base.cnf" <<CONFIGURATION
[req]
distinguished_name = subject
req_extensions = extensions
prompt = no
[subject]
CN = $2
${3:+O = $3}
OU = OpenStack/Magnum
[extensions]
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = $5
${4:+subjectAltName = $4}
CONFIGURATION
    (umask 077 && openssl genrsa -out "$base.key" 2048 2>/dev/null)
    openssl req -new -key "$base.key" -out "$base.csr" -config "$base.cnf"
    retry 10 sign "$1" || fail "the service did not sign the certificate $1"
    rm -f "$base.csr" "$base.cnf"
}

get_ca() {
    mkdir -p "$CERTIFICATES"
    chmod 0755 "${CERTIFICATES%/*}" "$CERTIFICATES"
    retry 15 fetch_ca || fail "the service did not give the CA of the cluster"
}

# share_with_services: API server and etcd run under users of their own, which read the keys by group.
share_with_services() {
    local user
    getent group kube_etcd >/dev/null || groupadd --system kube_etcd
    for user in kube etcd; do
        if id "$user" >/dev/null 2>&1; then
            usermod -a -G kube_etcd "$user"
        fi
    done
    chgrp kube_etcd "$CERTIFICATES"/*.key
    chmod 0440 "$CERTIFICATES"/*.key
}
