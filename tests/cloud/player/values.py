"""What the values of a node's parameter file must look like, and what of the cloud they must name.

Which values there are is the business of each COE's module; here is what they have in common. A rule gets the value, all
values and the facts, and returns what is wrong, or something false.
"""

import base64
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
EVERY_NODE = {
    "VERIFY_CA": BOOLEAN, "(HTTP_PROXY)": URL, "(HTTPS_PROXY)": URL, "(NO_PROXY)": ANY, "INSTANCE_NAME": NAME,
    "WAIT_CURL": r"curl .*X-Auth-Token.*/signal", "WAIT_CREDENTIALS": r"\{.*\}",
}
TRUSTEE = {
    "CLUSTER_UUID": ID, "MAGNUM_URL": URL + "/v1", "AUTH_URL": URL + "/v3", "REGION_NAME": NAME, "TRUSTEE_DOMAIN_ID": ID,
    "TRUSTEE_USER_ID": ID, "TRUSTEE_USERNAME": NAME, "TRUSTEE_PASSWORD": r"\S{16,}", "TRUST_ID": ID,
}
REGISTRY = {
    "REGISTRY_ENABLED": BOOLEAN, "REGISTRY_PORT": NUMBER, "REGISTRY_INSECURE": BOOLEAN, "REGISTRY_CHUNKSIZE": NUMBER,
    "REGISTRY_CONTAINER": NAME, "REGISTRY_TAG": TAG, "(SWIFT_REGION)": NAME,
}
# Values of which nothing is wrong, whatever they are.
FREE = {"USERNAME", "NO_PROXY"}


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


def role_of(name):
    """master or worker, by the name that the template gives a server."""
    return "master" if re.search(r"-master-\d+$", name) else "worker"


def gather(server, view):
    """What the services say about a server."""
    port = view.ports(device_id=server["id"])[0]
    subnet = view.subnet(port["fixed_ips"][0]["subnet_id"])
    return Facts(role_of(server["name"]), server, port, subnet, view.floating_address(port["id"]), view)


def findings(parameters, facts, coe):
    """Everything that is wrong with the values, as texts; `coe` has the shapes and rules of the cluster's type."""
    shapes, rules = EVERY_NODE | coe.shapes(facts.role, parameters), RULES | coe.rules(facts.role)
    known = {name.strip("()") for name in shapes} | set(coe.rules(facts.role)) | {"INSTANCE_NAME"}
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
    for name in sorted(set(rules) & set(parameters)):
        try:
            wrong = rules[name](parameters[name], parameters, facts)
        except (ValueError, KeyError, LookupError) as error:
            wrong = f"cannot be read: {type(error).__name__} {error}"
        if wrong:
            yield f"{name} is {hidden(name, parameters[name])!r}: {wrong}"
    yield from endpoints(parameters)


def hidden(name, value):
    return "…" if "PASSW" in name or name.startswith("WAIT_") else value


# --- Rules that hold wherever there is such a value ----------------------------------------------------------------


def cluster_uuid(value, parameters, facts):
    """Servers are named after their cluster or, in further node groups, after the group; the cluster's user always is."""
    if value.replace("-", "")[:12] in facts.server["name"]:
        return None
    user = facts.cloud.user(parameters["TRUSTEE_USER_ID"])["name"] if "TRUSTEE_USER_ID" in parameters else ""
    return not user.startswith(value) and f"the server is called {facts.server['name']} and the cluster's user {user!r}"


def instance_name(value, parameters, facts):
    return value != facts.server["name"] and f"the server is called {facts.server['name']}"


def node_index(value, parameters, facts):
    return not facts.server["name"].endswith(f"-{value}") and f"the server is called {facts.server['name']}"


def region_name(value, parameters, facts):
    return value not in facts.cloud.regions() and "no region of the catalogue"


def trustee_user_id(value, parameters, facts):
    user = facts.cloud.user(value)
    domain = parameters.get("TRUSTEE_DOMAIN_ID", user["domain_id"])
    if user["domain_id"] != domain:
        return f"the user is in domain {user['domain_id']}"
    return user["name"] != parameters.get("TRUSTEE_USERNAME", user["name"]) and f"the user is called {user['name']}"


def external_network(value, parameters, facts):
    return not facts.cloud.network(value)["router:external"] and "no external network"


def cluster_subnet(value, parameters, facts):
    return value != facts.subnet["id"] and f"the node's subnet is {facts.subnet['id']}"


def fixed_network_cidr(value, parameters, facts):
    return value != facts.subnet["cidr"] and f"the subnet is {facts.subnet['cidr']}"


def node_address(value, parameters, facts):
    return value != facts.address and f"the port's address is {facts.address}"


def node_floating_address(value, parameters, facts):
    return value != facts.floating_address and f"the port's floating IP is {facts.floating_address!r}"


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


def private_address(ports):
    """A rule for the API's address: a load balancer's, before these ports of all masters, or the first master's."""

    def rule(value, parameters, facts):
        masters = parameters["MASTER_ADDRESSES"].split(",")
        balancers = [one for one in facts.cloud.load_balancers(facts.subnet["id"]) if one["vip_address"] == value]
        if balancers:
            members = facts.cloud.members(balancers[0]["id"])
            wanted = {(address, port) for address in masters for port in ports(parameters)}
            return members != wanted and f"the load balancer's members are {sorted(members)}, not {sorted(wanted)}"
        return value != masters[0] and f"neither a load balancer's address nor the first master's, {masters[0]}"

    return rule


def public_address(private):
    """A rule for the API's public address, which leads to the private one of that name."""

    def rule(value, parameters, facts):
        if value == parameters[private]:
            return None
        behind = facts.cloud.behind(value)
        return behind != parameters[private] and f"leads to {behind}, and the API is {parameters[private]}"

    return rule


def sized_volume(size_name):
    """A rule for the id of a volume whose size stands under that name."""

    def rule(value, parameters, facts):
        size = parameters.get(size_name, "0")
        if (size != "0") != bool(value):
            return f"the size is {size}"
        there = value and facts.cloud.volume(value)["size"]
        return value and there != int(size) and f"the volume has {there} GB"

    return rule


def volume(value, parameters, facts):
    """A volume of the node's project; that it is attached to the node, and no other, is seen in the end."""
    owner = value and facts.cloud.volume(value)["os-vol-tenant-attr:tenant_id"]
    return value and owner != facts.server["tenant_id"] and f"the volume is project {owner}'s"


RULES = {
    "CLUSTER_UUID": cluster_uuid, "INSTANCE_NAME": instance_name, "NODE_INDEX": node_index, "REGION_NAME": region_name,
    "TRUSTEE_USER_ID": trustee_user_id, "FIXED_NETWORK_CIDR": fixed_network_cidr, "MASTER_ADDRESSES": master_addresses,
}


def endpoints(parameters):
    """Services answer under the URLs that the node has, and the wait's credentials are complete."""
    for name in {"AUTH_URL", "MAGNUM_URL"} & set(parameters):
        try:
            status = requests.get(parameters[name], timeout=20).status_code
        except requests.RequestException as error:
            status = type(error).__name__
        if status != 200:
            yield f"{name} is {parameters[name]!r}: answers {status}"
    try:
        credentials = json.loads(parameters.get("WAIT_CREDENTIALS", ""))
    except ValueError:
        return
    for name in ["auth_url", "user_id", "password", "project_id"]:
        if not credentials.get(name):
            yield f"WAIT_CREDENTIALS has no {name}"
