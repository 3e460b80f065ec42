"""The story: an ensemble of three comes together, keeps what it is told, loses members and gets them back."""

from swarm.client import until
from swarm.story import Story, tell, tell_story

from .cluster import Mesos

MASTERS = ["master-0", "master-1", "master-2"]


class Ensemble(Story):
    name = "red"
    machines = Mesos

    def create(self):
        self.cloud.client(
            "coe", "cluster", "template", "create", "mesos", "--coe", "mesos", "--image", "ubuntu-mesos",
            "--external-network", "public", "--keypair", "testkey", "--flavor", "m1.small", "--master-flavor", "m1.small",
            "--server-type", "vm", "--network-driver", "docker", "--tls-disabled", "--floating-ip-disabled",
            "--master-lb-enabled",
        )
        self.cloud.client("coe", "cluster", "create", self.name, "--cluster-template", "mesos", "--master-count", "3",
                          "--node-count", "1")
        self.await_status("CREATE_COMPLETE")

    def masters(self):
        return [self.cluster.named(name) for name in MASTERS]

    def client(self, machine, *words):
        status, text = machine.client(machine.address, *words)
        assert status == 0, f"{machine.name}$ zkCli.sh {' '.join(words)}: {text}"
        return text

    def modes(self):
        return {machine.name: machine.status(machine.address) for machine in self.masters()}

    def be_whole(self):
        """One leads, the others follow, and each reads what any of them was told."""
        modes = self.modes()
        assert sorted(modes.values()) == ["follower", "follower", "leader"], modes
        for machine in self.masters():
            path = f"/from-{machine.name}"
            if f"[{path[1:]}]" not in self.client(machine, "ls", "/").replace(", ", "] ["):
                self.client(machine, "create", path, machine.name)
        for machine in self.masters():
            for name in MASTERS:
                assert name in self.client(machine, "get", f"/from-{name}").splitlines(), f"{machine.name} has not {name}'s"
        tell(f"{modes}; each reads what the others were told")

    def name_all(self):
        """Slaves, masters and Marathon are told of every member."""
        ensemble = "zk://" + ",".join(f"{machine.address}:2181" for machine in self.masters())
        for machine, path, wanted in [
            *((machine, "etc/mesos/zk", "/mesos") for machine in self.cluster.machines.values()),
            *((machine, "etc/marathon/conf/zk", "/marathon") for machine in self.masters()),
        ]:
            assert (machine.root / path).read_text().strip() == ensemble + wanted, f"{machine.name} {path}"
        numbers = {machine.run("cat", "/var/lib/zookeeper/myid")[1] for machine in self.masters()}
        assert sorted(numbers) == ["1\n", "2\n", "3\n"], numbers

    def run_again(self):
        status, text = self.cluster.named("master-1").run("bash", "/var/lib/cloud/user-data", seconds=180)
        assert status == 0, text
        tell("the user data of a master ran again")

    def lose_and_replace(self, wanted):
        machine = next(one for one in self.masters() if one.status(one.address) == wanted)
        other = next(one for one in self.masters() if one is not machine)
        machine.kill()
        until("the others have a leader",
              lambda: sorted(self.modes_without(machine).values()) == ["follower", "leader"] or self.modes_without(machine))
        self.client(other, "create", f"/without-{machine.name}", "kept")
        tell(f"{machine.name}, the {wanted}, is gone; the others still take writes")
        self.cluster.replace(machine)
        until(f"{machine.name} is back", lambda: self.has_booted(machine), 240)
        assert "kept" in self.client(machine, "get", f"/without-{machine.name}").splitlines()
        tell(f"{machine.name} came back without its data and has it again")

    def modes_without(self, machine):
        return {one.name: one.status(one.address) for one in self.masters() if one is not machine}

    def lose_most(self):
        """One of three serves nobody, and the slave's Mesos is told so."""
        last, *lost = self.masters()
        for machine in lost:
            machine.kill()
        until("the last one stops serving", lambda: "not currently serving" in last.status(last.address))
        slave = next(machine for machine in self.cluster.machines.values() if machine.name not in MASTERS)
        _, text = slave.run("curl", "--silent", f"http://{slave.address}:5051/metrics/snapshot")
        assert text == "no leader", text
        tell("one of three serves nobody")


tell_story(Ensemble, [
    ("create",), ("be_whole",), ("name_all",), ("run_again",), ("be_whole",), ("lose_and_replace", "follower"),
    ("be_whole",), ("lose_and_replace", "leader"), ("be_whole",), ("lose_most",), ("delete",),
])
tell("proven")
