"""The machines of one Mesos cluster."""

from swarm.cluster import Cluster

from .machine import UbuntuMachine


class Mesos(Cluster):
    """As for swarm, with machines of another kind, and nobody who needs the load balancer."""

    machine = UbuntuMachine

    def balance(self, address, public, ports):
        self.balanced = True
