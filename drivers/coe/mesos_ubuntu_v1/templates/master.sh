# shellcheck shell=bash
# A master, from first boot to "Mesos has a leader and Marathon answers". Comes last in the user data.

# One line an address, as numbered as every member of the ensemble numbers them.
ensemble() {
    local number=0 address
    for address in ${MASTER_ADDRESSES//,/ }; do
        number=$((number + 1))
        printf 'server.%s=%s:2888:3888\n' "$number" "$address"
    done
}

own_number() {
    ensemble | sed -n "s/^server\.\([0-9]*\)=${NODE_IP//./\\.}:.*/\1/p"
}

configure_zookeeper() {
    local number
    number=$(own_number)
    [[ -n $number ]] || fail "the address $NODE_IP is none of the masters' addresses"
    mkdir -p /etc/zookeeper/conf
    # The administration server of newer releases would take Marathon's port.
    cat >/etc/zookeeper/conf/zoo.cfg <<CONFIGURATION
tickTime=2000
initLimit=10
syncLimit=5
dataDir=/var/lib/zookeeper
clientPort=2181
admin.enableServer=false
4lw.commands.whitelist=srvr
autopurge.snapRetainCount=3
autopurge.purgeInterval=24
$(ensemble)
CONFIGURATION
    printf '%s\n' "$number" >/etc/zookeeper/conf/myid
}

# More than half of the masters.
quorum() {
    printf '%s' "$(($(ensemble | wc -l) / 2 + 1))"
}

configure_mesos_master() {
    flag mesos zk "$(zookeeper_url /mesos)"
    flag mesos-master quorum "$(quorum)"
    flag mesos-master cluster "$CLUSTER_NAME"
    flag mesos-master hostname "$NODE_IP"
    flag mesos-master ip "$NODE_IP"
    flag mesos-master work_dir /var/lib/mesos
}

# Releases up to 1.4 read a file a flag, newer ones their environment.
configure_marathon() {
    flag marathon/conf master "$(zookeeper_url /mesos)"
    flag marathon/conf zk "$(zookeeper_url /marathon)"
    flag marathon/conf hostname "$NODE_IP"
    cat >/etc/default/marathon <<ENVIRONMENT
MARATHON_MASTER=$(zookeeper_url /mesos)
MARATHON_ZK=$(zookeeper_url /marathon)
MARATHON_HOSTNAME=$NODE_IP
ENVIRONMENT
}

# zookeeper_serves: this member is part of an ensemble with a leader, or is alone.
zookeeper_serves() (
    exec 3<>"/dev/tcp/$NODE_IP/2181" || return 1
    printf srvr >&3
    while IFS= read -r -t 10 line <&3; do
        if [[ $line == Mode:* ]]; then
            return 0
        fi
    done
    return 1
) 2>/dev/null

start_zookeeper() {
    start_services zookeeper
    retry 60 zookeeper_serves || fail "ZooKeeper has no quorum"
}

# Without a leader the master does not know where to redirect to.
mesos_has_leader() {
    ask "http://$NODE_IP:5050/master/redirect" >/dev/null
}

start_mesos() {
    start_services mesos-master
    retry 60 mesos_has_leader || fail "the masters of Mesos did not choose a leader"
}

marathon_answers() {
    ask "http://$NODE_IP:8080/ping" >/dev/null
}

start_marathon() {
    start_services marathon
    retry 60 marathon_answers || fail "Marathon does not answer"
}

step "CA of the cloud" trust_openstack_ca
step "host name" set_host_name
step "proxy" configure_proxy
step "services of slaves" not_here mesos-slave
step "ZooKeeper configuration" configure_zookeeper
step "ZooKeeper" start_zookeeper
step "Mesos configuration" configure_mesos_master
step "Mesos" start_mesos
step "Marathon configuration" configure_marathon
step "Marathon" start_marathon
step "report" report SUCCESS "the master serves"
