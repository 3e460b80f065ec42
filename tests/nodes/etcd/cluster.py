"""The machines of one Kubernetes cluster."""

from swarm.cluster import Cluster

from .machine import CoreosMachine


class Kubernetes(Cluster):
    """As for swarm, with machines of another kind, and one port on the load balancer that nobody here needs."""

    def boot(self, name, address, data):
        short = name.split("-", 2)[-1]
        space = self.network.join(short, address)
        machine = CoreosMachine(short, self.folder / short, space, self.network.prefix + "nodes")
        machine.build(data)
        machine.boot()
        machine.address, machine.server_name = address, name
        return machine

    def balance(self, address, ports):
        self.balanced = True

    def replace(self, machine):
        """The server is made anew, as Heat does it: the same name, address and user data, and nothing else left."""
        machine.kill()
        machine.build(machine.user_data)
        machine.boot()

    def logs(self):
        for machine in self.machines.values():
            for kind in ["user-data", "etcd"]:
                path = machine.root / "var/log" / kind
                if path.exists():
                    yield f"--- {machine.name} {kind}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
