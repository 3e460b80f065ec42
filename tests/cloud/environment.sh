# shellcheck shell=bash
# The environment that tests and people use: the file `env`, and one `rc` file per user.

seed_passwords() {
    local name names=(admin demo alt placement glance nova neutron heat barbican cinder octavia magnum
        heat_domain_admin trustee_domain_admin)
    for name in "${names[@]}"; do printf '%s %s\n' "$name" "$(password "user $name")"; done |
        jq -Rn '[inputs | split(" ") | {(.[0]): .[1]}] | add'
}

# Lines of type, name and URL.
seed_endpoints() {
    cat <<TEXT
identity keystone $(url_of keystone)/v3
placement placement $(url_of placement)
image glance $(url_of glance-api)
compute nova $(url_of nova-api)/v2.1
network neutron $(url_of neutron-api)
orchestration heat $(url_of heat-api)/v1/%(tenant_id)s
cloudformation heat-cfn $(url_of heat-api-cfn)/v1
key-manager barbican $(url_of barbican-api)
load-balancer octavia $(url_of octavia-api)
volumev3 cinderv3 $(url_of cinder-api)/v3/%(tenant_id)s
block-storage cinder $(url_of cinder-api)/v3/%(tenant_id)s
container-infra magnum $(url_of container-infra)/v1
TEXT
}

seed() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 OS_AUTH_URL="$(url_of keystone)/v3" OS_REGION_NAME="$region" \
        SEED_PASSWORDS="$(seed_passwords)" SEED_FILE="$state/seed.json" \
        SEED_ENDPOINTS="$(seed_endpoints)" timeout 120 /usr/bin/python3 "$here/seed.py" "$1"
}

user_lines() {
    local name=$1
    printf 'export OS_%s=%q\n' AUTH_URL "$(url_of keystone)/v3" IDENTITY_API_VERSION 3 AUTH_TYPE password \
        USERNAME "$name" PASSWORD "$(password "user $name")" PROJECT_NAME "$name" USER_DOMAIN_NAME Default \
        PROJECT_DOMAIN_NAME Default REGION_NAME "$region" INTERFACE public
}

cloud_lines() {
    local name upper
    printf 'export TEST_CLOUD_%s=%q\n' DIR "$state" ENV "$state/env" AUTH_URL "$(url_of keystone)/v3" REGION "$region" \
        DATABASE_URL "mysql://magnum:$(password 'database magnum')@127.0.0.1:$(port_of mariadb)/magnum" \
        BROKER_URL "amqp://magnum:$(password 'broker magnum')@127.0.0.1:$(port_of rabbitmq)/magnum" \
        MEMCACHED "127.0.0.1:$(port_of memcached)" \
        CONTAINER_INFRA_PORT "$(port_of container-infra)" \
        HORIZON_URL "http://127.0.0.1:$(port_of horizon)" \
        SERVICE_USER magnum SERVICE_PASSWORD "$(password 'user magnum')" SERVICE_PROJECT service \
        TRUSTEE_DOMAIN magnum TRUSTEE_DOMAIN_ADMIN trustee_domain_admin \
        TRUSTEE_DOMAIN_ADMIN_PASSWORD "$(password 'user trustee_domain_admin')" \
        EXTERNAL_NETWORK public IMAGE fedora-atomic-latest FLAVOR m1.small KEYPAIR testkey VOLUME_TYPE fake \
        SERVICE_COMMAND "env MAGNUM_CLOUD_DIR=$(printf '%q' "$state") bash $(printf '%q' "$here/service")" \
        CENSUS "$here/census"
    for name in admin demo alt; do
        upper=${name^^}
        printf 'export TEST_CLOUD_%s=%q\n' "${upper}_RC" "$state/rc/$name" "${upper}_USERNAME" "$name" \
            "${upper}_PASSWORD" "$(password "user $name")" "${upper}_PROJECT" "$name"
    done
    jq -r 'to_entries[] | "export TEST_CLOUD_\(.key | ascii_upcase)_ID=\(.value | @sh)"' "$state/seed.json"
}

# OS_* are the administrator's; `. rc/demo` makes them the user's.
write_environment() {
    local name
    for name in admin demo alt; do (umask 077 && user_lines "$name" >"$state/rc/$name"); done
    (umask 077 && { user_lines admin; cloud_lines; } >"$state/env.new")
    mv "$state/env.new" "$state/env"
}
