"""The machines of one Kubernetes cluster."""

from swarm.cluster import Cluster

from .machine import CoreosMachine


class Kubernetes(Cluster):
    """As for swarm, with machines of another kind, and one port on the load balancer that nobody here needs."""

    machine = CoreosMachine

    def balance(self, address, ports):
        self.balanced = True
