# shellcheck shell=bash
# What a node is told after it was made. There is no agent of Heat's: an order is metadata of the server, as number, kind
# and reason, which an update of the stack changes and a timer looks at. What is done is reported to the node's own wait
# condition, which waits for one report more with every order.
ORDERS=/var/lib/magnum

metadata() {
    curl --silent --fail --max-time 10 --noproxy '*' http://169.254.169.254/openstack/latest/meta_data.json
}

# carry_out_order: does what was told last, once. What fails is tried again when the timer looks the next time. The metadata
# are read once, because the next answer may be an older one.
carry_out_order() {
    local found number kind last=0
    found=$(metadata) || return 0
    read -r number kind _ <<<"$(json_value magnum_task <<<"$found")"
    if [[ ! $number =~ ^[0-9]+$ ]]; then
        return 0
    fi
    if [[ -s $ORDERS/order ]]; then
        last=$(<"$ORDERS/order")
    fi
    if ((number <= last)); then
        return 0
    fi
    step "credentials" renew_credentials "$found" use_credentials
    case $kind in
        certificates) step "certificates" renew_certificates ;;
        credentials)
            is_used "$(json_value magnum_credentials_mac <<<"$found")" ||
                fail "no credentials came with it"
            ;;
        *) fail "order $number is unknown: $kind" ;;
    esac
    step "reports" report_orders "$number"
    printf '%s\n' "$number" >"$ORDERS/order"
}

# report_orders NUMBER: all of them, because Heat forgets the reports to a condition that it makes anew.
report_orders() {
    local order
    report SUCCESS "the node is made" || return 1
    for ((order = 1; order <= $1; order++)); do
        retry 12 post_signal "$(printf '{"status":"SUCCESS","reason":"order %s is done","id":"order-%s"}' "$order" "$order")" ||
            fail "order $order is done, but that cannot be reported"
    done
}

fresh_certificates() {
    local CERTIFICATES=$1
    install_certificates
}

# renew_certificates: the authority and every certificate as they are now. Nothing that runs sees half of them.
renew_certificates() {
    local fresh=$CERTIFICATES.new
    rm -rf "$fresh"
    mkdir -p "$fresh"
    if [[ -d $CERTIFICATES/front-proxy ]]; then
        cp -a "$CERTIFICATES/front-proxy" "$fresh/"
    fi
    fresh_certificates "$fresh"
    cp -a "$fresh/." "$CERTIFICATES/"
    rm -rf "$fresh"
    use_certificates
}

# is_published: the authority that pods are given is the one of this master.
is_published() {
    local given
    given=$("${KUBECTL[@]}" -n kube-system get configmap kube-root-ca.crt -o 'jsonpath={.data.ca\.crt}' 2>/dev/null) || given=""
    if [[ -n $given ]]; then
        [[ $given == "$(<"$CERTIFICATES/ca.crt")" ]]
    else
        given=$("${KUBECTL[@]}" -n kube-system get secrets -o 'jsonpath={.items[*].data.ca\.crt}') || return 1
        [[ " $given " == *" $(base64 -w0 "$CERTIFICATES/ca.crt") "* ]]
    fi
}

# restart_pods NAMES WHAT STAMP: services of the cluster's own whose names match start again where the stamp has changed,
# because they read what they need only once.
restart_pods() {
    local names name
    names=$("${KUBECTL[@]}" -n kube-system get deployments,daemonsets -o name)
    for name in $names; do
        if [[ $name =~ $1 ]]; then
            "${KUBECTL[@]}" -n kube-system patch "$name" --patch \
                "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"magnum.openstack.org/$2\":\"$3\"}}}}}" >&2
        fi
    done
}

renew_pods() {
    local stamp
    retry 12 is_published || fail "the authority does not reach the pods"
    stamp=$(sha256sum <"$CERTIFICATES/ca.crt")
    restart_pods . authority "${stamp%% *}"
}

# watch_orders: keeps every function that was read until now, for a timer to carry out what the node is told.
watch_orders() {
    local name file=/usr/local/libexec/magnum-orders
    mkdir -p "$ORDERS" "${file%/*}"
    {
        printf 'set -euo pipefail\numask 022\n'
        for name in STEP CAUSE ORDERS CREDENTIALS CLOUD_CONFIG CERTIFICATES KUBECTL SECRETS NODE_IP ETCD_DATA FLANNEL_KEY FLANNEL_CERTIFICATE; do
            declare -p "$name" 2>/dev/null || true
        done
        declare -f
        printf 'load_parameters\nexport_proxies\ncarry_out_order\n'
    } >"$file.new"
    mv "$file.new" "$file"
    printf '[Unit]\nDescription=%s\n[Service]\nType=oneshot\nExecStart=/bin/bash %s\n' \
        "What this node is told" "$file" >/etc/systemd/system/magnum-orders.service
    printf '[Unit]\nDescription=%s\n[Timer]\nOnActiveSec=20\nOnUnitInactiveSec=60\nRandomizedDelaySec=10\n[Install]\nWantedBy=%s\n' \
        "What this node is told" timers.target >/etc/systemd/system/magnum-orders.timer
    systemctl daemon-reload
    systemctl enable magnum-orders.timer
    systemctl restart magnum-orders.timer
}
