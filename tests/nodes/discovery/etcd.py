"""etcd members on loopback, each with ports and a folder of its own."""

import json
import os
import subprocess

from .service import free_port


class Etcd:
    def __init__(self, folder, name, url, *options):
        self.name, self.folder = name, folder
        self.peer, self.client = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        self.log_file = folder / f"{name}.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                ["etcd", "--name", name, "--data-dir", str(folder / name), "--discovery", url,
                 "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
                 "--listen-client-urls", self.client, "--advertise-client-urls", self.client, *options],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.environment(),
                start_new_session=True,
            )

    @staticmethod
    def environment():
        proxies = ("http_proxy", "https_proxy", "no_proxy")
        kept = {name: value for name, value in os.environ.items()
                if name.lower() not in proxies and not name.startswith(("ETCD", "OS_"))}
        return kept | {"ETCDCTL_API": "3"}

    def ctl(self, *words):
        """What etcdctl says; `None` when it fails."""
        done = subprocess.run(["etcdctl", "--endpoints", self.client, "--dial-timeout", "2s", "--command-timeout", "5s", *words],
                              capture_output=True, text=True, timeout=30, env=self.environment(), check=False)
        return done.stdout if done.returncode == 0 else None

    def members(self):
        listed = self.ctl("member", "list", "--write-out", "json")
        return None if listed is None else sorted(member["name"] for member in json.loads(listed)["members"])

    def is_healthy(self):
        return self.ctl("endpoint", "health") is not None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
