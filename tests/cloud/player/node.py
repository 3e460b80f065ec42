"""One node's life: its user data are read and judged, its scripts run, its certificates are judged.

A finding ends it: the player signals FAILURE with the finding as the reason, and the record keeps it for the test.
"""

import json
import re
import threading
import time
import traceback

import requests

from . import certificates, credentials, deployments, kinds, scripts, userdata, values
from .root import Root

LATE_SECONDS = 60
MEMBERS_SECONDS = 60
SCRIPT_SECONDS = 900
POLL_SECONDS = 1
ATTACH_SECONDS = 3
SIGNAL_SECONDS = 60
ORDER_SECONDS = 3
# The script that a node of Kubernetes keeps for what it is told later.
ORDERS = "/usr/local/libexec/magnum-orders"
LAST_ORDER = "/var/lib/magnum/order"
# Parameters that hold a volume's id, in the order of the devices.
VOLUMES = ["DOCKER_VOLUME", "ETCD_VOLUME"]


class Cluster:
    """What the nodes of one cluster share: their addresses, and what their services agree on."""

    def __init__(self):
        self.keys = {}
        self.shared = {}
        self.members = {}

    def nodes(self):
        return list(self.members.values())

    def masters(self):
        return [node for node in self.nodes() if node.role == "master"]

    def connections(self):
        """For curl: where what the cluster's addresses serve really listens."""
        pairs = [pair for node in self.nodes() for pair in node.coe.served()]
        return [f"{address}:127.0.0.1:{listener.port}" for address, listener in pairs]


class Node:
    """A server that is played. `record` is what tests read."""

    def __init__(self, server, view, folder, clusters, orders, internet):
        self.server = server
        self.name = server["name"]
        self.role = values.role_of(self.name)
        self.view = view
        self.folder = folder / server["id"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = Root(self.folder / "root")
        self.clusters = clusters
        self.orders = orders
        self.internet = internet
        self.cluster = None
        self.coe = None
        self.facts = None
        self.parameters = {}
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.connecting = threading.Lock()
        self.record = {"id": server["id"], "name": self.name, "role": self.role, "status": "waiting", "findings": []}
        self.thread = threading.Thread(target=self.live, daemon=True, name=self.name)

    def note(self, **words):
        """Writes the record, so that a reader sees all of it or what was before."""
        self.record.update(words)
        new = self.folder / "record.new"
        new.write_text(json.dumps(self.record, indent=1))
        new.rename(self.folder / "record.json")

    def find(self, findings):
        new = [str(finding) for finding in findings]
        if new:
            self.note(findings=self.record["findings"] + new)
        return new

    def live(self):
        try:
            self.note()
            while self.orders(self.name).get("hold"):
                if self.ended.wait(POLL_SECONDS):
                    return
            self.boot()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see it
            self.find([f"the player cannot go on: {type(error).__name__}: {error}"])
            (self.folder / "traceback").write_text(traceback.format_exc())
        if self.record["findings"] and not self.ended.is_set():
            self.give_up()

    def boot(self):
        raw = values.decode(self.server)
        data = userdata.unpack(raw)
        files = data.written()
        self.parameters = scripts.parameters(files)
        kind = kinds.kind(data, self.parameters)
        self.facts = values.gather(self.server, self.view)
        self.note(
            status="checking", cluster=self.parameters.get("CLUSTER_UUID"), size=len(raw), address=self.facts.address,
            floating_address=self.facts.floating_address, coe=kind.__name__,
            parameters={name: values.hidden(name, value) for name, value in self.parameters.items()},
        )
        self.find(scripts.findings(data.all_scripts(), self.parameters))
        for path, text in files.items():
            self.find(f"{path}: {finding}" for finding in scripts.placeholders(text))
        self.find(kind.first_findings(data))
        # The trustee that the node was set up for may be gone, and another in its place.
        today = credentials.current(self.parameters, self.told())
        self.find(self.judged(today, kind))
        if "TRUST_ID" in self.parameters:
            self.note(trustee=today["TRUSTEE_USER_ID"])
            self.find(certificates.trustee_findings(today, self.server["tenant_id"]))
        if data.collect:
            threading.Thread(target=deployments.play, args=(self, data.collect), daemon=True).start()
        if not self.record["findings"]:
            self.run(kind, data)

    def judged(self, today, kind):
        """What is wrong with the values. A load balancer gets its members one after another while the servers boot."""
        end = time.monotonic() + MEMBERS_SECONDS
        while found := list(values.findings(today, self.facts, kind)):
            if time.monotonic() > end or self.ended.wait(POLL_SECONDS):
                break
        return found

    def run(self, kind, data):
        with self.lock:
            # Further node groups are stacks of their own, with servers that are not named after the cluster.
            name = self.parameters.get("CLUSTER_UUID") or re.sub(r"-[a-z]+-\d+$", "", self.name)
            self.cluster = self.clusters.setdefault(name, Cluster())
            self.root.build(kind.image, data, self.facts.address)
            self.root.write("etc/pki/tls/certs/ca-bundle.crt", self.internet.authority)
            self.coe = kind(self)
            self.coe.prepare()
            for command, reason in self.orders(self.name).get("break", {}).items():
                self.root.write(f"run/node/broken/{command}", reason)
            self.cluster.members[self.server["id"]] = self
        self.note(status="running", api=f"127.0.0.1:{self.coe.api.port}")
        if self.orders(self.name).get("stale"):
            self.note(signal_token=self.revoke_signal_token())
        for script in data.scripts:
            code = self.watch(self.root.run(script, self.folder / "log"))
            if code != 0 and not self.ended.is_set():
                self.note(status="failed", code=code)
                return
        if not self.ended.is_set():
            self.afterwards()
            self.note(status="finished", code=0)
            self.obey()

    def told(self):
        """The metadata of its server, as Nova has them now."""
        return self.view.metadata(self.server["id"])

    def obey(self):
        """Has a node that is made look at what its server's metadata tell, whenever they change, and serves with what came of it."""
        done = ""
        while not self.ended.wait(ORDER_SECONDS):
            task = self.told().get("magnum_task", "")
            if task in ("", done) or not self.root.file(ORDERS).exists():
                continue
            ended = self.watch(self.root.run(f"exec /bin/bash {ORDERS}", self.folder / "log"))
            # One that could not read what it is told ends well and has done nothing.
            if ended == 0 and self.root.read(LAST_ORDER).strip() == task.split(" ")[0]:
                done = task
                self.coe.renew()
                self.note(task=task, trustee=credentials.current(self.parameters, self.told())["TRUSTEE_USER_ID"])

    def watch(self, process):
        """Does what the machine does while a script runs; its exit status in the end."""
        end = time.monotonic() + SCRIPT_SECONDS
        attach = 0
        while process.poll() is None:
            self.connect()
            if time.monotonic() >= attach:
                self.attach()
                attach = time.monotonic() + ATTACH_SECONDS
            self.coe.serve()
            if time.monotonic() > end:
                self.find([f"the script still runs after {SCRIPT_SECONDS} s"])
            if self.record["findings"]:
                self.root.kill()
            self.ended.wait(POLL_SECONDS / 2)
        self.catch_up()
        return process.returncode

    def catch_up(self):
        """What a script has started in its last moment begins all the same."""
        end = time.monotonic() + LATE_SECONDS
        while not self.ended.is_set():
            self.coe.serve()
            if not self.coe.is_behind() or time.monotonic() > end:
                break
            self.ended.wait(POLL_SECONDS / 2)

    def connect(self):
        with self.connecting:
            own = [f"{address}:127.0.0.1:{listener.port}" for address, listener in self.coe.own()]
            text = "".join(f'connect-to = "{one}"\n' for one in [*own, *self.cluster.connections()])
            if self.root.read("run/node/connect") != text:
                self.root.write("run/node/connect.new", text)
                (self.root.path / "run/node/connect.new").rename(self.root.path / "run/node/connect")

    def attach(self):
        """Volumes appear when Cinder says that they are attached to this server."""
        for number, name in enumerate(VOLUMES):
            wanted = self.parameters.get(name)
            if wanted and not (self.root.path / "dev/disk/by-id" / f"virtio-{wanted[:20]}").is_symlink():
                attached = self.view.volume(wanted)["attachments"]
                if any(one["server_id"] == self.server["id"] for one in attached):
                    self.root.attach(wanted, f"vd{'bc'[number]}")

    def files(self):
        """Every file that the node has written, and the output of its scripts."""
        found = [path for path in self.root.path.rglob("*") if path.is_file() and not path.is_symlink()]
        return [*found, self.folder / "log"]

    def afterwards(self):
        """What the scripts left behind: every unit has started, and the node has the volumes that it was told of."""
        commands = self.root.read("run/node/commands").splitlines()
        units = {path.name for path in (self.root.path / "run/node/active").iterdir()}
        self.note(images=self.coe.images(), commands=len(commands), units=sorted(units))
        self.find(f"{unit} was not started" for unit in sorted(self.coe.wanted() - units))
        told = {self.parameters.get(name) for name in VOLUMES} - {None, ""}
        attached = self.view.attached_volumes(self.server["id"])
        if told != attached:
            self.find([f"the node was told of the volumes {sorted(told)} and has {sorted(attached)}"])
        self.find(self.coe.left_findings())

    def give_up(self):
        """Tells Heat what is wrong, as a node would."""
        reason = f"{self.name}: {self.record['findings'][0]}"
        self.note(status="given up", signal=self.signal("FAILURE", reason))

    def signal(self, status, reason):
        """The answer of Heat to a signal that is sent with nothing but the command in the user data."""
        command = self.parameters.get("WAIT_CURL", "")
        token = re.search(r"X-Auth-Token: ([^']+)'", command)
        url = command.split(" ")[-1]
        if not token or not url.startswith("http"):
            return "the user data have no command for signals"
        body = {"status": status, "reason": reason, "id": f"{self.name}-player"}
        return requests.post(url, json=body, headers={"X-Auth-Token": token[1]}, timeout=SIGNAL_SECONDS).status_code

    def revoke_signal_token(self):
        """The token in the command for signals ends, as it does when a node takes too long."""
        token = re.search(r"X-Auth-Token: ([^']+)'", self.parameters["WAIT_CURL"])[1]
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        answer = requests.delete(f"{self.parameters['AUTH_URL']}/auth/tokens", headers=headers, timeout=SIGNAL_SECONDS)
        return "revoked" if answer.status_code == 204 else f"Keystone answered {answer.status_code}"

    def end(self):
        """The server is gone."""
        self.ended.set()
        if self.cluster:
            self.cluster.members.pop(self.server["id"], None)
        if self.coe:
            self.coe.gone()
            for listener in self.coe.listeners:
                listener.end()
        self.root.remove()
        self.note(status=f"{self.record['status']}, gone", gone=True)
