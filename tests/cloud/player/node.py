"""One node's life: its user data are read and judged, its scripts run, its certificates are judged.

A finding ends it: the player signals FAILURE with the finding as the reason, and the record keeps it for the test.
"""

import functools
import json
import re
import threading
import time
import traceback

import requests

from . import certificates, deployments, kubernetes, scripts, userdata, values
from .root import Root

SCRIPT_SECONDS = 900
POLL_SECONDS = 1
ATTACH_SECONDS = 3
SIGNAL_SECONDS = 60


class Cluster:
    """What the nodes of one cluster share: their addresses, and what masters put into etcd."""

    def __init__(self, uuid):
        self.uuid = uuid
        self.keys = {}
        self.members = {}

    def nodes(self):
        return list(self.members.values())

    def masters(self):
        return [node for node in self.nodes() if node.role == "master"]

    def has_tls(self):
        return any(node.parameters.get("TLS_DISABLED") == "False" for node in self.nodes())

    def has_quorum(self, node):
        """The majority of the members that a master names has started, and all of them name the same ones."""
        named = kubernetes.etcd_settings(node.root).get("ETCD_INITIAL_CLUSTER", "")
        started = [one for one in self.masters() if one.root.is_active("etcd")]
        agreed = [one for one in started if kubernetes.etcd_settings(one.root).get("ETCD_INITIAL_CLUSTER", "") == named]
        return len(agreed) * 2 > len(named.split(","))

    def connections(self):
        """For curl: where what the cluster's addresses serve really listens."""
        found = []
        for node in self.masters():
            port = node.parameters["KUBE_API_PORT"]
            served = {node.facts.address, node.facts.floating_address}
            if node is self.masters()[0]:
                served |= {node.parameters["KUBE_API_PRIVATE_ADDRESS"], node.parameters["KUBE_API_PUBLIC_ADDRESS"]}
            found += [f"{address}:{port}:127.0.0.1:{node.api.port}" for address in sorted(served) if address]
            found.append(f"{node.facts.address}:2379:127.0.0.1:{node.etcd.port}")
        return found


class Node:
    """A server that is played. `record` is what tests read."""

    def __init__(self, server, view, folder, clusters, orders):
        self.server = server
        self.name = server["name"]
        self.role = "master" if re.search(r"-master-\d+$", self.name) else "minion"
        self.view = view
        self.folder = folder / server["id"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = Root(self.folder / "root")
        self.clusters = clusters
        self.orders = orders
        self.cluster = None
        self.facts = None
        self.parameters = {}
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.sound = None
        self.listeners = []
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
        self.facts = values.gather(self.role, self.server, self.view)
        self.note(
            status="checking", cluster=self.parameters.get("CLUSTER_UUID"), size=len(raw), address=self.facts.address,
            floating_address=self.facts.floating_address,
            parameters={name: values.hidden(name, value) for name, value in self.parameters.items()},
        )
        for script in data.scripts:
            self.find(scripts.findings(script, self.parameters))
        for path, text in files.items():
            self.find(f"{path}: {finding}" for finding in scripts.placeholders(text))
        self.find(values.findings(self.parameters, self.facts))
        self.find(certificates.trustee_findings(self.parameters, self.server["tenant_id"]))
        if data.collect:
            threading.Thread(target=deployments.play, args=(self, data.collect), daemon=True).start()
        if not self.record["findings"]:
            self.run(data)

    def run(self, data):
        with self.lock:
            self.cluster = self.clusters.setdefault(self.parameters["CLUSTER_UUID"], Cluster(self.parameters["CLUSTER_UUID"]))
            answer_local = functools.partial(kubernetes.answer_local, self.cluster, self)
            answer_etcd = functools.partial(kubernetes.answer_etcd, self.cluster, self)
            self.local = kubernetes.Listener(answer_local)
            self.api = kubernetes.Listener(functools.partial(kubernetes.answer_api, self.cluster))
            self.etcd = kubernetes.Listener(answer_etcd)
            self.listeners = [self.local, self.api, self.etcd]
            self.local.begin()
            self.root.build(data.files, self.facts.address)
            for command, reason in self.orders(self.name).get("break", {}).items():
                self.root.write(f"run/node/broken/{command}", reason)
            self.cluster.members[self.server["id"]] = self
        self.note(status="running", api=f"127.0.0.1:{self.api.port}")
        if self.orders(self.name).get("stale"):
            self.note(signal_token=self.revoke_signal_token())
        for script in data.scripts:
            code = self.watch(self.root.run(script, self.folder / "log"))
            if code != 0 and not self.ended.is_set():
                self.note(status="failed", code=code)
                return
        if not self.ended.is_set():
            self.note(status="finished", code=0)
            self.afterwards()

    def watch(self, process):
        """Does what the machine does while a script runs; its exit status in the end."""
        end = time.monotonic() + SCRIPT_SECONDS
        attach = 0
        while process.poll() is None:
            self.connect()
            if time.monotonic() >= attach:
                self.attach()
                attach = time.monotonic() + ATTACH_SECONDS
            self.serve()
            if time.monotonic() > end:
                self.find([f"the script still runs after {SCRIPT_SECONDS} s"])
            if self.record["findings"]:
                self.root.kill()
            self.ended.wait(POLL_SECONDS / 2)
        return process.returncode

    def connect(self):
        local = f"127.0.0.1:{self.local.port}"
        own = [f"{address}:{local}" for address in ["127.0.0.1:8080", "127.0.0.1:2379", "169.254.169.254:80"]]
        text = "".join(f'connect-to = "{one}"\n' for one in [*own, *self.cluster.connections()])
        if self.root.read("run/node/connect") != text:
            self.root.write("run/node/connect.new", text)
            (self.root.path / "run/node/connect.new").rename(self.root.path / "run/node/connect")

    def attach(self):
        """Volumes appear when Cinder says that they are attached to this server."""
        for number, name in enumerate(["DOCKER_VOLUME", "ETCD_VOLUME"]):
            wanted = self.parameters.get(name)
            if wanted and not (self.root.path / "dev/disk/by-id" / f"virtio-{wanted[:20]}").is_symlink():
                attached = self.view.volume(wanted)["attachments"]
                if any(one["server_id"] == self.server["id"] for one in attached):
                    self.root.attach(wanted, f"vd{'bc'[number]}")

    def serve(self):
        if self.role == "master":
            if self.root.is_active("etcd") and not self.etcd.began:
                self.etcd.begin(kubernetes.etcd_context(self.root))
            if self.root.is_active("kube-apiserver") and not self.api.began:
                self.api.begin(kubernetes.api_context(self.root))

    def is_sound(self):
        """Judges the certificates once; nobody is told that a node is well before that."""
        with self.lock:
            if self.sound is None:
                found = []
                if self.parameters["TLS_DISABLED"] == "False":
                    own = [self.facts.address, self.facts.floating_address] if self.role == "master" else [self.facts.address]
                    api = [self.parameters["KUBE_API_PRIVATE_ADDRESS"], self.parameters["KUBE_API_PUBLIC_ADDRESS"]]
                    addresses = [*own, *api] if self.role == "master" else own
                    found = list(certificates.findings(self.root, self.parameters, self.role, addresses))
                self.sound = not found
                self.find(found)
            return self.sound

    def afterwards(self):
        """What the scripts left behind: nothing that a script wrote holds a placeholder, and every unit has started."""
        commands = self.root.read("run/node/commands").splitlines()
        self.note(images=sorted(set(self.root.read("run/node/images").splitlines())), commands=len(commands))
        wanted = {"docker", "kubelet", "kube-proxy"}
        if self.role == "master":
            wanted |= {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
        if self.parameters["NETWORK_DRIVER"] == "flannel":
            wanted |= {"flanneld", "flannel-docker"}
        if self.parameters.get("REGISTRY_ENABLED") == "True":
            wanted.add("registry")
        units = {path.name for path in (self.root.path / "run/node/active").iterdir()}
        self.find(f"{unit} was not started" for unit in sorted(wanted - units))
        applied = sorted((self.root.path / "run/node/applied").glob("*.yaml"))
        self.note(applied=[path.name for path in applied], units=sorted(units))
        for path in applied:
            self.find(f"{path.name}: {finding}" for finding in kubernetes.manifest_findings(path.read_text()))

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
        for listener in self.listeners:
            listener.end()
        self.root.remove()
        self.note(status=f"{self.record['status']}, gone", gone=True)
