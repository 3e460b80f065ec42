"""What `tests/cloud/up` says about the cloud, and its services as openstacksdk sees them."""

import os
import shlex
from pathlib import Path

import openstack

PREFIX = "TEST_CLOUD_"


def settings(path=None):
    """The TEST_CLOUD_ variables of the cloud's environment file, without the prefix."""
    text = Path(path or os.environ["TEST_CLOUD_ENV"]).read_text()
    found = {}
    for word in shlex.split(text, comments=True):
        name, equals, value = word.partition("=")
        if equals and name.startswith(PREFIX):
            found[name.removeprefix(PREFIX)] = value
    return found


def variables(cloud, user):
    """The OS_ variables with which `openstack` acts as this user in the project of the same name."""
    upper = user.upper()
    return {
        "OS_AUTH_URL": cloud["AUTH_URL"], "OS_IDENTITY_API_VERSION": "3", "OS_AUTH_TYPE": "password",
        "OS_USERNAME": cloud[f"{upper}_USERNAME"], "OS_PASSWORD": cloud[f"{upper}_PASSWORD"],
        "OS_PROJECT_NAME": cloud[f"{upper}_PROJECT"], "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": cloud["REGION"], "OS_INTERFACE": "public",
    }


def connect(cloud, user, **auth):
    """A connection of openstacksdk as this user; further words replace what it logs in with."""
    words = variables(cloud, user)
    login = {
        "auth_url": words["OS_AUTH_URL"], "username": words["OS_USERNAME"], "password": words["OS_PASSWORD"],
        "project_name": words["OS_PROJECT_NAME"], "user_domain_name": "Default", "project_domain_name": "Default",
    }
    return openstack.connection.Connection(auth=login | auth, region_name=words["OS_REGION_NAME"])


class View:
    """The cloud as its administrator sees it, for holding a node's values against it."""

    def __init__(self, cloud):
        self.connection = connect(cloud, "admin")

    def get(self, service, path, **options):
        answer = getattr(self.connection, service).get(path, **options)
        if not answer.ok:
            raise LookupError(f"{path} answered {answer.status_code}")
        return answer.json()

    def active(self):
        """Identity to name of the servers of all projects that are ACTIVE: asked often, so no more than that."""
        found = self.get("compute", "/servers?all_tenants=1&status=ACTIVE")["servers"]
        return {server["id"]: server["name"] for server in found}

    def server(self, identity):
        """A server with its user data; None when it is gone."""
        answer = self.connection.compute.get(f"/servers/{identity}", microversion="2.3")
        if answer.status_code == 404:
            return None
        if not answer.ok:
            raise LookupError(f"server {identity}: Nova answered {answer.status_code}")
        return answer.json()["server"]

    def metadata(self, server):
        """What a server's metadata are in Nova, which its metadata service would tell it; nothing of one that is gone."""
        try:
            return self.get("compute", f"/servers/{server}/metadata")["metadata"]
        except LookupError:
            return {}

    def regions(self):
        return {region["id"] for region in self.get("identity", "/regions")["regions"]}

    def user(self, user):
        return self.get("identity", f"/users/{user}")["user"]

    def network(self, network):
        return self.get("network", f"/networks/{network}")["network"]

    def subnet(self, subnet):
        return self.get("network", f"/subnets/{subnet}")["subnet"]

    def ports(self, **query):
        return self.get("network", "/ports", params=query)["ports"]

    def addresses(self, network):
        """Addresses of all ports on a network."""
        return {ip["ip_address"] for port in self.ports(network_id=network) for ip in port["fixed_ips"]}

    def floating_address(self, port):
        found = self.get("network", "/floatingips", params={"port_id": port})["floatingips"]
        return found[0]["floating_ip_address"] if found else ""

    def behind(self, address):
        """The private address that a floating IP leads to."""
        found = self.get("network", "/floatingips", params={"floating_ip_address": address})["floatingips"]
        return found[0]["fixed_ip_address"] if found else None

    def load_balancers(self, subnet):
        query = {"vip_subnet_id": subnet}
        return self.get("load_balancer", "/lbaas/loadbalancers", params=query)["loadbalancers"]

    def members(self, balancer):
        """Address and port of each member of a load balancer's pools."""
        found = []
        for pool in self.get("load_balancer", "/lbaas/pools", params={"loadbalancer_id": balancer})["pools"]:
            found += self.get("load_balancer", f"/lbaas/pools/{pool['id']}/members")["members"]
        return {(member["address"], member["protocol_port"]) for member in found}

    def attached_volumes(self, server):
        found = self.get("compute", f"/servers/{server}")["server"]
        return {volume["id"] for volume in found["os-extended-volumes:volumes_attached"]}

    def volume(self, volume):
        """A volume of any project."""
        found = self.get("block_storage", "/volumes/detail", params={"all_tenants": "1"})["volumes"]
        for one in found:
            if one["id"] == volume:
                return one
        raise LookupError(f"there is no volume {volume}")
