"""The story: etcd on three masters of Fedora Atomic begins, refuses strangers, loses members and gets them back."""

import json

from etcd.members import BUILT_IN
from swarm.story import tell, tell_story

from .cluster import Kubernetes
from .story import Atomic


class AtomicKubernetes(Atomic):
    name = "teal"
    machines = Kubernetes
    worker, own = "minion-0", "proxy"

    def create(self, labels=""):
        self.begin("--coe", "kubernetes", "--image", "fedora-atomic-27", "--network-driver", "flannel",
                   "--docker-storage-driver", "overlay2", labels=labels)
        self.await_members()

    def connect_containers(self):
        """The settings of flannel, which the first masters wrote, have reached the worker over TLS."""
        status, text = self.cluster.named(self.worker).run("cat", "/run/flannel/settings")
        assert status == 0, text
        found = json.loads(json.loads(text)["node"]["value"])
        assert found == {"Network": "10.100.0.0/16", "SubnetLen": 24, "Backend": {"Type": "udp"}}, found
        tell(f"the worker's flannel was told {found}")

    def lose_and_replace(self, name):
        """The server is made anew, and has only its volume of the old one."""
        machine, other, before = self.lose(name)
        self.cluster.replace(machine)
        self.await_again(machine)
        self.be_as_before(other, before)
        status, text = machine.run("mountpoint", "/var/lib/etcd")
        assert status == 0, text
        tell(f"{name} was made anew with its old volume: the same member, and it has what was written meanwhile")


class KubernetesByDiscovery(AtomicKubernetes):
    options = BUILT_IN


tell_story(AtomicKubernetes, [
    ("create", "etcd_volume_size=1"), ("be_told",), ("be_whole",), ("connect_containers",), ("refuse_strangers",),
    ("run_again",), ("lose_and_start", "master-1"), ("lose_and_replace", "master-0"), ("be_whole",), ("delete",),
])
tell_story(KubernetesByDiscovery, [
    ("create",), ("be_told",), ("be_whole",), ("lose_and_start", "master-0"), ("be_whole",), ("delete",),
])
tell("proven")
