"""The story: a cluster of three managers and two workers is built, used, shrunk, robbed of managers, and deleted."""

import os
import threading
from pathlib import Path

from .client import Client, certificate_of_another_authority, until
from .cluster import Cluster
from .story import Story, tell, tell_story

MASTERS = ["master-0", "master-1", "master-2"]
IMAGE = "proof:1"
TOKEN = b"SWMTKN-"


def is_ours(pid):
    """Whether this test has started it, directly or not; what has ended meanwhile counts as ours."""
    try:
        while pid > 1 and pid != os.getpid():
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return True
    return pid == os.getpid()


class Watch:
    """Looks at the arguments of all our processes for tokens, as fast as it can."""

    def __init__(self):
        self.found = set()
        self.looks = 0
        self.ended = threading.Event()
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        while not self.ended.wait(0.02):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = path.read_bytes()
                except OSError:
                    continue
                if TOKEN in words and is_ours(int(path.parent.name)):
                    self.found.add(words.split(b"\0")[0].decode())


class Swarm(Story):
    name = "blue"
    machines = Cluster
    client = None

    def __init__(self, folder):
        super().__init__(folder)
        self.watch = Watch()

    def create(self):
        self.cloud.client(
            "coe", "cluster", "template", "create", "swarm", "--coe", "swarm-mode", "--image", "fedora-atomic-27",
            "--external-network", "public", "--keypair", "testkey", "--flavor", "m1.small", "--master-flavor", "m1.small",
            "--docker-storage-driver", "vfs", "--floating-ip-disabled", "--master-lb-enabled",
        )
        self.cloud.client("coe", "cluster", "create", self.name, "--cluster-template", "swarm", "--master-count", "3",
                          "--node-count", "2", "--labels", "master_lb_floating_ip_enabled=true")
        self.await_status("CREATE_COMPLETE")
        shown = self.cloud.cluster(self.name)
        tell(f"{shown['status']}: api_address {shown['api_address']}, masters {shown['master_addresses']}, nodes "
             f"{shown['node_addresses']}")
        assert shown["api_address"] == f"tcp://{self.cloud.balancer()[1]}:2375", shown["api_address"]

    def configure(self):
        """Certificates of the service, and what docker does with and without them."""
        self.client = Client(self.cloud, self.cluster.network, self.folder, self.name, outside=True)
        tell(f"coe cluster config: {self.client.variables}")
        self.show_nodes()
        nodes = self.client.nodes()
        assert set(nodes) == {*MASTERS, "node-0", "node-1"}, nodes
        assert all(state[:2] == ("Ready", "Active") for state in nodes.values()), nodes
        assert sorted(nodes[name][2] for name in MASTERS) == ["Leader", "Reachable", "Reachable"], nodes

    def be_watched(self, lost=None):
        """What the service itself has asked the swarm, with certificates of its own: every node is ready but the lost one."""
        def told():
            shown = self.cloud.cluster(self.name)
            reason = shown["health_status_reason"]
            bad = [key for key, value in reason.items() if value == "False"]
            ready = [key for key in reason if key.endswith(".Ready")]
            wanted = ("UNHEALTHY", True) if lost else ("HEALTHY", False)
            right = (shown["health_status"], any(lost in key for key in bad) if lost else bool(bad)) == wanted
            return True if right and len(ready) == 5 else (shown["health_status"], reason)
        until(f"the service finds {lost} missing" if lost else "the service finds all well", told, 90)
        shown = self.cloud.cluster(self.name)
        tell(f"health as the service asked it: {shown['health_status']} {shown['health_status_reason']}")

    def show_nodes(self):
        tell("$ docker --tlsverify node ls\n" + self.client.docker("node", "ls"))

    def refuse_strangers(self):
        host = self.client.variables["DOCKER_HOST"]
        tcp = host.removeprefix("tcp://")
        ls = ["/usr/bin/docker", "--tlsverify", "--host", host, "node", "ls"]
        curl = ["curl", "--silent", "--show-error"]
        for what, words, home, said in [
            ("without a certificate", ls, self.client.home("nobody", []), "remote error: tls"),
            ("with another authority's", ls, self.client.home("other", certificate_of_another_authority(self.folder)),
             "remote error: tls"),
            ("without TLS", [*curl, "--fail", f"http://{tcp}/nodes"], self.folder, "400"),
            ("asking for tokens", [*curl, "--insecure", f"https://{tcp}/swarm"], self.folder, "alert"),
        ]:
            status, text = self.client.run(*words, variables={"HOME": str(home)})
            assert status != 0 and said in text and "HOSTNAME" not in text and "SWMTKN" not in text, f"{what}: {text}"
            tell(f"a client {what} is refused: {text.strip().splitlines()[-1]}")
        for machine in self.cluster.machines.values():
            if machine.name.startswith("node"):
                status, text = self.client.run("curl", "--silent", "--insecure", f"https://{machine.address}:2375/info", beside=True)
                assert status == 7, f"{machine.name} listens: {status} {text}"

    def keep_secrets(self):
        """The tokens are on no node, in no log, in no stack and in no list of processes."""
        assert self.client.docker("swarm", "join-token", "--quiet", "worker").encode().startswith(TOKEN)
        assert self.watch.looks > 100 and not self.watch.found, self.watch.found
        places = [self.cloud.log, *self.folder.glob("*/machine.log")]
        for machine in self.cluster.machines.values():
            places += [path for path in machine.root.rglob("*") if path.is_file() and self.is_of_interest(machine, path)]
        for path in places:
            assert TOKEN not in path.read_bytes(), f"{path} holds a token"
        told = str(self.cloud.stacks())
        assert "swarm_masters" in told and TOKEN.decode() not in told
        tell(f"no token in {len(places)} files, the stack, and {self.watch.looks} looks at the processes' arguments")

    @staticmethod
    def is_of_interest(machine, path):
        """Docker keeps its state, in which tokens are, to itself."""
        inside = path.relative_to(machine.root).parts
        return inside[:3] != ("var", "lib", "docker") and inside[0] not in ("dev", "proc", "sys", "usr") and not path.is_symlink()

    def run_again(self):
        """The scripts may run twice."""
        before = self.client.docker("node", "ls", "--quiet")
        for name in ["master-0", "master-1", "node-0"]:
            status, text = self.cluster.named(name).run("bash", "/var/lib/cloud/user-data", seconds=180)
            assert status == 0, f"{name} again: {text}"
        until("all are ready again", lambda: self.ready(5))
        assert self.client.docker("node", "ls", "--quiet") == before
        tell("the user data of two managers and a worker ran again: the same nodes")

    def ready(self, number):
        nodes = self.client.nodes()
        return True if sum(state[0] == "Ready" for state in nodes.values()) == number else nodes

    def serve(self):
        """A service whose containers use the nodes' network: there is no firewall to publish ports with."""
        tar = self.folder / "image.tar"
        for machine in self.cluster.machines.values():
            self.give_image(machine, tar)
        self.client.docker("service", "create", "--detach", "--quiet", "--name", "work", "--replicas", "5", "--network", "host",
                           "--no-resolve-image", IMAGE, "/bin/busybox", "sleep", "3600")
        until("five tasks run", lambda: True if len(self.client.tasks("work")) == 5 else self.client.tasks("work"), 120)
        tell(f"five tasks run, on {self.client.tasks('work')}")

    def give_image(self, machine, tar):
        script = "mkdir -p /tmp/i/bin && cp /usr/bin/busybox /tmp/i/bin/ && tar -C /tmp/i -c . | docker import - " + IMAGE
        status, text = machine.run("bash", "-c", script)
        assert status == 0, text

    def swarm(self, machine, *words, expect=0):
        status, text = machine.run("/usr/local/bin/magnum-swarm", *words, seconds=180)
        assert (status == 0) == (expect == 0), f"magnum-swarm {words}: {status} {text}"
        tell(f"{machine.name}$ magnum-swarm {' '.join(words)}" + (f"\n{text}" if text else ""))
        return text

    def drain(self):
        """What an operator does by hand: the tasks go elsewhere, and the node takes some again."""
        worker = self.cluster.named("node-1")
        self.swarm(self.cluster.named("master-1"), "drain", worker.server_name)
        assert self.client.nodes()["node-1"][:2] == ("Ready", "Drain")
        assert "node-1" not in self.client.tasks("work")
        self.client.docker("node", "update", "--availability", "active", worker.server_name)

    def remove_worker(self):
        """The service has its tasks moved before it goes, and has the swarm forget it; afterwards a new one joins."""
        worker = self.cluster.named("node-0")
        assert "node-0" in self.client.tasks("work")
        gone = next(id for id, name, *_ in self.cloud.servers() if name == worker.server_name)
        self.cloud.client("coe", "cluster", "resize", self.name, "1", "--nodes-to-remove", gone)
        until("it is drained", lambda: self.client.nodes()["node-0"][:2] == ("Ready", "Drain"))
        tell("the service drained node-0, while its server was still there")
        until("its tasks run elsewhere", lambda: len(self.client.tasks("work")) == 5 and "node-0" not in self.client.tasks("work"))
        self.await_status("UPDATE_COMPLETE")
        self.cluster.await_names([*MASTERS, "node-1"])
        assert set(self.client.nodes()) == {*MASTERS, "node-1"}
        self.show_nodes()
        self.cloud.client("coe", "cluster", "resize", self.name, "2")
        self.await_status("UPDATE_COMPLETE")
        until("the new worker is ready", lambda: self.ready(5))
        tell(f"a new worker has joined: {sorted(self.client.nodes())}")

    def lose_manager(self, name):
        """Its power goes off: the swarm answers, and goes on; made anew, it takes its place again."""
        machine = self.cluster.named(name)
        swarm_id = self.client.docker("info", "--format", "{{.Swarm.Cluster.ID}}")
        machine.kill()
        until("it is missed", lambda: self.client.nodes()[name][2] in ("Unreachable", ""), 120)
        self.be_watched(lost=name)
        self.show_nodes()
        other = self.cluster.named("master-2")
        victim = next(m for m in self.cluster.machines.values() if m.name in MASTERS and m not in (machine, other))
        assert "no majority" in self.swarm(other, "remove", victim.server_name, expect=1)
        self.client.docker("service", "update", "--detach", "--quiet", "--env-add", f"AFTER={name}", "work")
        until("the service goes on", lambda: len(self.client.tasks("work")) == 5, 180)
        self.cluster.replace(machine)
        until(f"{name} is a manager again", lambda: self.is_whole(machine), 240)
        self.give_image(machine, None)
        assert self.client.docker("info", "--format", "{{.Swarm.Cluster.ID}}") == swarm_id, "there are two swarms"
        self.be_watched()
        self.show_nodes()

    def is_whole(self, machine):
        booted = self.has_booted(machine)
        names = self.client.docker("node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}").splitlines()
        good = [line for line in names if line.endswith((" Ready Leader", " Ready Reachable"))]
        return True if booted and len(good) == 3 and len(names) == 5 else names

    def remove_manager(self):
        manager, leaving = self.cluster.named("master-2"), self.cluster.named("master-0")
        self.swarm(manager, "remove", leaving.server_name)
        # Its docker still listens behind the load balancer, and is no manager: after a removal the machine goes.
        leaving.kill()
        nodes = self.client.nodes()
        assert "master-0" not in nodes and sorted(nodes[name][2] for name in MASTERS[1:]) == ["Leader", "Reachable"], nodes
        tell("a manager was made a worker, drained and removed; the other two are a swarm")

    def end(self):
        self.watch.ended.set()
        super().end()


tell_story(Swarm, [
    ("create",), ("configure",), ("be_watched",), ("refuse_strangers",), ("keep_secrets",), ("run_again",), ("serve",), ("drain",), ("remove_worker",),
    ("lose_manager", "master-1"), ("lose_manager", "master-0"), ("remove_manager",), ("delete",),
])
tell("proven")
