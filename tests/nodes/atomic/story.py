"""What the stories of clusters on Fedora Atomic have in common: etcd is told all by the scripts, lets in whom the cluster's
authority knows, and a member that starts again is the one it was."""

from etcd.members import MASTERS, Members
from swarm.client import until
from swarm.story import tell


class Atomic(Members):
    """`own` is a certificate of the worker's, which the scripts have etcd let in."""

    own = ""

    def be_told(self):
        """etcd runs from what the script wrote, and from nothing else: it is given no argument."""
        for machine in self.masters():
            status, text = machine.run("sh", "-c", "tr '\\0' '\\n' </proc/$(cat /run/etcd.pid)/cmdline")
            assert (status, text) == (0, "/usr/bin/etcd\n"), text
            given = self.environment(machine)
            written = (machine.root / "etc/etcd/etcd.conf").read_text().splitlines()
            for line in written:
                name, _, value = line.removeprefix("export ").partition("=")
                assert given.get(name) == value.strip('"'), f"{machine.name}: {line}, but etcd has {given.get(name)}"
            assert any(line.startswith("ETCD_DISCOVERY=") for line in written) == bool(self.options), written
        tell(f"etcd on {MASTERS} has no argument and {len(written)} settings, all of them as the scripts wrote them")

    def environment(self, machine):
        status, text = machine.run("sh", "-c", "cat /proc/$(cat /run/etcd.pid)/environ")
        assert status == 0, text
        return dict(line.partition("=")[::2] for line in text.split("\0"))

    def refuse_strangers(self):
        master, worker = self.cluster.named("master-0"), self.cluster.named(self.worker)
        self.make_stranger(worker)
        strangers = [("no certificate", ""), ("a certificate of another authority", "other")]
        self.refuse_clients(strangers)
        self.refuse_peers(strangers)
        status, text = worker.curl(f"http://{master.address}:2379/version")
        assert status != 0 and "etcdserver" not in text, text
        tell(f"a client without TLS is refused: {text.strip()}")
        endpoint = f"https://{master.address}:2379"
        status, text = worker.etcdctl("get", "/from/master-0", certificate=self.own, endpoint=endpoint)
        assert status == 0 and "master-0\n" in text, text
        tell("a client with a certificate of the worker's, of the cluster's own authority, is let in")

    def run_again(self):
        machine = self.cluster.named("master-2")
        before = self.listed(machine)
        status, text = machine.run("bash", "/var/lib/cloud/user-data", seconds=180)
        assert status == 0, text
        until("it is a member again", lambda: self.listed(machine)["members"] == before["members"])
        tell("the script of a master ran again: the same member")

    def lose_and_start(self, name):
        machine, other, before = self.lose(name)
        machine.start_again()
        self.await_again(machine)
        self.be_as_before(other, before)
        tell(f"{name} has started again: the same member, and it has what was written meanwhile")

    def be_as_before(self, other, before):
        after = self.listed(other)
        assert before["header"]["cluster_id"] == after["header"]["cluster_id"]
        old, new = ({row["ID"] for row in rows["members"]} for rows in (before, after))
        assert old == new, "there are other members"
