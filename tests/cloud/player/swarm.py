"""Docker Swarm on Fedora Atomic, the legacy one and swarm mode: their values, their certificates, and stand-ins for
docker, for the legacy swarm's manager and agent with their etcd, and for the managers of swarm mode.

Dockers listen where the node's /etc/sysconfig/docker says and with the files that it names. What an agent or a manager does
beyond that, it does with the words of its unit: it goes to the addresses and shows the certificates that stand there.
"""

import ipaddress
import json
import secrets
import shlex
import subprocess
import threading
import urllib.parse

from . import certificates, etcd, listener, values
from .coe import Coe, options, unit_words
from .listener import FileListener
from .values import ANY, NAME, NUMBER, TAG, URL

FOLDER = "etc/docker"
JOIN_PORT = 2377
LEGACY_DOCKER_PORT = 2375
CURL_SECONDS = 20

EVERY_NODE = values.TRUSTEE | values.REGISTRY | {
    "NODE_INDEX": NUMBER, "MASTER_ADDRESSES": ANY, "FIXED_NETWORK_CIDR": ANY, "SWARM_PORT": NUMBER,
    "DOCKER_STORAGE_DRIVER": "devicemapper|overlay2|overlay", "(INSECURE_REGISTRY_URL)": r"\S+",
    "(CONTAINER_INFRA_PREFIX)": r"\S+/", "SELINUX_MODE": "enforcing|permissive|disabled", "REXRAY_PREEMPT": "true|false",
    "REXRAY_TAG": NAME, "TLS_DISABLED": "False",
}
LEGACY = {"NETWORK_DRIVER": "docker|flannel", "FLANNEL_TAG": TAG, "SWARM_VERSION": TAG}
LEGACY_MASTER = {
    "SWARM_STRATEGY": "spread|binpack|random", "ETCD_TAG": TAG, "(ETCD_DISCOVERY_URL)": URL,
    "FLANNEL_NETWORK_SUBNETLEN": NUMBER, "FLANNEL_BACKEND": "udp|vxlan|host-gw",
}


def overlay_network_cidr(value, parameters, facts):
    return ipaddress.ip_network(value).overlaps(ipaddress.ip_network(facts.subnet["cidr"])) and "overlaps with the nodes'"


def flannel_network_cidr(value, parameters, facts):
    ipaddress.ip_network(value)
    pairs = {pair["ip_address"] for pair in facts.port["allowed_address_pairs"]}
    return parameters["NETWORK_DRIVER"] == "flannel" and value not in pairs and f"the node's port lets through {sorted(pairs)}"


RULES = {
    "NODE_IP": values.node_address, "NODE_PUBLIC_IP": values.node_floating_address, "DOCKER_VOLUME": values.volume,
    "API_PUBLIC_ADDRESS": values.public_address("API_PRIVATE_ADDRESS"),
}


class Swarm(Coe):
    """What both kinds have in common: docker's options and the one certificate of a node."""

    # Ports of all masters behind a load balancer.
    ports = staticmethod(lambda parameters: [int(parameters["SWARM_PORT"])])

    def __init__(self, node):
        super().__init__(node)
        self.docker = self.listen(self.answer_docker)

    @classmethod
    def rules(cls, role):
        return RULES | {"API_PRIVATE_ADDRESS": values.private_address(cls.ports)}

    def docker_words(self):
        """Docker's options, out of the one line that its unit reads."""
        for line in self.node.root.read("etc/sysconfig/docker").splitlines():
            if line.startswith("OPTIONS="):
                return shlex.split(shlex.split(line.removeprefix("OPTIONS="))[0])
        return []

    def docker_port(self):
        """Where docker listens for everybody; None when it does not, and never without asking for certificates."""
        words = self.docker_words()
        hosts = [word.rsplit(":", 1)[1] for word in words if word.startswith("--host=tcp://0.0.0.0:")]
        if hosts and "--tlsverify" not in words:
            self.node.find(["docker listens and asks nobody for a certificate"])
        return int(hosts[0]) if hosts else None

    def serve(self):
        if self.node.root.is_active("docker") and self.docker_port() and not self.docker.began:
            self.docker.begin(self.context(self.docker_words()))

    def context(self, words):
        found = options(words)
        names = [found["tlscert"], found["tlskey"], found["tlscacert"]]
        return listener.context(self.node.root, *names, required="--tlsverify" in words)

    def certificate_findings(self):
        facts, parameters = self.node.facts, self.node.parameters
        addresses = [facts.address, facts.floating_address, "127.0.0.1"]
        if self.node.role == "master":
            addresses += [parameters["API_PRIVATE_ADDRESS"], parameters["API_PUBLIC_ADDRESS"]]
        wanted = {"server": (self.node.name, None, [self.node.name], addresses, certificates.BOTH)}
        return certificates.findings(self.node.root, FOLDER, wanted)

    def curl(self, words, *more):
        """A call with the node's own files, by the way its curl goes; its answer, None when there is none."""
        found = options(words)
        # Others may have come since this node's own scripts ended.
        self.node.connect()
        root = self.node.root
        files = [root.file(found[name]) for name in ("cacert", "cert", "key")]
        done = subprocess.run(
            ["curl", "--silent", "--fail", "--noproxy", "*", "--max-time", str(CURL_SECONDS), "-K", root.file("run/node/connect"),
             "--cacert", files[0], "--cert", files[1], "--key", files[2], *more],
            capture_output=True, text=True, check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def wanted(self):
        found = {"docker"}
        if self.node.parameters["REGISTRY_ENABLED"] == "True" and self.node.role == "worker":
            found.add("registry")
        return found

    def left_findings(self):
        if "--live-restore" in self.docker_words():
            yield "docker has --live-restore, with which there is no swarm"
        volume = self.node.parameters["DOCKER_VOLUME"]
        devicemapper = self.node.parameters["DOCKER_STORAGE_DRIVER"] == "devicemapper"
        root = self.node.root
        used = "vgcreate docker" in root.read("run/node/commands") if devicemapper else "/var/lib/docker" in root.read("run/node/mounted")
        if bool(volume) != used:
            yield "docker does not use its volume" if volume else "docker uses a volume that it does not have"


# --- The legacy swarm ----------------------------------------------------------------------------------------------


class LegacySwarm(Swarm):
    """A manager with its member of etcd, or a worker with its agent."""

    def __init__(self, node):
        super().__init__(node)
        self.manager = self.listen(self.answer_manager)
        self.etcd = self.listen(lambda method, path, host, body, subject: etcd.answer(node, method, path, body))
        self.loopback = self.listen(self.answer_loopback)
        self.listed = None

    @classmethod
    def shapes(cls, role, parameters):
        return EVERY_NODE | LEGACY | (LEGACY_MASTER if role == "master" else {})

    @classmethod
    def rules(cls, role):
        return super().rules(role) | ({"FLANNEL_NETWORK_CIDR": flannel_network_cidr} if role == "master" else {})

    def prepare(self):
        super().prepare()
        self.loopback.begin()

    def own(self):
        port = self.node.parameters["SWARM_PORT"]
        return [*super().own(), ("127.0.0.1:2379", self.loopback), (f"127.0.0.1:{port}", self.manager)]

    def served(self):
        found = [(f"{self.node.facts.address}:{LEGACY_DOCKER_PORT}", self.docker)]
        if self.node.role == "master":
            port = self.node.parameters["SWARM_PORT"]
            found += [(f"{address}:{port}", self.manager) for address in self.addresses("API_PUBLIC_ADDRESS", "API_PRIVATE_ADDRESS")]
            found.append((f"{self.node.facts.address}:{etcd.PORT}", self.etcd))
        return found

    @property
    def api(self):
        return self.manager

    def serve(self):
        super().serve()
        root = self.node.root
        if root.is_active("etcd") and not self.etcd.began:
            self.etcd.begin(etcd.context(root))
        if root.is_active("swarm-manager") and not self.manager.began:
            self.manager.begin(self.context(self.arguments("swarm-manager")))
        if root.is_active("swarm-agent") and not self.listed:
            self.listed = self.enter_list()

    def is_behind(self):
        return self.node.root.is_active("swarm-agent") and not self.listed

    def arguments(self, unit):
        """The program's words in the container that a unit runs; the folder with its files must be given to it."""
        words = unit_words(self.node.root, unit)
        if f"/{FOLDER}:/{FOLDER}:ro,z" not in words:
            self.node.find([f"{unit} does not see the certificates"])
        return words[[word.rpartition(":")[0].rpartition("/")[2] for word in words].index("swarm") + 1:]

    def members(self, words):
        """The members of etcd and the place in it that an argument names, and curl's words for the files to show."""
        [url] = [word for word in words if word.startswith("etcd://")]
        addresses, _, place = url.removeprefix("etcd://").partition("/")
        found = dict(word.removeprefix("--discovery-opt=").split("=", 1) for word in words if word.startswith("--discovery-opt="))
        files = [f"--{name}={found[f'kv.{key}']}" for name, key in [("cacert", "cacertfile"), ("cert", "certfile"), ("key", "keyfile")]]
        return addresses.split(","), f"/{place}/docker/swarm/nodes", files

    def enter_list(self):
        """What the agent does: puts the docker that it advertises on the list, if that docker answers as it should."""
        words = self.arguments("swarm-agent")
        addresses, place, files = self.members(words)
        entry = options(words)["advertise"]
        if entry != f"{self.node.facts.address}:{LEGACY_DOCKER_PORT}":
            self.node.find([f"the agent advertises {entry}"])
        if self.curl(files, f"https://{entry}/_ping") != "OK" or not self.is_sound():
            return None
        put = ["--request", "PUT", "--data-urlencode", f"value={entry}"]
        done = [address for address in addresses if self.curl(files, *put, f"https://{address}/v2/keys{place}/{entry}")]
        return f"{place}/{entry}" if done else None

    def gone(self):
        """The entry ends when nobody renews it."""
        self.node.cluster.keys.pop(self.listed, None)

    def answer_docker(self, method, path, host, body, subject):
        return (200, "OK") if path == "/_ping" else (404, {"message": "page not found"})

    def answer_loopback(self, method, path, host, body, subject):
        return etcd.answer(self.node, method, path, body) if self.node.root.is_active("etcd") else (503, "")

    def answer_manager(self, method, path, host, body, subject):
        """It is well when etcd is; its nodes are those of the list whose docker lets it in."""
        words = self.arguments("swarm-manager")
        addresses, place, files = self.members(words)
        wanted = {f"{one}:{etcd.PORT}" for one in self.node.parameters["MASTER_ADDRESSES"].split(",")}
        if set(addresses) != wanted or not etcd.has_quorum(self.node) or not self.is_sound():
            return 500, {"message": "No elected primary cluster manager"}
        if path == "/_ping":
            return 200, "OK"
        if path != "/info":
            return 404, {"message": "page not found"}
        entries = [entry for key, entry in list(self.node.cluster.keys.items()) if key.startswith(f"{place}/")]
        nodes = [entry for entry in entries if self.curl(files, f"https://{entry}/_ping") == "OK"]
        status = [["Role", "primary"], ["Strategy", options(words)["strategy"]], ["Nodes", str(len(nodes))]]
        return 200, {"SystemStatus": status + [[f" {entry}", entry] for entry in nodes], "ServerVersion": "swarm"}

    def wanted(self):
        found = super().wanted() | ({"etcd", "swarm-manager"} if self.node.role == "master" else {"swarm-agent"})
        return found | ({"flanneld", "flannel-docker"} if self.node.parameters["NETWORK_DRIVER"] == "flannel" else set())

    def left_findings(self):
        yield from super().left_findings()
        if self.docker_port() != LEGACY_DOCKER_PORT:
            yield f"docker listens on port {self.docker_port()}"
        if self.node.role == "master":
            published = f"{self.node.parameters['SWARM_PORT']}:2375"
            if published not in unit_words(self.node.root, "swarm-manager"):
                yield f"the manager does not publish {published}"


# --- Swarm mode ----------------------------------------------------------------------------------------------------


class State:
    """What the managers of one swarm agree on. There is one per cluster, and more than one would be a split brain."""

    def __init__(self):
        self.lock = threading.RLock()
        self.tokens = None
        self.nodes = {}

    def make(self):
        self.tokens = {kind: f"SWMTKN-1-{secrets.token_hex(25)}-{secrets.token_hex(12)}" for kind in ("Manager", "Worker")}

    def managers(self):
        return [node for node, entry in self.nodes.items() if entry["Spec"]["Role"] == "manager"]


class SwarmMode(Swarm):
    """A manager or a worker."""

    ports = staticmethod(lambda parameters: [int(parameters["SWARM_PORT"]), JOIN_PORT])

    def __init__(self, node):
        super().__init__(node)
        self.id = None
        self.socket = None

    @classmethod
    def shapes(cls, role, parameters):
        return EVERY_NODE

    @classmethod
    def rules(cls, role):
        return super().rules(role) | ({"OVERLAY_NETWORK_CIDR": overlay_network_cidr} if role == "master" else {})

    @property
    def state(self):
        return self.node.cluster.shared.setdefault("swarm", State())

    @property
    def api(self):
        return self.docker

    def prepare(self):
        super().prepare()
        self.socket = self.listen(self.answer_own, FileListener, path=self.node.root.path / "run/docker.sock")

    def served(self):
        if self.node.role != "master":
            return []
        port = self.node.parameters["SWARM_PORT"]
        return [(f"{address}:{port}", self.docker) for address in self.addresses("API_PUBLIC_ADDRESS", "API_PRIVATE_ADDRESS")]

    def serve(self):
        super().serve()
        if self.node.root.is_active("docker"):
            self.socket.begin()

    def gone(self):
        with self.state.lock:
            if self.id in self.state.nodes:
                self.state.nodes[self.id]["Status"]["State"] = "down"

    def answer_docker(self, method, path, host, body, subject):
        """Over TLS, for those with a certificate."""
        return self.answer(method, urllib.parse.urlsplit(path).path, body) if self.is_sound() else (500, {"message": "unsound"})

    def answer_own(self, method, path, host, body, subject):
        return self.answer(method, urllib.parse.urlsplit(path).path, body)

    def answer(self, method, path, body):
        with self.state.lock:
            if method == "GET" and path == "/_ping":
                return 200, "OK"
            if method == "GET" and path == "/info":
                return 200, self.info()
            if method == "POST" and path in ("/swarm/init", "/swarm/join"):
                return (self.init if path == "/swarm/init" else self.join)(json.loads(body))
            if self.id not in self.state.managers():
                return 503, {"message": "This node is not a swarm manager."}
            if method == "GET" and path == "/swarm":
                return 200, {"ID": "swarm", "JoinTokens": self.state.tokens}
            return self.answer_nodes(method, path, body)

    def info(self):
        status = {"NodeID": self.id or "", "NodeAddr": self.node.facts.address if self.id else "",
                  "LocalNodeState": "active" if self.id else "inactive", "ControlAvailable": self.id in self.state.managers()}
        return {"Name": self.node.name, "Swarm": status}

    def answer_nodes(self, method, path, body):
        nodes = self.state.nodes
        if path == "/nodes":
            return 200, list(nodes.values())
        if path == "/standin/nodes":
            return 200, "".join(f"{one['Description']['Hostname']} {key} {one['Spec']['Role']}\n" for key, one in nodes.items())
        words = path.strip("/").split("/")
        if words[0] != "nodes" or words[1] not in nodes:
            return 404, {"message": f"node {path} not found"}
        if method == "DELETE":
            if nodes[words[1]]["Spec"]["Role"] == "manager":
                return 400, {"message": "node is a cluster manager and is a member of the raft cluster"}
            del nodes[words[1]]
            return 200, ""
        if method == "POST":
            nodes[words[1]]["Spec"]["Role"] = json.loads(body)["Role"]
        return 200, nodes[words[1]]

    def refuse(self, what):
        """Docker says no, and the test shall know why."""
        self.node.find([what])
        return 400, {"message": what}

    def init(self, wanted):
        state = self.state
        if not self.is_sound():
            return 500, {"message": "unsound"}
        if state.managers():
            return self.refuse("a second swarm was made beside the one that there is")
        if wanted["AdvertiseAddr"] != self.node.facts.address or wanted["ListenAddr"] != f"0.0.0.0:{JOIN_PORT}":
            return self.refuse(f"the swarm was made at {wanted['AdvertiseAddr']} and {wanted['ListenAddr']}")
        if wanted["DefaultAddrPool"] != [self.node.parameters["OVERLAY_NETWORK_CIDR"]]:
            return self.refuse(f"overlay networks are parts of {wanted['DefaultAddrPool']}")
        state.make()
        self.enter("manager")
        return 200, json.dumps(self.id)

    def join(self, wanted):
        if not self.is_sound():
            return 500, {"message": "unsound"}
        tokens = self.state.tokens or {}
        kinds = [kind for kind, token in tokens.items() if token == wanted["JoinToken"]]
        expected = "Manager" if self.node.role == "master" else "Worker"
        if kinds != [expected]:
            return self.refuse(f"a {self.node.role} joins with the token for {kinds or 'nobody'}")
        if wanted["AdvertiseAddr"] != self.node.facts.address:
            return self.refuse(f"the node advertises {wanted['AdvertiseAddr']}")
        strangers = [one for one in wanted["RemoteAddrs"] if not self.leads_to_manager(one)]
        if strangers:
            return self.refuse(f"{strangers} are no way to a manager")
        self.enter(expected.lower())
        return 200, ""

    def leads_to_manager(self, address):
        """A manager's own address, or a load balancer's whose members are managers, on the port for joining."""
        host, _, port = address.partition(":")
        there = {entry["Status"]["Addr"] for entry in self.state.nodes.values() if entry["Spec"]["Role"] == "manager"}
        if port == str(JOIN_PORT) and host in there:
            return True
        view, subnet = self.node.view, self.node.facts.subnet["id"]
        balancers = [one["id"] for one in view.load_balancers(subnet) if one["vip_address"] == host]
        return any((manager, int(port)) in view.members(balancer) for balancer in balancers for manager in there)

    def enter(self, role):
        self.id = secrets.token_hex(13)[:25]
        self.state.nodes[self.id] = {
            "ID": self.id, "Spec": {"Role": role, "Availability": "active"}, "Description": {"Hostname": self.node.name},
            "Status": {"State": "ready", "Addr": self.node.facts.address},
        }

    def left_findings(self):
        yield from super().left_findings()
        wanted = int(self.node.parameters["SWARM_PORT"]) if self.node.role == "master" else None
        if self.docker_port() != wanted:
            yield f"docker listens on port {self.docker_port()}, not {wanted}"
        for path in self.node.files():
            content = path.read_bytes()
            yield from (f"{path} holds a token for {kind}s" for kind, token in self.state.tokens.items() if token.encode() in content)
