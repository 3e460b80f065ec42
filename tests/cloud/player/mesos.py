"""Mesos on Ubuntu: its values, and stand-ins for ZooKeeper's ensemble, the masters of Mesos, Marathon and the slaves.

They read what the packages read: a file for each flag. There are no certificates, and masters log in nowhere.
"""

import json

from . import values
from .coe import Coe
from .values import ANY, NAME

MARATHON_PORT, MASTER_PORT, SLAVE_PORT, ZOOKEEPER_PORT = 8080, 5050, 5051, 2181
EVERY_NODE = {"MASTER_ADDRESSES": ANY, "FIXED_NETWORK_CIDR": ANY}
SLAVE = {
    "(DOCKER_STORAGE_DRIVER)": "overlay2|overlay|devicemapper|aufs", "(INSECURE_REGISTRY_URL)": r"\S+",
    "EXECUTOR_REGISTRATION_TIMEOUT": r"\d+(secs|mins|hrs)", "(ISOLATION)": r"[a-z0-9_/]+(, ?[a-z0-9_/]+)*",
    "(IMAGE_PROVIDERS)": r"[a-z]+(, ?[a-z]+)*", "(WORK_DIR)": r"/\S+", "(EXECUTOR_ENVIRONMENT_VARIABLES)": r"\{.*\}",
}
REXRAY = {name: values.TRUSTEE[name] for name in ["AUTH_URL", "REGION_NAME", "TRUSTEE_USER_ID", "TRUSTEE_PASSWORD", "TRUST_ID"]}
REXRAY |= {"REXRAY_PREEMPT": "true|false", "REXRAY_TAG": NAME, "(CONTAINER_INFRA_PREFIX)": r"\S+/"}


def cluster_name(value, parameters, facts):
    return not facts.server["name"].startswith(f"{value}-") and f"the server is called {facts.server['name']}"


def docker_volume(value, parameters, facts):
    if facts.role == "master":
        return value and "masters have no docker"
    return values.volume(value, parameters, facts)


RULES = {
    "NODE_IP": values.node_address, "DOCKER_VOLUME": docker_volume, "CLUSTER_NAME": cluster_name,
    "API_PRIVATE_ADDRESS": values.private_address(lambda parameters: [MARATHON_PORT]),
    "API_PUBLIC_ADDRESS": values.public_address("API_PRIVATE_ADDRESS"),
}


class Mesos(Coe):
    """A master with ZooKeeper and Marathon, or a slave."""

    image = "ubuntu"
    has_certificates = False

    def __init__(self, node):
        super().__init__(node)
        self.leader = self.listen(self.answer_master)
        self.marathon = self.listen(self.answer_marathon)
        self.slave = self.listen(self.answer_slave)

    @classmethod
    def shapes(cls, role, parameters):
        if role == "master":
            return EVERY_NODE
        return EVERY_NODE | SLAVE | (REXRAY if "REXRAY_TAG" in parameters else {})

    @classmethod
    def rules(cls, role):
        return RULES

    @property
    def api(self):
        return self.marathon

    def served(self):
        if self.node.role != "master":
            return [(f"{self.node.facts.address}:{SLAVE_PORT}", self.slave)]
        marathon = self.addresses("API_PUBLIC_ADDRESS", "API_PRIVATE_ADDRESS")
        master = {self.node.facts.address, self.node.facts.floating_address} - {""}
        return [*((f"{address}:{MARATHON_PORT}", self.marathon) for address in marathon),
                *((f"{address}:{MASTER_PORT}", self.leader) for address in sorted(master))]

    def prepare(self):
        super().prepare()
        self.node.root.write("run/node/zookeeper", "")

    def serve(self):
        root = self.node.root
        if self.node.role == "master":
            state = self.mode()
            if root.read("run/node/zookeeper") != state:
                root.write("run/node/zookeeper", state)
        for unit, one in [("mesos-master", self.leader), ("marathon", self.marathon), ("mesos-slave", self.slave)]:
            if root.is_active(unit):
                one.begin()

    # --- the ensemble ----------------------------------------------------------------------------------------------

    def zookeeper(self):
        """ZooKeeper's settings: its lines of members, and which of them this one says it is."""
        lines = dict(line.split("=", 1) for line in self.node.root.read("etc/zookeeper/conf/zoo.cfg").splitlines() if "=" in line)
        members = {name: value for name, value in lines.items() if name.startswith("server.")}
        return members, f"server.{self.node.root.read('etc/zookeeper/conf/myid').strip()}"

    def is_member(self):
        """It runs, and the line that it says is its own has its address."""
        members, own = self.zookeeper()
        return self.node.root.is_active("zookeeper") and members.get(own) == f"{self.node.facts.address}:2888:3888"

    def mode(self):
        """leader or follower when the majority of the members that it names runs and names the same, else nothing."""
        members, _ = self.zookeeper()
        there = [node for node in self.node.cluster.masters() if node.coe.is_member() and node.coe.zookeeper()[0] == members]
        if self.node not in there or len(there) * 2 <= len(members):
            return ""
        return "leader" if self.node is there[0] else "follower"

    def flag(self, folder, name):
        return self.node.root.read(f"etc/{folder}/{name}").strip()

    def finds_ensemble(self, url, path):
        """A zk:// URL names all members and the path."""
        wanted = [f"{address}:{ZOOKEEPER_PORT}" for address in self.node.parameters["MASTER_ADDRESSES"].split(",")]
        return url == f"zk://{','.join(wanted)}{path}"

    def leads(self):
        """This master of Mesos has found the others, more than half of them run, and one of them leads."""
        masters = self.node.cluster.masters()
        running = [node for node in masters if node.root.is_active("mesos-master") and node.coe.mode()]
        quorum = self.flag("mesos-master", "quorum")
        named = len(self.node.parameters["MASTER_ADDRESSES"].split(","))
        right = quorum == str(named // 2 + 1) and self.flag("mesos-master", "ip") == self.node.facts.address
        return right and len(running) >= int(quorum) and self.finds_ensemble(self.flag("mesos", "zk"), "/mesos")

    # --- what answers ----------------------------------------------------------------------------------------------

    def answer_master(self, method, path, host, body, subject):
        if not self.leads():
            return 503, "No leader elected"
        if path == "/master/redirect":
            return 307, ""
        if path in ("/slaves", "/master/slaves"):
            slaves = [node for node in self.node.cluster.nodes() if node.role == "worker" and node.coe.is_registered()]
            return 200, {"slaves": [{"id": node.name, "hostname": node.facts.address, "active": True} for node in slaves]}
        return 404, ""

    def answer_marathon(self, method, path, host, body, subject):
        well = self.leads() and self.finds_ensemble(self.flag("marathon/conf", "master"), "/mesos")
        well = well and self.finds_ensemble(self.flag("marathon/conf", "zk"), "/marathon")
        return (200, "pong\n") if well and path == "/ping" else (503, "")

    def is_registered(self):
        """The slave has found masters, of which one leads, and may start as it is configured."""
        masters = self.node.cluster.masters()
        return (self.node.root.is_active("mesos-slave") and self.node.root.is_active("docker") and any(
            node.coe.leads() for node in masters) and self.finds_ensemble(self.flag("mesos", "zk"), "/mesos")
            and self.flag("mesos-slave", "ip") == self.node.facts.address and self.has_environment())

    def has_environment(self):
        """The variables of executors are JSON or, behind file://, the path of it; with another value no slave starts."""
        value = self.flag("mesos-slave", "executor_environment_variables")
        if not value:
            return True
        if value.startswith("file:///"):
            value = self.node.root.read(value.removeprefix("file:///"))
        try:
            return isinstance(json.loads(value), dict)
        except ValueError:
            return False

    def answer_slave(self, method, path, host, body, subject):
        registered = 1.0 if self.is_registered() else 0.0
        # As Mesos writes it, slashes escaped.
        text = json.dumps({"slave/uptime_secs": 7.5, "slave/registered": registered}, separators=(",", ":"))
        return (200, text.replace("/", "\\/")) if path == "/metrics/snapshot" else (404, "")

    # --- what is left ----------------------------------------------------------------------------------------------

    def wanted(self):
        if self.node.role == "master":
            return {"zookeeper", "mesos-master", "marathon"}
        return {"docker", "mesos-slave"} | ({"rexray"} if "REXRAY_TAG" in self.node.parameters else set())

    def left_findings(self):
        strangers = {"mesos-slave"} if self.node.role == "master" else {"mesos-master", "marathon", "zookeeper"}
        yield from (f"{unit} runs and should not" for unit in strangers if self.node.root.is_active(unit))
        if self.node.role == "worker":
            try:
                json.loads(self.node.root.read("etc/docker/daemon.json"))
            except ValueError as error:
                yield f"docker cannot read its configuration: {error}"
            if self.node.parameters["DOCKER_VOLUME"] and "/var/lib/docker" not in self.node.root.read("run/node/mounted"):
                yield "docker does not use its volume"
