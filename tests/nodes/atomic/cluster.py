"""The machines of one cluster, with the volumes that the cloud attaches to them."""

from swarm.cluster import Cluster

from .machine import AtomicMachine


class Kubernetes(Cluster):
    machine = AtomicMachine
    listeners = 1

    def look(self):
        super().look()
        for volume in self.cloud.get("/volume/v3/PROJECT/volumes/detail", self.cloud.user)["volumes"]:
            for one in volume["attachments"]:
                if one["server_id"] in self.machines:
                    self.machines[one["server_id"]].attach(volume["id"], one["device"])
