"""The player as a process: `python -m player.main FOLDER`, with TEST_CLOUD_ENV naming the cloud's environment file.

It looks at all servers every two seconds and plays those of clusters. Tests and player meet in the folder alone:

- `nodes/SERVER_ID/record.json` says what became of a node: status, findings, addresses, where its API listens;
- `nodes/SERVER_ID/log` is the output of its scripts;
- `orders/NAME.json` is an order of a test for servers whose name begins with NAME: {"hold": true} lets them wait,
  {"break": {"COMMAND": "what it says"}} lets a command fail on them, {"stale": true} ends the token of their signals.
"""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import cloud
from .coreos import Internet
from .node import Node
from .root import NAMESPACES

OF_A_CLUSTER = re.compile(r".+-[0-9a-f]{12}-(master|minion|node|slave)-\d+$")
LOOK_SECONDS = 2


def read_orders(folder, name):
    """All orders for a server, the more particular ones winning."""
    found = {}
    for path in sorted(folder.glob("*.json"), key=lambda path: len(path.stem)):
        if name.startswith(path.stem):
            try:
                found |= json.loads(path.read_text())
            except (ValueError, FileNotFoundError):
                continue
    return found


class Player:
    """All nodes of all clusters."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.orders = self.folder / "orders"
        self.orders.mkdir(parents=True, exist_ok=True)
        self.view = cloud.View(cloud.settings())
        self.nodes = {}
        self.clusters = {}
        self.internet = Internet()

    def look(self):
        """Begins with servers that have become ACTIVE, ends those that are gone."""
        active = self.view.active()
        for identity, name in active.items():
            if identity not in self.nodes and OF_A_CLUSTER.fullmatch(name):
                self.begin(identity)
        for identity in [identity for identity in self.nodes if identity not in active]:
            threading.Thread(target=self.nodes.pop(identity).end, daemon=True).start()

    def begin(self, identity):
        server = self.view.server(identity)
        if server:
            orders = functools.partial(read_orders, self.orders)
            node = Node(server, self.view, self.folder / "nodes", self.clusters, orders, self.internet)
            self.nodes[identity] = node
            node.thread.start()

    def end(self):
        for node in self.nodes.values():
            node.ended.set()
            node.root.kill()


def may_make_namespaces():
    """The nodes' scripts must not see the machine of the test, let alone change it."""
    return subprocess.run([*NAMESPACES, "true"], check=False).returncode == 0


def main(folder):
    if not may_make_namespaces():
        sys.exit("player: a node's root file system needs namespaces of its own: run this as root with CAP_SYS_ADMIN")
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    player = Player(folder)
    parent = os.getppid()
    print("player: ready", flush=True)
    while not stop.is_set() and os.getppid() == parent:
        try:
            player.look()
        except Exception as error:  # noqa: BLE001 - services are restarted under it
            print(f"player: cannot see the servers: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            time.sleep(LOOK_SECONDS)
        stop.wait(LOOK_SECONDS)
    player.end()


if __name__ == "__main__":
    main(sys.argv[1])
