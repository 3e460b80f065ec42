# shellcheck shell=bash
# Writes each service's configuration into the private folder, from the templates in conf/.
#
# Promises: nothing under /etc is written; of the packages' files there only what belongs to the code is read (paste
# files, Heat's environment.d, Cinder's resource filters); a configuration is written anew at each start of its service.

configuration() { echo "$state/conf/$1"; }

write_configuration() {
    local service=$1 file=$2 folder parts
    shift 2
    folder=$(configuration "$service")
    mkdir -p "$folder" "$state/data/$service/lock"
    case $service in
        keystone) parts=("$here/conf/database.conf") ;;
        placement | nova | barbican) parts=("$here/conf/common.conf") ;;
        *) parts=("$here/conf/common.conf" "$here/conf/database.conf") ;;
    esac
    render "${parts[@]}" "$here/conf/$service.conf" service="$service" data="$state/data/$service" region="$region" \
        keystone="$(url_of keystone)" memcached="127.0.0.1:$(chosen_port memcached)" \
        transport_url="rabbit://openstack:$(password 'broker openstack')@127.0.0.1:$(chosen_port rabbitmq)/" \
        database="$(database_url "$service")" password="$(password "user $service")" \
        placement_password="$(password 'user placement')" neutron_password="$(password 'user neutron')" \
        nova_password="$(password 'user nova')" cinder_password="$(password 'user cinder')" \
        compute_host="$compute_host" "$@" >"$folder/$file.new"
    mv "$folder/$file.new" "$folder/$file"
}

configure() {
    case $1 in
        keystone) write_configuration keystone keystone.conf token_seconds="${MAGNUM_CLOUD_TOKEN_SECONDS:-43200}" ;;
        placement) write_configuration placement placement.conf ;;
        glance) write_configuration glance glance.conf port="$(port_of glance-api)" ;;
        nova)
            write_configuration nova nova.conf fixed_key="$(password 'nova volumes')$(password 'nova volumes 2')"
            render "$here/conf/nova-databases.conf" database="$(database_url nova)" \
                api_database="$(database_url nova nova_api)" >"$(configuration nova)/databases.conf"
            ;;
        neutron) write_configuration neutron neutron.conf ;;
        heat)
            write_configuration heat heat.conf domain_password="$(password 'user heat_domain_admin')" \
                encryption_key="$(password 'heat parameters')" cfn="$(url_of heat-api-cfn)"
            ;;
        # Barbican looks at no command line and no variable, only into the home folder and /etc.
        barbican)
            write_configuration barbican barbican.conf url="$(url_of barbican-api)" kek="$(printf %s "$(password 'barbican kek')" | base64 -w 0)"
            mkdir -p "$state/data/barbican/.barbican"
            ln -sfn "$(configuration barbican)/barbican.conf" "$state/data/barbican/.barbican/barbican.conf"
            ;;
        cinder) write_configuration cinder cinder.conf glance="$(url_of glance-api)" ;;
        octavia)
            write_configuration octavia octavia.conf ca_passphrase="$(password 'octavia ca')" \
                heartbeat_key="$(password 'octavia heartbeat')" certs_passphrase="$(password 'octavia certificates')" \
                amphora_flavor="$(seeded amphora_flavor)" management_network="$(seeded management_network)"
            ;;
        horizon)
            mkdir -p "$(configuration horizon)"
            render "$here/conf/horizon.py" secret_key="$(password horizon)" keystone="$(url_of keystone)" \
                memcached="127.0.0.1:$(chosen_port memcached)" >"$(configuration horizon)/horizon_settings.py"
            ;;
    esac
}

# What the seed has made: `seeded NAME`; a dash for what is not there yet.
seeded() {
    [ -f "$state/seed.json" ] || { echo -; return; }
    jq -r --arg name "$1" '.[$name] // "-"' "$state/seed.json"
}
