"""The story: etcd on three masters of the legacy swarm begins, keeps the list of nodes, refuses strangers, and loses a
member that comes back."""

import json

from atomic.story import Atomic
from etcd.members import BUILT_IN
from swarm.story import tell, tell_story

from .cluster import LegacySwarm


class AtomicSwarm(Atomic):
    name = "navy"
    machines = LegacySwarm
    worker, own = "node-0", "server"

    def create(self):
        self.begin("--coe", "swarm", "--image", "fedora-atomic-27", "--network-driver", "docker", "--docker-storage-driver",
                   "overlay2")
        self.await_members()

    def list_nodes(self):
        """What the worker wrote over TLS is read on every master."""
        worker = self.cluster.named(self.worker)
        for machine in self.masters():
            status, text = machine.curl(f"https://{machine.address}:2379/v2/keys/swarm/docker/swarm/nodes")
            assert status == 0, text
            nodes = [row["value"] for row in json.loads(text)["node"]["nodes"]]
            assert nodes == [f"{worker.address}:2375"], nodes
        tell(f"the swarm's list of nodes, on every master: {nodes}")


class SwarmByDiscovery(AtomicSwarm):
    options = BUILT_IN


tell_story(AtomicSwarm, [
    ("create",), ("be_told",), ("be_whole",), ("list_nodes",), ("refuse_strangers",), ("lose_and_start", "master-2"),
    ("be_whole",), ("delete",),
])
tell_story(SwarmByDiscovery, [("create",), ("be_told",), ("be_whole",), ("list_nodes",), ("delete",)])
tell("proven")
