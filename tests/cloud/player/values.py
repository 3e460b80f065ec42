"""What every value of a node's parameter file must look like, and what of the cloud it must name."""

import base64
import ipaddress
import json
import re
from dataclasses import dataclass

import requests

ANY = r".*"
NAME = r"[A-Za-z0-9._-]+"
ID = r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
BOOLEAN = r"True|False"
NUMBER = r"\d+"
TAG = r"v?\d+(\.\d+)+(-[a-z0-9.]+)?"
URL = r"https?://[^\s/]+(/\S*)?"

# What a value is written like; a name in round brackets may be empty.
SHAPES = {
    "CLUSTER_UUID": ID, "MAGNUM_URL": URL + "/v1", "AUTH_URL": URL + "/v3", "REGION_NAME": NAME, "(USERNAME)": ANY,
    "TRUSTEE_DOMAIN_ID": ID, "TRUSTEE_USER_ID": ID, "TRUSTEE_USERNAME": NAME, "TRUSTEE_PASSWORD": r"\S{16,}",
    "TRUST_ID": ID, "VERIFY_CA": BOOLEAN, "(HTTP_PROXY)": URL, "(HTTPS_PROXY)": URL, "(NO_PROXY)": ANY, "KUBE_TAG": TAG,
    "KUBE_API_PORT": NUMBER, "TLS_DISABLED": BOOLEAN, "KUBE_ALLOW_PRIV": "true|false", "CGROUP_DRIVER": "systemd|cgroupfs",
    "(KUBELET_OPTIONS)": ANY, "(KUBEPROXY_OPTIONS)": ANY, "DNS_CLUSTER_DOMAIN": NAME, "NETWORK_DRIVER": "flannel|calico",
    "FLANNEL_TAG": TAG, "DOCKER_STORAGE_DRIVER": "devicemapper|overlay2|overlay", "DOCKER_VOLUME_SIZE": NUMBER,
    "(VOLUME_DRIVER)": "cinder", "BLOCK_STORAGE_VERSION": "v2|v3", "OCTAVIA_ENABLED": BOOLEAN,
    "CLOUD_PROVIDER_ENABLED": BOOLEAN, "(CLOUD_PROVIDER_TAG)": TAG, "(CONTAINER_INFRA_PREFIX)": r"\S+/",
    "(INSECURE_REGISTRY_URL)": r"\S+", "SELINUX_MODE": "enforcing|permissive|disabled", "PROMETHEUS_MONITORING": BOOLEAN,
    "PAUSE_TAG": TAG, "INSTANCE_NAME": NAME, "NODE_INDEX": NUMBER, "WAIT_CURL": r"curl .*X-Auth-Token.*/signal",
    "WAIT_CREDENTIALS": r"\{.*\}",
}
SHAPES_OF = {
    "minion": {
        "REGISTRY_ENABLED": BOOLEAN, "REGISTRY_PORT": NUMBER, "REGISTRY_INSECURE": BOOLEAN, "REGISTRY_CHUNKSIZE": NUMBER,
        "REGISTRY_CONTAINER": NAME, "REGISTRY_TAG": TAG, "(SWIFT_REGION)": NAME, "NODE_EXPORTER_TAG": TAG,
    },
    "master": {
        "(KUBEAPI_OPTIONS)": ANY, "(KUBECONTROLLER_OPTIONS)": ANY, "(KUBESCHEDULER_OPTIONS)": ANY,
        "ADMISSION_CONTROL_LIST": r"[A-Za-z]+(,[A-Za-z]+)*", "CERT_MANAGER_API": BOOLEAN, "ETCD_TAG": TAG,
        "ETCD_VOLUME_SIZE": NUMBER, "(ETCD_DISCOVERY_URL)": URL, "FLANNEL_NETWORK_SUBNETLEN": NUMBER,
        "FLANNEL_BACKEND": "udp|vxlan|host-gw", "CALICO_TAG": TAG, "CALICO_CNI_TAG": TAG,
        "CALICO_KUBE_CONTROLLERS_TAG": TAG, "CALICO_IPV4POOL_IPIP": "Always|CrossSubnet|Never|Off", "COREDNS_TAG": TAG,
        "SYSTEM_PODS_INITIAL_DELAY": NUMBER, "SYSTEM_PODS_TIMEOUT": NUMBER, "KUBE_DASHBOARD_ENABLED": BOOLEAN,
        "KUBE_DASHBOARD_VERSION": TAG, "HEAPSTER_TAG": TAG, "INFLUX_GRAFANA_DASHBOARD_ENABLED": BOOLEAN,
        "INFLUXDB_TAG": TAG, "HEAPSTER_GRAFANA_TAG": TAG, "PROMETHEUS_TAG": TAG, "GRAFANA_TAG": TAG,
        "GRAFANA_ADMIN_PASSWD": r"\S+", "(INGRESS_CONTROLLER)": "traefik", "INGRESS_CONTROLLER_ROLE": NAME,
        "TRAEFIK_INGRESS_CONTROLLER_TAG": TAG,
    },
}


@dataclass
class Facts:
    """A node as the cloud's services describe it."""

    role: str
    server: dict
    port: dict
    subnet: dict
    floating_address: str
    cloud: object

    @property
    def address(self):
        return self.port["fixed_ips"][0]["ip_address"]


def decode(server):
    """The user data of a server as Nova keeps them."""
    return base64.b64decode(server["OS-EXT-SRV-ATTR:user_data"] or "")


def gather(role, server, view):
    """What the services say about a server."""
    port = view.ports(device_id=server["id"])[0]
    return Facts(role, server, port, view.subnet(port["fixed_ips"][0]["subnet_id"]), view.floating_address(port["id"]), view)


def findings(parameters, facts):
    """Everything that is wrong with the values, as texts."""
    shapes = SHAPES | SHAPES_OF[facts.role]
    known = {name.strip("()") for name in shapes} | {rule.__name__.upper() for rule in rules(facts.role)}
    for name in sorted(known - set(parameters)):
        yield f"{name} is missing"
    for name in sorted(set(parameters) - known):
        yield f"{name} is known to nobody"
    for name, shape in shapes.items():
        value = parameters.get(name.strip("()"))
        if value is None or (value == "" and name.startswith("(")):
            continue
        if not re.fullmatch(shape, value):
            yield f"{name.strip('()')} is {hidden(name, value)!r}"
    for rule in rules(facts.role):
        name = rule.__name__.upper()
        if name not in parameters:
            continue
        try:
            wrong = rule(parameters[name], parameters, facts)
        except (ValueError, KeyError, LookupError) as error:
            wrong = f"cannot be read: {type(error).__name__} {error}"
        if wrong:
            yield f"{name} is {hidden(name, parameters[name])!r}: {wrong}"
    yield from endpoints(parameters)


def hidden(name, value):
    return "…" if "PASSW" in name or name.startswith("WAIT_") else value


# --- One rule per value; the rule's name is the value's in small letters -------------------------------------------


def cluster_uuid(value, parameters, facts):
    short = value.replace("-", "")[:12]
    return short not in facts.server["name"] and f"the server is called {facts.server['name']}"


def instance_name(value, parameters, facts):
    return value != facts.server["name"] and f"the server is called {facts.server['name']}"


def node_index(value, parameters, facts):
    return not facts.server["name"].endswith(f"-{value}") and f"the server is called {facts.server['name']}"


def region_name(value, parameters, facts):
    return value not in facts.cloud.regions() and "no region of the catalogue"


def trustee_user_id(value, parameters, facts):
    user = facts.cloud.user(value)
    if user["domain_id"] != parameters["TRUSTEE_DOMAIN_ID"]:
        return f"the user is in domain {user['domain_id']}"
    return user["name"] != parameters["TRUSTEE_USERNAME"] and f"the user is called {user['name']}"


def external_network(value, parameters, facts):
    return not facts.cloud.network(value)["router:external"] and "no external network"


def cluster_subnet(value, parameters, facts):
    return value != facts.subnet["id"] and f"the node's subnet is {facts.subnet['id']}"


def fixed_network_cidr(value, parameters, facts):
    return value != facts.subnet["cidr"] and f"the subnet is {facts.subnet['cidr']}"


def kube_node_ip(value, parameters, facts):
    return value != facts.address and f"the port's address is {facts.address}"


def kube_node_public_ip(value, parameters, facts):
    return value != facts.floating_address and f"the port's floating IP is {facts.floating_address!r}"


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


def master_addresses(value, parameters, facts):
    addresses = value.split(",")
    there = facts.cloud.addresses(facts.subnet["network_id"])
    strangers = [address for address in addresses if address not in there]
    if strangers:
        return f"no port of the network has {strangers}"
    if facts.role == "master" and facts.address not in addresses:
        return f"{facts.address} is missing"
    wanted = int(parameters.get("NUMBER_OF_MASTERS", len(addresses)))
    return wanted != len(set(addresses)) and f"there are {wanted} masters"


def kube_api_private_address(value, parameters, facts):
    masters = parameters["MASTER_ADDRESSES"].split(",")
    balancers = [one for one in facts.cloud.load_balancers(facts.subnet["id"]) if one["vip_address"] == value]
    if balancers:
        members = facts.cloud.members(balancers[0]["id"])
        wanted = {(address, int(parameters["KUBE_API_PORT"])) for address in masters}
        return members != wanted and f"the load balancer's members are {sorted(members)}, the masters {sorted(wanted)}"
    return value != masters[0] and f"neither a load balancer's address nor the first master's, {masters[0]}"


def kube_api_public_address(value, parameters, facts):
    private = parameters["KUBE_API_PRIVATE_ADDRESS"]
    if value == private:
        return None
    behind = facts.cloud.behind(value)
    return behind != private and f"leads to {behind}, and the API is {private}"


def docker_volume(value, parameters, facts):
    if (parameters["DOCKER_VOLUME_SIZE"] != "0") != bool(value):
        return f"the size is {parameters['DOCKER_VOLUME_SIZE']}"
    return value and volume(value, parameters["DOCKER_VOLUME_SIZE"], facts)


def etcd_volume(value, parameters, facts):
    size = parameters.get("ETCD_VOLUME_SIZE", "0")
    if (size != "0") != bool(value):
        return f"the size is {size}"
    return value and volume(value, size, facts)


def volume(value, size, facts):
    there = facts.cloud.volume(value)["size"]
    return there != int(size) and f"the volume has {there} GB"


# --- Only masters -------------------------------------------------------------------------------------------------


def number_of_masters(value, parameters, facts):
    return int(value) % 2 == 0 and "etcd needs an odd number"


def flannel_network_cidr(value, parameters, facts):
    ipaddress.ip_network(value)
    return parameters["NETWORK_DRIVER"] == "flannel" and value != parameters["PODS_NETWORK_CIDR"] and "not the pods' network"


def calico_ipv4pool(value, parameters, facts):
    ipaddress.ip_network(value)
    return parameters["NETWORK_DRIVER"] == "calico" and value != parameters["PODS_NETWORK_CIDR"] and "not the pods' network"


COMMON = [
    cluster_uuid, instance_name, node_index, region_name, trustee_user_id, external_network, cluster_subnet,
    fixed_network_cidr, kube_node_ip, kube_node_public_ip, pods_network_cidr, portal_network_cidr, dns_service_ip,
    master_addresses, kube_api_private_address, kube_api_public_address, docker_volume, etcd_volume,
]
MASTER = [number_of_masters, flannel_network_cidr, calico_ipv4pool]


def rules(role):
    return COMMON + (MASTER if role == "master" else [])


def endpoints(parameters):
    """Both services answer under the URLs that the node has, and the wait's credentials are complete."""
    for name in ["AUTH_URL", "MAGNUM_URL"]:
        try:
            status = requests.get(parameters.get(name, ""), timeout=20).status_code
        except requests.RequestException as error:
            status = type(error).__name__
        if status != 200:
            yield f"{name} is {parameters.get(name)!r}: answers {status}"
    try:
        credentials = json.loads(parameters.get("WAIT_CREDENTIALS", ""))
    except ValueError:
        return
    for name in ["auth_url", "user_id", "password", "project_id"]:
        if not credentials.get(name):
            yield f"WAIT_CREDENTIALS has no {name}"
