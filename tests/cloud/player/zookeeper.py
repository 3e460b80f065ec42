"""Stands in for ZooKeeper inside a node: answers `srvr` where its configuration says.

Runs in the node's own network, started by the stand-in for systemctl. The player outside writes down what this member is
in its ensemble: leader, follower, or nothing as long as there is no majority.
"""

import socketserver
import sys

CONFIGURATION, ADDRESS, STATE = "/etc/zookeeper/conf/zoo.cfg", "/run/node/address", "/run/node/zookeeper"


class Command(socketserver.BaseRequestHandler):
    def handle(self):
        word = self.request.recv(4)
        with open(STATE) as file:
            state = file.read().strip()
        if word != b"srvr" or "srvr" not in settings()["4lw.commands.whitelist"].split(","):
            self.request.sendall(f"{word.decode()} is not executed because it is not in the whitelist.\n".encode())
        elif state:
            self.request.sendall(f"Zookeeper version: 3.4.8\nMode: {state}\nNode count: 4\n".encode())
        else:
            self.request.sendall(b"This ZooKeeper instance is not currently serving requests\n")


def settings():
    with open(CONFIGURATION) as file:
        return dict(line.strip().split("=", 1) for line in file if "=" in line)


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with open(ADDRESS) as own:
        place = (own.read().strip(), int(settings()["clientPort"]))
    with socketserver.ThreadingTCPServer(place, Command) as server:
        print("ZooKeeper listens at", place, file=sys.stderr)
        server.serve_forever()
