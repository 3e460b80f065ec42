"""The network of the cluster: one namespace per machine, all on a bridge that has a namespace of its own.

Machines reach the service and the cloud at the loopback addresses they are told, because a relay in each namespace passes
connections through a socket in the file system. So nothing listens on anything but loopback on the machine of the test.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

RELAY = Path(__file__).with_name("relay.py")
READY_SECONDS = 10


def run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)


class Network:
    """Ends with everything in it."""

    def __init__(self, folder, ports):
        self.folder = Path(folder)
        self.prefix = f"magnum-{os.getpid()}-"
        self.spaces = []
        self.relays = {}
        self.joined = 0
        self.ports = ports
        self.lan = self.add_space("lan")
        run("ip", "-n", self.lan, "link", "add", "lan", "type", "bridge")
        run("ip", "-n", self.lan, "link", "set", "lan", "up")
        for port in ports:
            self.open(port)

    def open(self, port):
        """The machines reach that port of this machine."""
        self.relay(f"to-{port}", None, [[str(self.folder / f"{port}.sock"), [f"127.0.0.1:{port}"]]])

    def shut(self, port):
        """They do not any more: what listens there seems down."""
        self.leave(f"to-{port}")

    def add_space(self, name):
        space = self.prefix + name
        run("ip", "netns", "add", space)
        self.spaces.append(space)
        run("ip", "-n", space, "link", "set", "lo", "up")
        return space

    def join(self, name, address):
        """A namespace with that address on the bridge; it reaches the service and the cloud."""
        space = self.add_space(name)
        self.joined += 1
        port = f"lan{self.joined}"
        run("ip", "-n", self.lan, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "-n", self.lan, "link", "set", port, "master", "lan", "up")
        run("ip", "-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        self.relay(name, space, [[f"127.0.0.1:{port}", [str(self.folder / f"{port}.sock")]] for port in self.ports])
        return space

    def inside(self, space):
        """The beginning of a command that runs in a namespace, with the file systems of this machine."""
        return ["nsenter", f"--net=/run/netns/{space}"] if space else []

    def relay(self, name, space, pairs):
        process = subprocess.Popen(
            [*self.inside(space), sys.executable, str(RELAY), json.dumps(pairs)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True,
        )
        self.relays.setdefault(name, []).append(process)
        if process.stdout.readline().strip() != "ready":
            raise AssertionError(f"the relay of {name} does not start")

    def leave(self, name):
        """The namespace and its relays end."""
        for process in self.relays.pop(name, []):
            process.kill()
            process.wait()
            process.stdout.close()
        space = self.prefix + name
        if space in self.spaces:
            self.spaces.remove(space)
            run("ip", "netns", "delete", space)

    def end(self):
        for name in list(self.relays):
            self.leave(name)
        for space in list(self.spaces):
            self.leave(space.removeprefix(self.prefix))
