"""The service with its simulated cloud, and what this test asks of them: through the real client where a user would."""

import base64
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
READY_SECONDS = 60
# Often enough that a story need not wait for it.
HEALTH_SECONDS = "5"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cloud:
    """Runs `magnum all --devcloud`, with further options by their names in the environment; its stacks wait for what nodes
    report."""

    def __init__(self, folder, options):
        self.folder = folder
        self.port = free_port()
        state = folder / "state"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        environment |= {"OS_KUBERNETES__HEALTH_POLLING_INTERVAL": HEALTH_SECONDS} | options
        self.log = folder / "service.log"
        self.process = subprocess.Popen(
            [os.environ["MAGNUM_BIN"], "all", "--devcloud", "--await-nodes", "--listen", f"127.0.0.1:{self.port}",
             "--state-dir", str(state)],
            stdout=subprocess.PIPE, stderr=open(self.log, "wb"), stdin=subprocess.DEVNULL, text=True, env=environment,
            start_new_session=True,
        )
        self.printed = []
        self.reader = threading.Thread(target=lambda: self.printed.extend(self.process.stdout), daemon=True)
        self.reader.start()
        self.await_ready()
        self.user = self.variables("")
        self.admin = self.variables("# ")
        self.origin = self.user["OS_AUTH_URL"].removesuffix("/identity/v3")
        self.ports = [self.port, int(self.origin.rpartition(":")[2])]

    def await_ready(self):
        end = time.monotonic() + READY_SECONDS
        while "OS_REGION_NAME" not in self.variables("# "):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"the service does not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.2)

    def variables(self, prefix):
        found = (re.match(rf"{prefix}export (OS_\w+)=(.*)", line) for line in list(self.printed))
        return {match[1]: "".join(shlex.split(match[2])) for match in found if match}

    def client(self, *words, seconds=120):
        """The real client, as the user."""
        shell = {"SHELL": "/bin/bash"}  # which `cluster config` insists on, to say how its result is used
        done = subprocess.run(
            ["openstack", *words], env=shell | os.environ | self.user, capture_output=True, text=True, timeout=seconds, check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"openstack {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def token(self, account):
        words = {name.removeprefix("OS_").lower(): value for name, value in account.items()}
        user = {"name": words["username"], "password": words["password"], "domain": {"name": words["user_domain_name"]}}
        scope = {"project": {"name": words["project_name"], "domain": {"name": words["project_domain_name"]}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        url = f"{self.origin}/identity/v3/auth/tokens"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with OPENER.open(request, timeout=30) as answer:
            return answer.headers["X-Subject-Token"], json.load(answer)["token"]["project"]["id"]

    def get(self, path, account=None):
        """JSON that the cloud answers, by default to the administrator."""
        token, project = self.token(account or self.admin)
        url = f"{self.origin}{path.replace('PROJECT', project)}"
        with OPENER.open(urllib.request.Request(url, headers={"X-Auth-Token": token}), timeout=30) as answer:
            return json.load(answer)

    def servers(self):
        """Id, name, address and user data of each server."""
        for server in self.get("/compute/v2.1/servers/detail?all_tenants=1")["servers"]:
            address = next(iter(server["addresses"].values()))[0]["addr"]
            data = base64.b64decode(server["OS-EXT-SRV-ATTR:user_data"]).decode()
            yield server["id"], server["name"], address, data

    def balancer(self):
        """Address of the load balancer, its public one, and for each of its ports the members behind it."""
        base = "/load-balancer/v2.0/lbaas"
        found = self.get(f"{base}/loadbalancers")["loadbalancers"]
        if not found:
            return None, None, {}
        floating = self.get("/network/v2.0/floatingips")["floatingips"]
        public = next((one["floating_ip_address"] for one in floating if one["port_id"] == found[0]["vip_port_id"]), None)
        ports = {one["id"]: one["protocol_port"] for one in self.get(f"{base}/listeners")["listeners"]}
        rows = self.get(f"{base}/members")["members"]
        members = {}
        for pool in self.get(f"{base}/pools")["pools"]:
            own = (row for row in rows if row["parent_id"] == pool["id"])
            members[ports[pool["listener"]]] = sorted(f"{row['address']}:{row['protocol_port']}" for row in own)
        return found[0]["vip_address"], public, members

    def cluster(self, name):
        return json.loads(self.client("coe", "cluster", "show", name, "-f", "json"))

    def stacks(self):
        """Everything that the cluster's stack tells its owner."""
        listed = self.get("/orchestration/v1/PROJECT/stacks", self.user)["stacks"]
        return [self.get(f"/orchestration/v1/PROJECT/stacks/{one['stack_name']}/{one['id']}", self.user) for one in listed]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()
