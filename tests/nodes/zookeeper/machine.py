"""A machine of Ubuntu with ZooKeeper as Debian packages it, and the programs that the image for Mesos would add."""

import shutil
from pathlib import Path

from swarm.machine import Machine

STANDIN = Path(__file__).with_name("standin.py")
NAMES = ["hostnamectl", "sleep", "systemctl", "update-ca-certificates"]


class UbuntuMachine(Machine):
    """One server that runs."""

    logged = ["user-data", "zookeeper.log", "marathon.log", "mesos-master.log", "mesos-slave.log"]

    def build(self, user_data):
        super().build(user_data)
        self.stand_in(STANDIN, NAMES)
        for path in ["/etc/zookeeper", "/var/lib/zookeeper", *map(str, Path("/etc").glob("java-*"))]:
            shutil.copytree(path, self.root / path.lstrip("/"), symlinks=True)
        for folder in ["etc/default", "var/log/zookeeper"]:
            (self.root / folder).mkdir()

    def status(self, address):
        """What the ZooKeeper at an address says of itself: `leader`, `follower`, or the text that it serves nobody."""
        ask = 'exec 3<>"/dev/tcp/$1/2181" || exit; printf srvr >&3; timeout 10 cat <&3'
        _, text = self.run("bash", "-c", ask, "ask", address)
        modes = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("Mode: ")]
        return modes[0] if modes else text

    def client(self, address, *words):
        """The command line of ZooKeeper, on this machine: exit status and output."""
        return self.run("/usr/share/zookeeper/bin/zkCli.sh", "-server", f"{address}:2181", *words, seconds=60)
