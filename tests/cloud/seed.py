"""Puts into the cloud what its operator would: `seed.py identity` into Keystone alone, `seed.py cloud` into the others.

Idempotent: everything is looked for by its name first. One process with one session, because each call of the
command-line client costs a second or two. Reads the environment (OS_* of the administrator, SEED_*), and adds the ids
of what there is to the JSON file SEED_FILE.
"""

import json
import os
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from keystoneauth1 import adapter, session
from keystoneauth1.identity import v3

REGION = os.environ["OS_REGION_NAME"]
PASSWORDS = json.loads(os.environ["SEED_PASSWORDS"])
SEED_FILE = os.environ["SEED_FILE"]
ENDPOINTS = [line.split(" ") for line in os.environ["SEED_ENDPOINTS"].splitlines()]
ROLES = ["service", "creator", "observer", "audit", "load-balancer_member", "load-balancer_admin",
         "heat_stack_owner", "heat_stack_user"]
SERVICE_USERS = ["placement", "glance", "nova", "neutron", "heat", "barbican", "cinder", "octavia", "magnum"]
# A member of a project needs a role of its own for secrets and one for load balancers.
MEMBER_ROLES = ["member", "creator", "load-balancer_member", "heat_stack_owner"]
FLAVORS = [("m1.tiny", 512, 1, 1), ("m1.small", 2048, 20, 1), ("m1.medium", 4096, 40, 2), ("m1.large", 8192, 80, 4),
           ("m1.nodisk", 2048, 0, 1), ("amphora", 1024, 3, 1)]
IMAGES = [("fedora-atomic-latest", {"os_distro": "fedora-atomic"}), ("fedora-coreos-latest", {"os_distro": "fedora-coreos"}),
          ("ubuntu-mesos", {"os_distro": "ubuntu"}), ("cirros", {}), ("amphora", {})]


class Client:
    """The services of the cloud, as one user in one project."""

    def __init__(self, username, project):
        auth = v3.Password(os.environ["OS_AUTH_URL"], username=username, password=PASSWORDS[username],
                           project_name=project, user_domain_id="default", project_domain_id="default")
        self.session = session.Session(auth)
        self.adapters = {}

    def call(self, service, method, path, body=None, **options):
        if service not in self.adapters:
            # Nobody appends a version to these URLs: paths say it themselves.
            endpoint = self.session.get_endpoint(service_type=service, region_name=REGION, interface="public")
            self.adapters[service] = adapter.Adapter(self.session, endpoint_override=endpoint)
        if body is not None:
            options["json"] = body
        answer = self.adapters[service].request(path, method, **options)
        return answer.json() if answer.content else None

    def find_or_create(self, service, path, kind, attributes, query=None, plural=None):
        """The thing of that name, in the scope of the query; made with these attributes if it is not there."""
        plural = plural or kind + "s"
        params = {"name": attributes["name"], **(query or {})}
        for found in self.call(service, "GET", path, params=params)[plural]:
            if found.get("name") == attributes["name"]:
                return found
        return self.call(service, "POST", path, {kind: attributes})[kind]


def remember(ids):
    known = {}
    if os.path.exists(SEED_FILE):
        with open(SEED_FILE) as file:
            known = json.load(file)
    with open(SEED_FILE + ".new", "w") as file:
        json.dump({**known, **ids}, file, indent=2)
    os.replace(SEED_FILE + ".new", SEED_FILE)


class Identity:
    """Users, projects, domains, roles and the catalogue."""

    def __init__(self, client):
        self.client = client
        self.roles = {role["name"]: role["id"] for role in self.get("/roles")["roles"]}

    def get(self, path, **params):
        return self.client.call("identity", "GET", path, params=params)

    def make(self, path, kind, attributes, query=None):
        return self.client.find_or_create("identity", path, kind, attributes, query)["id"]

    def user(self, name, domain="default"):
        return self.make("/users", "user", {"name": name, "domain_id": domain, "password": PASSWORDS[name]},
                         {"domain_id": domain})

    def project(self, name):
        return self.make("/projects", "project", {"name": name, "domain_id": "default"}, {"domain_id": "default"})

    def grant(self, scope, user, roles):
        for role in roles:
            self.client.call("identity", "PUT", f"/{scope}/users/{user}/roles/{self.roles[role]}")

    def domain_with_admin(self, name, admin):
        domain = self.make("/domains", "domain", {"name": name})
        user = self.user(admin, domain)
        self.grant(f"domains/{domain}", user, ["admin"])
        return domain, user

    def catalogue(self):
        services = {service["type"]: service["id"] for service in self.get("/services")["services"]}
        endpoints = self.get("/endpoints")["endpoints"]
        for kind, name, url in ENDPOINTS:
            service = services.get(kind) or self.make("/services", "service", {"type": kind, "name": name})
            for interface in ["public", "internal", "admin"]:
                wanted = {"service_id": service, "interface": interface, "region_id": REGION, "url": url}
                there = [e for e in endpoints if e["service_id"] == service and e["interface"] == interface]
                if not there:
                    self.client.call("identity", "POST", "/endpoints", {"endpoint": wanted})
                elif there[0]["url"] != url:
                    self.client.call("identity", "PATCH", f"/endpoints/{there[0]['id']}", {"endpoint": {"url": url}})


def seed_identity(client):
    identity = Identity(client)
    identity.catalogue()
    for role in ROLES:
        identity.roles[role] = identity.make("/roles", "role", {"name": role})
    ids = {"service_project": identity.project("service"), "admin_project": identity.project("admin")}
    for name in SERVICE_USERS:
        user = identity.user(name)
        identity.grant(f"projects/{ids['service_project']}", user, ["admin", "service", "creator"])
        ids[f"{name}_user"] = user
    ids["admin_user"] = identity.user("admin")
    identity.grant(f"projects/{ids['admin_project']}", ids["admin_user"], ["creator", "load-balancer_admin"])
    for name in ["demo", "alt"]:
        ids[f"{name}_project"] = identity.project(name)
        ids[f"{name}_user"] = identity.user(name)
        identity.grant(f"projects/{ids[f'{name}_project']}", ids[f"{name}_user"], MEMBER_ROLES)
    ids["heat_domain"], _ = identity.domain_with_admin("heat", "heat_domain_admin")
    ids["trustee_domain"], ids["trustee_domain_admin"] = identity.domain_with_admin("magnum", "trustee_domain_admin")
    remember(ids)


def seed_flavors(client):
    there = {f["name"]: f["id"] for f in client.call("compute", "GET", "/flavors")["flavors"]}
    for name, ram, disk, vcpus in FLAVORS:
        if name not in there:
            flavor = {"name": name, "ram": ram, "disk": disk, "vcpus": vcpus, "id": name.replace(".", "-")}
            there[name] = client.call("compute", "POST", "/flavors", {"flavor": flavor})["flavor"]["id"]
    return {"flavor": there["m1.small"], "amphora_flavor": there["amphora"]}


def seed_key_pairs(clients):
    """One public key for all, of which nobody keeps the private half: nobody logs in to a fake server."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    for client in clients:
        names = [pair["keypair"]["name"] for pair in client.call("compute", "GET", "/os-keypairs")["keypairs"]]
        if "testkey" not in names:
            client.call("compute", "POST", "/os-keypairs", {"keypair": {"name": "testkey", "public_key": text}})


def empty_disk():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{folder}/disk", "1M"], check=True, timeout=60)
        with open(f"{folder}/disk", "rb") as file:
            return file.read()


def seed_images(client):
    disk = empty_disk()
    there = {i["name"]: i for i in client.call("image", "GET", "/v2/images", params={"limit": 1000})["images"]}
    for name, properties in IMAGES:
        image = there.get(name)
        if image is None:
            tags = ["amphora"] if name == "amphora" else []
            image = client.call("image", "POST", "/v2/images", {
                "name": name, "disk_format": "qcow2", "container_format": "bare", "visibility": "public",
                "tags": tags, **properties})
            there[name] = image
        if image["status"] == "queued":
            client.call("image", "PUT", f"/v2/images/{image['id']}/file", data=disk,
                        headers={"Content-Type": "application/octet-stream"})
    return {"image": there["fedora-atomic-latest"]["id"]}


def network(client, attributes, subnet):
    """A network with one subnet, owned by the client's project."""
    found = client.find_or_create("network", "/v2.0/networks", "network", attributes)
    wanted = {"name": f"{attributes['name']}-subnet", "network_id": found["id"], "ip_version": 4, **subnet}
    made = client.find_or_create("network", "/v2.0/subnets", "subnet", wanted, {"network_id": found["id"]})
    return found["id"], made["id"]


def seed_networks(admin, service, demo):
    public, _ = network(admin, {"name": "public", "router:external": True, "shared": False,
                                "provider:network_type": "flat", "provider:physical_network": "public"},
                        {"cidr": "172.24.0.0/16", "gateway_ip": "172.24.0.1", "enable_dhcp": False,
                         "allocation_pools": [{"start": "172.24.0.10", "end": "172.24.255.250"}]})
    management, _ = network(service, {"name": "lb-management"}, {"cidr": "10.250.0.0/16", "enable_dhcp": False})
    private, subnet = network(demo, {"name": "demo-net"},
                              {"cidr": "10.20.0.0/16", "dns_nameservers": ["8.8.8.8"]})
    router = demo.find_or_create("network", "/v2.0/routers", "router", {
        "name": "demo-router", "external_gateway_info": {"network_id": public}})["id"]
    ports = demo.call("network", "GET", "/v2.0/ports", params={"device_id": router})["ports"]
    if not any(ip["subnet_id"] == subnet for port in ports for ip in port["fixed_ips"]):
        demo.call("network", "PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
    return {"public_network": public, "management_network": management, "demo_network": private,
            "demo_subnet": subnet, "demo_router": router}


def seed_volume_type(client):
    return {"volume_type": client.find_or_create("volumev3", "/types", "volume_type", {"name": "fake"})["id"]}


def seed_cloud(admin):
    service, demo, alt = Client("octavia", "service"), Client("demo", "demo"), Client("alt", "alt")
    ids = seed_flavors(admin)
    seed_key_pairs([admin, demo, alt])
    ids.update(seed_images(admin))
    ids.update(seed_networks(admin, service, demo))
    ids.update(seed_volume_type(admin))
    remember(ids)


if __name__ == "__main__":
    {"identity": seed_identity, "cloud": seed_cloud}[sys.argv[1]](Client("admin", "admin"))
