"""The machines of one Kubernetes cluster."""

from swarm.cluster import Cluster

from .machine import CoreosMachine


class Kubernetes(Cluster):
    """As for swarm, with machines of another kind and another number of ports on the load balancer."""

    machine = CoreosMachine
    listeners = 1
