"""Kubernetes on Fedora Atomic: its values, its certificates, and stand-ins for API server and etcd of a master.

They are set up by what the node's scripts have written: certificates and client authority come from the files that the
configuration of the API server and of etcd names, and nothing is served before the script starts the service.
"""

import ipaddress
import re
import urllib.parse

import yaml

from . import certificates, etcd, listener, values
from .coe import Coe
from .values import ANY, BOOLEAN, NAME, NUMBER, TAG, URL

API_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
FOLDER = "etc/kubernetes/certs"

# Values of Kubernetes whatever the operating system is; a name in round brackets may be empty.
COMMON = values.TRUSTEE | {
    "NODE_INDEX": NUMBER, "MASTER_ADDRESSES": ANY, "FIXED_NETWORK_CIDR": ANY, "KUBE_TAG": TAG, "KUBE_API_PORT": NUMBER,
    "(KUBELET_OPTIONS)": ANY, "(KUBEPROXY_OPTIONS)": ANY, "DNS_CLUSTER_DOMAIN": NAME, "NETWORK_DRIVER": "flannel|calico",
    "DOCKER_VOLUME_SIZE": NUMBER, "(VOLUME_DRIVER)": "cinder", "OCTAVIA_ENABLED": BOOLEAN, "CLOUD_PROVIDER_ENABLED": BOOLEAN,
    "(CONTAINER_INFRA_PREFIX)": r"\S+/", "(INSECURE_REGISTRY_URL)": r"\S+", "SELINUX_MODE": "enforcing|permissive|disabled",
    "PROMETHEUS_MONITORING": BOOLEAN, "PAUSE_TAG": TAG,
}
MASTER = {
    "(KUBEAPI_OPTIONS)": ANY, "(KUBECONTROLLER_OPTIONS)": ANY, "(KUBESCHEDULER_OPTIONS)": ANY,
    "ADMISSION_CONTROL_LIST": r"[A-Za-z]+(,[A-Za-z]+)*", "CERT_MANAGER_API": BOOLEAN, "ETCD_TAG": TAG,
    "ETCD_VOLUME_SIZE": NUMBER, "(ETCD_DISCOVERY_URL)": URL, "FLANNEL_NETWORK_SUBNETLEN": NUMBER, "CALICO_TAG": TAG,
    "CALICO_CNI_TAG": TAG, "CALICO_KUBE_CONTROLLERS_TAG": TAG, "CALICO_IPV4POOL_IPIP": "Always|CrossSubnet|Never|Off",
    "COREDNS_TAG": TAG, "SYSTEM_PODS_INITIAL_DELAY": NUMBER, "SYSTEM_PODS_TIMEOUT": NUMBER,
    "KUBE_DASHBOARD_ENABLED": BOOLEAN, "KUBE_DASHBOARD_VERSION": TAG, "PROMETHEUS_TAG": TAG, "GRAFANA_TAG": TAG,
    "GRAFANA_ADMIN_PASSWD": r"\S+", "INGRESS_CONTROLLER_ROLE": NAME, "TRAEFIK_INGRESS_CONTROLLER_TAG": TAG,
}
# What a group of nodes has of its own; masters' are empty.
GROUP = {
    "(NODE_LABELS)": r"[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*(,[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*)*",
    "(NODE_TAINTS)": r"[^=:,\s]+(=[^:,\s]*)?:[A-Za-z]+(,[^=:,\s]+(=[^:,\s]*)?:[A-Za-z]+)*",
}
ATOMIC = {
    "(USERNAME)": ANY, "TLS_DISABLED": BOOLEAN, "KUBE_ALLOW_PRIV": "true|false", "CGROUP_DRIVER": "systemd|cgroupfs",
    "FLANNEL_TAG": TAG, "DOCKER_STORAGE_DRIVER": "devicemapper|overlay2|overlay", "BLOCK_STORAGE_VERSION": "v2|v3",
    "(CLOUD_PROVIDER_TAG)": TAG,
} | GROUP
ATOMIC_MASTER = MASTER | {
    "FLANNEL_BACKEND": "udp|vxlan|host-gw", "HEAPSTER_TAG": TAG, "INFLUX_GRAFANA_DASHBOARD_ENABLED": BOOLEAN,
    "INFLUXDB_TAG": TAG, "HEAPSTER_GRAFANA_TAG": TAG, "(INGRESS_CONTROLLER)": "traefik",
}
ATOMIC_WORKER = values.REGISTRY | {"NODE_EXPORTER_TAG": TAG}


# --- Rules of values ----------------------------------------------------------------------------------------------


def pods_network_cidr(value, parameters, facts):
    network = ipaddress.ip_network(value)
    pairs = {pair["ip_address"] for pair in facts.port["allowed_address_pairs"]}
    if value not in pairs:
        return f"the node's port lets through {sorted(pairs)}"
    return network.overlaps(ipaddress.ip_network(facts.subnet["cidr"])) and "overlaps with the nodes' network"


def portal_network_cidr(value, parameters, facts):
    network = ipaddress.ip_network(value)
    return network.overlaps(ipaddress.ip_network(parameters["PODS_NETWORK_CIDR"])) and "overlaps with the pods' network"


def dns_service_ip(value, parameters, facts):
    inside = ipaddress.ip_address(value) in ipaddress.ip_network(parameters["PORTAL_NETWORK_CIDR"])
    return not inside and "not in the services' network"


def number_of_masters(value, parameters, facts):
    return int(value) % 2 == 0 and "etcd needs an odd number"


def network_of(driver):
    """A rule for the network of one network driver: the pods', where that driver was chosen."""

    def rule(value, parameters, facts):
        ipaddress.ip_network(value)
        return parameters["NETWORK_DRIVER"] == driver and value != parameters["PODS_NETWORK_CIDR"] and "not the pods' network"

    return rule


RULES = {
    "EXTERNAL_NETWORK": values.external_network, "CLUSTER_SUBNET": values.cluster_subnet, "KUBE_NODE_IP": values.node_address,
    "KUBE_NODE_PUBLIC_IP": values.node_floating_address, "PODS_NETWORK_CIDR": pods_network_cidr,
    "PORTAL_NETWORK_CIDR": portal_network_cidr, "DNS_SERVICE_IP": dns_service_ip,
    "KUBE_API_PRIVATE_ADDRESS": values.private_address(lambda parameters: [int(parameters["KUBE_API_PORT"])]),
    "KUBE_API_PUBLIC_ADDRESS": values.public_address("KUBE_API_PRIVATE_ADDRESS"),
    "DOCKER_VOLUME": values.sized_volume("DOCKER_VOLUME_SIZE"), "ETCD_VOLUME": values.sized_volume("ETCD_VOLUME_SIZE"),
}
MASTER_RULES = RULES | {
    "NUMBER_OF_MASTERS": number_of_masters, "FLANNEL_NETWORK_CIDR": network_of("flannel"), "CALICO_IPV4POOL": network_of("calico"),
}


class Kubernetes(Coe):
    """A node of Kubernetes on Fedora Atomic."""

    version = "v1.11.6"

    def __init__(self, node):
        super().__init__(node)
        self.local = self.listen(self.answer_local)
        self.api = self.listen(self.answer_api)
        self.etcd = self.listen(self.answer_etcd)

    @classmethod
    def shapes(cls, role, parameters):
        return COMMON | ATOMIC | (ATOMIC_MASTER if role == "master" else ATOMIC_WORKER)

    @classmethod
    def rules(cls, role):
        return MASTER_RULES if role == "master" else RULES

    @property
    def has_tls(self):
        return self.node.parameters.get("TLS_DISABLED", "False") == "False"

    def prepare(self):
        super().prepare()
        self.local.begin()

    def own(self):
        return [*super().own(), ("127.0.0.1:8080", self.local), ("127.0.0.1:2379", self.local)]

    def served(self):
        if self.node.role != "master":
            return []
        port = self.node.parameters["KUBE_API_PORT"]
        found = self.addresses("KUBE_API_PUBLIC_ADDRESS", "KUBE_API_PRIVATE_ADDRESS")
        return [*((f"{address}:{port}", self.api) for address in found), (f"{self.node.facts.address}:{etcd.PORT}", self.etcd)]

    def serve(self):
        if self.node.role == "master":
            root = self.node.root
            if root.is_active("etcd") and not self.etcd.began:
                self.etcd.begin(etcd.context(root))
            if root.is_active("kube-apiserver") and not self.api.began:
                self.api.begin(self.api_context())

    def renew(self):
        """Who comes from now on is met with the files as they are now."""
        if self.node.role == "master" and self.api.began:
            self.etcd.context = etcd.context(self.node.root)
            self.api.context = self.api_context()

    def option(self, name):
        """An argument of the API server; None when it is not there."""
        found = re.search(rf"--{name}=([^\s\"]+)", self.node.root.read("etc/kubernetes/apiserver"))
        return found and found[1]

    def api_context(self):
        """As the API server's arguments say; None when it serves without TLS."""
        if not self.option("tls-cert-file"):
            return None
        files = [self.option(name) for name in ["tls-cert-file", "tls-private-key-file", "client-ca-file"]]
        return listener.context(self.node.root, *files)

    def certificate_findings(self):
        if not self.has_tls:
            return []
        parameters, facts, name = self.node.parameters, self.node.facts, self.node.name
        wanted = {
            "kubelet": (f"system:node:{name}", "system:nodes", [name], [facts.address], certificates.BOTH),
            "proxy": ("system:kube-proxy", "system:node-proxier", [], [], certificates.CLIENT),
        }
        if self.node.role == "master":
            portal = ipaddress.ip_network(parameters["PORTAL_NETWORK_CIDR"])
            names = [*API_NAMES, f"kubernetes.default.svc.{parameters['DNS_CLUSTER_DOMAIN']}"]
            addresses = [facts.address, facts.floating_address, parameters["KUBE_API_PRIVATE_ADDRESS"],
                         parameters["KUBE_API_PUBLIC_ADDRESS"], "127.0.0.1", str(portal[1])]
            wanted["server"] = ("kubernetes", None, names, addresses, certificates.BOTH)
        signs = self.node.role == "master" and parameters["CERT_MANAGER_API"] == "True"
        return [
            *certificates.findings(self.node.root, FOLDER, wanted),
            *certificates.authority_findings(self.node.root, FOLDER, signs),
        ]

    def wanted(self):
        parameters = self.node.parameters
        found = {"docker", "kubelet", "kube-proxy"}
        if self.node.role == "master":
            found |= {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
        if parameters["NETWORK_DRIVER"] == "flannel":
            found |= {"flanneld", "flannel-docker"}
        if parameters.get("REGISTRY_ENABLED") == "True":
            found.add("registry")
        return found

    def left_findings(self):
        applied = sorted((self.node.root.path / "run/node/applied").glob("*.yaml"))
        self.node.note(applied=[path.name for path in applied])
        for path in applied:
            yield from (f"{path.name}: {finding}" for finding in manifest_findings(path.read_text()))

    def version_text(self):
        return self.version

    def user(self, subject):
        """Name and group of who calls; None for nobody."""
        if not self.has_tls:
            return "admin", "system:masters"
        if subject.get("commonName"):
            return subject["commonName"], subject.get("organizationName", "")
        return None

    def answer_api(self, method, path, host, body, subject):
        """The API server: administrators may see all nodes, a kubelet its own."""
        path = urllib.parse.urlsplit(path).path
        user = self.user(subject)
        if not user:
            return 401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}
        if path in ("/healthz", "/readyz"):
            return (200, "ok") if self.is_well() else (500, "not yet")
        if path == "/version":
            return 200, {"gitVersion": self.version_text()}
        name, group = user
        nodes = {node.name: node for node in self.node.cluster.nodes() if node.root.is_active("kubelet")}
        if path == "/api/v1/nodes" and group == "system:masters":
            return 200, {"kind": "NodeList", "apiVersion": "v1", "items": [node_object(node) for node in nodes.values()]}
        asked = path.removeprefix("/api/v1/nodes/")
        if asked in nodes and group == "system:nodes" and name != f"system:node:{asked}":
            return 403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403}
        if asked in nodes and group in ("system:masters", "system:nodes"):
            return 200, node_object(nodes[asked]) if nodes[asked].coe.is_sound() else {"kind": "Status", "code": 500}
        return (404 if group in ("system:masters", "system:nodes") else 403), {"kind": "Status", "status": "Failure"}

    def is_well(self):
        return True

    def answer_etcd(self, method, path, host, body, subject):
        return etcd.answer(self.node, method, path, body)

    def answer_local(self, method, path, host, body, subject):
        """127.0.0.1:8080 is the API server, 127.0.0.1:2379 etcd."""
        root = self.node.root
        if host.endswith(":2379"):
            return etcd.answer(self.node, method, path, body) if root.is_active("etcd") else (503, "")
        healthy = root.is_active("kube-apiserver") and self.is_sound()
        return (200, "ok") if healthy and path == "/healthz" else (503, "not yet")


def manifest_findings(text):
    """Every object of a manifest has what Kubernetes asks of all of them."""
    try:
        objects = [one for one in yaml.safe_load_all(text) if one]
    except yaml.YAMLError as error:
        yield f"is no YAML: {error}"
        return
    if not objects:
        yield "has no object"
    for one in objects:
        if not (one.get("apiVersion") and one.get("kind") and one.get("metadata", {}).get("name")):
            yield f"has an object without version, kind or name: {str(one)[:100]}"


def node_object(node):
    ready = "True" if node.root.is_active("kubelet") else "False"
    return {
        "kind": "Node", "apiVersion": "v1", "metadata": {"name": node.name},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }
