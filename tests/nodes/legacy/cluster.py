"""The machines of one legacy swarm."""

from atomic.machine import AtomicMachine
from swarm.cluster import Cluster


class SwarmMachine(AtomicMachine):
    """One that keeps its certificates with docker."""

    certificates = "/etc/docker"


class LegacySwarm(Cluster):
    """As for swarm mode, with one port on the load balancer."""

    machine = SwarmMachine
    listeners = 1
