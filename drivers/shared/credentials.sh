# shellcheck shell=bash
# Whom the node logs in as. Its user data names the user that it was made with; who that is today stands in the metadata
# of the server, sealed with the password of the first (AES-256-CBC, then HMAC-SHA-256), because all of the project may
# read that.
CREDENTIALS=/var/lib/magnum/credentials

# made_with NAME: what the user data says, whatever is known by now.
made_with() {
    sed -n "s/^$1=//p" /etc/sysconfig/heat-params
}

# derived USE PASSWORD: a key, as 64 hexadecimal digits.
derived() {
    printf '%s:%s' "$1" "$2" | sha256sum | cut -c -64
}

# hmac KEY: HMAC-SHA-256 of standard input. No process list shows the key, as one of openssl's would.
hmac() {
    local at byte inner="" outer=""
    for ((at = 0; at < 128; at += 2)); do
        byte=$((16#0${1:at:2}))
        printf -v inner '%s\\x%02x' "$inner" "$((byte ^ 0x36))"
        printf -v outer '%s\\x%02x' "$outer" "$((byte ^ 0x5c))"
    done
    inner=$({ printf '%b' "$inner" && cat; } | sha256sum | cut -c -64 | sed 's/../\\x&/g')
    printf '%b' "$outer$inner" | sha256sum | cut -c -64
}

# take_credentials METADATA MAC: those of the metadata, when they are sealed for this node and Keystone takes them.
take_credentials() {
    local sealed password found trust
    sealed=$(json_value magnum_credentials <<<"$1")$(json_value magnum_credentials_rest <<<"$1")
    password=$(made_with TRUSTEE_PASSWORD)
    [[ $(printf '%s' "$sealed" | hmac "$(derived mac "$password")") == "$2" ]] ||
        fail "they were not sealed for this node"
    mapfile -t found < <(base64 -d <<<"$sealed" |
        openssl enc -d -aes-256-cbc -md sha256 -pass fd:3 3<<<"$(derived seal "$password")" 2>/dev/null)
    ((${#found[@]} == 4)) || fail "the credentials in the metadata cannot be read"
    retry 10 password_token "$AUTH_URL" "${found[0]}" "${found[2]}" "" >/dev/null ||
        fail "Keystone does not take them"
    # Where there was no trust, nothing is set up to use one.
    trust=$(made_with TRUST_ID)
    found[3]=${trust:+${found[3]}}
    mkdir -p "${CREDENTIALS%/*}"
    (umask 077 && printf 'TRUSTEE_USER_ID=%s\nTRUSTEE_USERNAME=%s\nTRUSTEE_PASSWORD=%s\nTRUST_ID=%s\n' \
        "${found[@]}" >"$CREDENTIALS.new")
    mv "$CREDENTIALS.new" "$CREDENTIALS"
    read_parameters "$CREDENTIALS"
}

# is_used MAC: everything uses the credentials that carry it.
is_used() {
    [[ -n $1 && $1 == "$(cat "$CREDENTIALS.used" 2>/dev/null)" ]]
}

# renew_credentials METADATA COMMAND...: those of the metadata, where there are some and they are new; the command, which
# is given their MAC, has everything use them.
renew_credentials() {
    local mac
    if [[ -s $CREDENTIALS ]]; then
        read_parameters "$CREDENTIALS"
    fi
    mac=$(json_value magnum_credentials_mac <<<"$1")
    if [[ -n $mac ]] && ! is_used "$mac"; then
        take_credentials "$1" "$mac"
        "${@:2}" "$mac"
        printf '%s' "$mac" >"$CREDENTIALS.used"
    fi
}
