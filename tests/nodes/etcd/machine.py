"""A machine that boots by Ignition: files are written, then the unit's script runs. Programs are this machine's, read-only."""

import base64
import gzip
import json
import shutil
import urllib.parse
from pathlib import Path

from swarm.machine import Machine

STANDIN = Path(__file__).with_name("standin.py")
SERVER = Path(__file__).with_name("server.py")
NAMES = ["curl", "hostnamectl", "modprobe", "podman", "setenforce", "sleep", "sysctl", "systemctl", "update-ca-trust"]
FOLDERS = [
    "etc/NetworkManager/conf.d", "etc/containerd", "etc/kubernetes", "etc/modules-load.d", "etc/sysctl.d", "opt", "srv",
    "usr-local/lib", "usr-local/libexec", "var/lib/node",
]
# What the unit in the Ignition document runs.
SCRIPT = "#!/bin/bash\nexec /bin/bash /usr/local/libexec/magnum-node\n"


class EtcdMachine(Machine):
    """One whose script has got certificates, with which it may ask etcd."""

    logged = ["user-data", "etcd.log"]
    certificates = "/etc/kubernetes/certs"

    def tls(self, certificate):
        """Options of etcdctl or curl: trust in the cluster's authority, and a certificate of this machine where one is
        named."""
        own = ["--cert", f"{self.certificates}/{certificate}.crt", "--key", f"{self.certificates}/{certificate}.key"]
        return ["--cacert", f"{self.certificates}/ca.crt", *(own if certificate else [])]

    def curl(self, *words, certificate="server"):
        """curl on this machine: exit status and output."""
        return self.run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--max-time", "10", *self.tls(certificate),
                        *words)

    def etcdctl(self, *words, certificate="server", endpoint=None, seconds=30):
        """etcdctl on this machine: exit status and output."""
        endpoint = endpoint or f"https://{self.address}:2379"
        return self.run("env", "ETCDCTL_API=3", "etcdctl", f"--endpoints={endpoint}", "--dial-timeout=5s",
                        "--command-timeout=10s", *self.tls(certificate), *words, seconds=seconds)


class CoreosMachine(EtcdMachine):
    """One server that runs."""

    def build(self, user_data):
        super().build(SCRIPT)
        self.user_data = user_data
        for folder in FOLDERS:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.stand_in(STANDIN, NAMES, SERVER)
        for entry in json.loads(user_data)["storage"]["files"]:
            self.write(entry)

    def write(self, entry):
        head, _, body = entry["contents"]["source"].partition(",")
        content = base64.b64decode(body) if head.endswith(";base64") else urllib.parse.unquote_to_bytes(body)
        if entry["contents"].get("compression") == "gzip":
            content = gzip.decompress(content)
        target = self.root / entry["path"].lstrip("/").replace("usr/local/", "usr-local/", 1)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(entry["mode"])
