"""What the stories of clusters with etcd have in common: how one begins, who is a member and who is refused, and how a
member is lost."""

import json

from swarm.client import until
from swarm.story import Story, tell

MASTERS = ["master-0", "master-1", "master-2"]
# The service makes a place at its own discovery, and tells the members of it.
BUILT_IN = {"OS_CLUSTER__ETCD_DISCOVERY_SERVICE_ENDPOINT_FORMAT": "built-in"}
WRITTEN = "/from/master-0"
# What curl says of a connection that the other end has ended, in the handshake or after it.
ENDED = {16, 35, 52, 55, 56}


class Members(Story):
    """A cluster with three masters and a worker."""

    worker = ""

    def begin(self, *template, labels=""):
        """Asks for the cluster; the words describe its template."""
        self.cloud.client(
            "coe", "cluster", "template", "create", self.name, *template, "--external-network", "public", "--keypair",
            "testkey", "--flavor", "m1.small", "--master-flavor", "m1.small", "--floating-ip-disabled",
            "--master-lb-enabled",
        )
        self.cloud.client("coe", "cluster", "create", self.name, "--cluster-template", self.name, "--master-count", "3",
                          "--node-count", "1", *(["--labels", labels] if labels else []))

    def parameter(self, name, wanted):
        text = (self.cluster.named(name).root / "etc/sysconfig/heat-params").read_text()
        return next(line.partition("=")[2] for line in text.splitlines() if line.startswith(wanted + "="))

    def await_members(self):
        self.await_status("CREATE_COMPLETE")
        url = self.parameter("master-0", "ETCD_DISCOVERY_URL")
        assert bool(url) == bool(self.options), url
        tell(f"CREATE_COMPLETE; {url or 'a static list'} brought etcd together")

    def masters(self):
        return [self.cluster.named(name) for name in MASTERS]

    def etcd(self, machine, *words):
        status, text = machine.etcdctl(*words)
        assert status == 0, f"{machine.name}$ etcdctl {' '.join(words)}: {text}"
        return text

    def listed(self, machine):
        """The members, as one of them sees them."""
        return json.loads(self.etcd(machine, "member", "list", "--write-out=json"))

    def members(self, machine):
        """Name of each member, and whether it has started, by its address."""
        rows = self.listed(machine)["members"]
        return {row["peerURLs"][0]: (row.get("name", ""), bool(row.get("clientURLs"))) for row in rows}

    def be_whole(self):
        """Every master is a member of the same cluster and reads what each of them wrote."""
        wanted = {f"https://{machine.address}:2380" for machine in self.masters()}
        for machine in self.masters():
            members = self.members(machine)
            assert set(members) == wanted and all(started for _, started in members.values()), members
            self.etcd(machine, "put", f"/from/{machine.name}", machine.name)
        for machine in self.masters():
            for name in MASTERS:
                assert name in self.etcd(machine, "get", f"/from/{name}"), f"{machine.name} does not know what {name} wrote"
        tell(f"members: {sorted(wanted)}; each reads what the others wrote")

    def make_stranger(self, machine):
        """A certificate with the name of a master's, of another authority: `other`."""
        base = f"{machine.certificates}/other"
        status, text = machine.run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kubernetes", "-addext",
            "subjectAltName=DNS:kubernetes", "-keyout", f"{base}.key", "-out", f"{base}.crt",
        )
        assert status == 0, text

    def refuse_clients(self, cases):
        """The worker comes with a certificate of its own, or without any; it trusts the cluster's authority."""
        master, worker = self.cluster.named("master-0"), self.cluster.named(self.worker)
        for what, certificate in cases:
            endpoint = f"https://{master.address}:2379"
            status, text = worker.etcdctl("--command-timeout=4s", "get", WRITTEN, certificate=certificate, endpoint=endpoint)
            assert status != 0 and "master-0\n" not in text, f"{what}: {text}"
            status, text = worker.curl(f"{endpoint}/version", certificate=certificate)
            assert status in ENDED and "etcdserver" not in text, f"{what}: {status} {text}"
            tell(f"a client with {what} is refused: {text.strip()}")

    def refuse_peers(self, cases):
        master, worker = self.cluster.named("master-0"), self.cluster.named(self.worker)
        before = len(self.members(master))
        for what, certificate in cases:
            status, text = worker.curl(f"https://{master.address}:2380/members", certificate=certificate)
            assert status in ENDED and "peerURLs" not in text, f"a peer with {what}: {status} {text}"
            tell(f"a peer with {what} is refused: {text.strip()}")
        assert len(self.members(master)) == before

    def lose(self, name):
        """Its power goes off, and the others go on. The machine, one of the others, and who the members were."""
        machine, *others = sorted(self.masters(), key=lambda one: one.name != name)
        before = self.listed(others[0])
        machine.kill()
        until("a leader is elected", lambda: self.etcd(others[0], "put", "/while/away", name).strip() == "OK")
        for other in others:
            assert name in self.etcd(other, "get", "/while/away"), f"{other.name} does not answer"
        tell(f"{name} is gone; the others still take writes")
        return machine, others[0], before

    def await_again(self, machine):
        """It has booted, and its member has what was written while it was away."""
        until(f"{machine.name} is back", lambda: bool(machine.init()) and self.has_booted(machine), 240)
        until("it has what it missed", lambda: machine.name in self.etcd(machine, "get", "/while/away"))
