"""The machines of one cluster: a server of the simulated Nova that is new boots, one that is gone has its power cut."""

import threading
import time

from .machine import Machine, remove_cgroups
from .network import Network


class Cluster:
    """Follows the cloud in a thread of its own, until it is ended."""

    machine = Machine
    listeners = 2

    def __init__(self, cloud, folder):
        self.cloud = cloud
        self.folder = folder
        self.network = Network(folder, cloud.ports)
        self.machines = {}
        self.data = {}
        self.balanced = False
        self.ended = threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        try:
            while not self.ended.wait(0.5):
                self.look()
        except Exception as error:  # noqa: BLE001 - the test shall see it
            self.failure = error

    def look(self):
        servers = {id: rest for id, *rest in self.cloud.servers()}
        for id, (name, address, data) in servers.items():
            if id not in self.machines:
                self.machines[id] = self.boot(name, address, data)
        for id in [id for id in self.machines if id not in servers]:
            machine = self.machines.pop(id)
            machine.kill()
            self.network.leave(machine.name)
            machine.remove()
        address, public, ports = self.cloud.balancer()
        if address and not self.balanced and len(ports) == self.listeners and all(ports.values()):
            self.balance(address, public, ports)

    def boot(self, name, address, data):
        short = name.split("-", 2)[-1]
        space = self.network.join(short, address)
        machine = self.machine(short, self.folder / short, space, self.network.prefix + "nodes")
        machine.build(data)
        machine.boot()
        machine.address, machine.server_name = address, name
        return machine

    def balance(self, address, public, ports):
        """The load balancer: a machine of its own, whose relay does what Octavia's listeners and pools say. Its public
        address is one of this machine's."""
        space = self.network.join("lb", address)
        pairs = [[f"{address}:{port}", members] for port, members in sorted(ports.items())]
        sockets = [[str(self.folder / f"lb-{port}.sock"), members] for port, members in sorted(ports.items())]
        self.network.relay("lb", space, pairs + sockets)
        if public:
            self.network.relay("public", None, [[f"{public}:{port}", [path]] for port, (path, _) in zip(sorted(ports), sockets)])
        self.balanced = True

    def named(self, name):
        return next(machine for machine in self.machines.values() if machine.name == name)

    def await_names(self, names, seconds=60):
        end = time.monotonic() + seconds
        while {machine.name for machine in self.machines.values()} != set(names):
            self.check()
            if time.monotonic() > end:
                raise AssertionError(f"machines are {sorted(m.name for m in self.machines.values())}, not {sorted(names)}")
            time.sleep(0.5)

    def check(self):
        if self.failure:
            raise self.failure

    def logs(self):
        """For a failure: the last lines of what each machine said."""
        for machine in self.machines.values():
            for kind in machine.logged:
                path = machine.root / "var/log" / kind
                if path.exists():
                    yield f"--- {machine.name} {kind}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])

    def replace(self, machine):
        """The server is made anew, as Heat does it: the same name, address and user data, and nothing else left."""
        machine.kill()
        machine.build(machine.user_data)
        machine.boot()

    def end(self):
        self.ended.set()
        self.thread.join(30)
        for machine in self.machines.values():
            machine.kill()
        self.network.end()
        for machine in self.machines.values():
            machine.remove()
        remove_cgroups(self.network.prefix + "nodes")
