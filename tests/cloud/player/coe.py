"""What the player must know of a cluster's type (its COE on an operating system), and how all types are alike.

One object of a subclass belongs to one node. It answers for the services that the node's scripts start, judges the node's
certificates before it says that anything is well, and looks at what the scripts have left behind.
"""

import re
import shlex

from .listener import Listener

# The image's name and its version in what a unit runs.
RUN_IMAGE = re.compile(r"([a-z0-9.:_-]+/)*[a-z][a-z0-9._-]*:[A-Za-z0-9._-]+")


class Coe:
    """A node's services; `image` names what its operating system has."""

    image = "fedora-atomic"
    # Whether the node logs in as the cluster's trustee and has its certificates signed.
    has_certificates = True

    def __init__(self, node):
        self.node = node
        self.sound = None
        self.metadata = Listener(self.answer_metadata)
        self.listeners = [self.metadata]

    @classmethod
    def shapes(cls, role, parameters):
        """How values are written, by name; those in round brackets may be empty."""
        raise NotImplementedError

    @classmethod
    def rules(cls, role):
        """What values must be in the cloud, by name."""
        raise NotImplementedError

    @classmethod
    def first_findings(cls, data):
        """What is wrong with the user data themselves."""
        return []

    def listen(self, answer, kind=Listener, **words):
        """A listener that ends with the node."""
        made = kind(answer=answer, **words)
        self.listeners.append(made)
        return made

    def prepare(self):
        """The root file system is there and nothing runs yet."""
        self.metadata.begin()

    def own(self):
        """What only this node reaches: pairs of address with port, and listener."""
        return [("169.254.169.254:80", self.metadata)]

    def served(self):
        """What the cluster's other nodes and its users reach: pairs of address with port, and listener."""
        return []

    def addresses(self, public, private):
        """Under which addresses a master is reached; the first one also under those of the API."""
        found = {self.node.facts.address, self.node.facts.floating_address}
        if self.node is self.node.cluster.masters()[0]:
            found |= {self.node.parameters[private], self.node.parameters[public]}
        return sorted(found - {""})

    def serve(self):
        """Called again and again: does what the services would do that the scripts have started by now."""

    def is_behind(self):
        """Whether something that the scripts have started is still to take effect."""
        return False

    def renew(self):
        """Serves with what the node has now, after it was told something."""

    def is_sound(self):
        """Judges the certificates once; nobody is told that a node is well before that."""
        with self.node.lock:
            if self.sound is None:
                found = list(self.certificate_findings())
                self.sound = not found
                self.node.find(found)
            return self.sound

    def certificate_findings(self):
        return []

    def wanted(self):
        """The units that must have been started."""
        return set()

    def left_findings(self):
        """What is wrong with what the scripts left behind, other than units that were not started."""
        return []

    def images(self):
        """Every image that the node's commands and units name, behind who runs it."""
        root = self.node.root
        found = set(root.read("run/node/images").splitlines())
        for path in (root.path / "etc/systemd/system").glob("*.service"):
            words = unit_words(root, path.stem)
            if words[:2] == ["/usr/bin/docker", "run"]:
                found |= {f"{path.stem} {word}" for word in words if RUN_IMAGE.fullmatch(word)}
        return sorted(found)

    def gone(self):
        """The server is gone."""

    def answer_metadata(self, method, path, host, body, subject):
        if path == "/openstack/latest/meta_data.json":
            return 200, {"uuid": self.node.server["id"], "meta": self.node.told()}
        address = self.node.facts.floating_address
        return (200, address) if path == "/latest/meta-data/public-ipv4" and address else (404, "not found")


def unit_words(root, unit):
    """The words of a unit's command, as systemd reads them."""
    lines = root.read(f"etc/systemd/system/{unit}.service").replace("\\\n", " ").splitlines()
    commands = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    return [word.replace("%%", "%").replace("$$", "$") for command in commands for word in shlex.split(command)]


def options(words):
    """--NAME=VALUE among words; a name that is there more than once has its values joined by commas."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.startswith("--"):
            name = name[2:]
            found[name] = f"{found[name]},{value}" if name in found else value
    return found
