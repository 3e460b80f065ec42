"""Which type of cluster a node belongs to, by what it is given: Ignition, or values that only one type has."""

from .coreos import KubernetesOnCoreOS
from .errors import Unreadable
from .kubernetes import Kubernetes
from .mesos import Mesos
from .swarm import LegacySwarm, SwarmMode

BY_VALUE = {"KUBE_TAG": Kubernetes, "SWARM_VERSION": LegacySwarm, "SWARM_PORT": SwarmMode, "CLUSTER_NAME": Mesos}


def kind(data, parameters):
    if data.units:
        return KubernetesOnCoreOS
    for name, found in BY_VALUE.items():
        if name in parameters:
            return found
    raise Unreadable("the user data are of no known type of cluster")
