"""The service under test: `magnum api` and `magnum conductor` as two processes, with database and broker of the cloud."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_SECONDS = 60
STOP_SECONDS = 30
# However the tests end, no process of theirs is left.
ENDS_WITH_US = ["setpriv", "--pdeathsig", "TERM"]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

CONFIGURATION = """\
[DEFAULT]
transport_url = {BROKER_URL}
state_path = {state}

[api]
host = 127.0.0.1
port = {CONTAINER_INFRA_PORT}

[database]
connection = {DATABASE_URL}

[magnum_rs]
secret_key_file = {state}/secret.key
allow_insecure_kubernetes = true
status_poll_interval = 5

[keystone_authtoken]
www_authenticate_uri = {AUTH_URL}
auth_url = {AUTH_URL}
username = {SERVICE_USER}
password = {SERVICE_PASSWORD}
project_name = {SERVICE_PROJECT}
user_domain_name = Default
project_domain_name = Default

[trust]
trustee_domain_name = {TRUSTEE_DOMAIN}
trustee_domain_admin_name = {TRUSTEE_DOMAIN_ADMIN}
trustee_domain_admin_password = {TRUSTEE_DOMAIN_ADMIN_PASSWORD}
cluster_user_trust = true

[cluster]
# Octavia's only worker has several of them to delete at a time here.
pre_delete_lb_timeout = 600

[cinder]
default_docker_volume_type = {docker_volume_type}
"""
CLIENTS = ["barbican", "cinder", "glance", "heat", "magnum", "neutron", "nova", "octavia"]


class Service:
    """Both processes, their configuration and logs in one folder."""

    def __init__(self, program, folder, cloud, docker_volume_type):
        self.program = str(program)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.url = f"http://127.0.0.1:{cloud['CONTAINER_INFRA_PORT']}"
        self.processes = {}
        self.configuration = self.folder / "magnum.conf"
        text = CONFIGURATION.format(state=self.folder, docker_volume_type=docker_volume_type, **cloud)
        text += "".join(f"\n[{client}_client]\nregion_name = {cloud['REGION']}\n" for client in CLIENTS)
        self.configuration.touch(mode=0o600)
        self.configuration.write_text(text)

    def command(self, *words):
        return [self.program, "--config-file", str(self.configuration), *words]

    def environment(self):
        own = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        overrides = os.environ.get("MAGNUM_CLOUD_OVERRIDES", "").split()
        return own | dict(word.split("=", 1) for word in overrides)

    def run(self, *words, **variables):
        """A command that must succeed, such as `migrate`."""
        done = subprocess.run(
            self.command(*words), env=self.environment() | variables, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"magnum {' '.join(words)}: {done.stderr[-3000:]}"
        return done.stdout

    def bootstrap(self, administrator):
        """Makes tables and whatever else of the service's part is missing, as an operator does."""
        self.run("bootstrap", "--url", f"{self.url}/v1", **administrator)
        said = self.run("bootstrap", "--url", f"{self.url}/v1", "--dry-run", **administrator)
        assert "Everything is as it should be" in said, said

    def start(self, *names):
        """Starts both processes, or those that are named."""
        for name in names or ("api", "conductor"):
            with open(self.folder / f"{name}.log", "ab") as log:
                self.processes[name] = subprocess.Popen(
                    [*ENDS_WITH_US, *self.command(name)], env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )
        self._wait_ready()

    def _wait_ready(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            for name, process in self.processes.items():
                assert process.poll() is None, f"magnum {name} ended with {process.returncode}:\n{self.log(name)}"
            try:
                with OPENER.open(f"{self.url}/healthcheck", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                pass
            time.sleep(0.2)
        raise AssertionError(f"{self.url}/healthcheck: not ready after {READY_SECONDS} s\n{self.log('api')}")

    def kill(self, name):
        """Ends one process without any warning."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def pause(self, name):
        self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name):
        self.processes[name].send_signal(signal.SIGCONT)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")[-6000:]

    def stop(self):
        """Stops both as an init system does; returns the exit statuses by name."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        ended = {}
        for name, process in self.processes.items():
            try:
                ended[name] = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                ended[name] = f"killed, because it did not stop within {STOP_SECONDS} s of SIGTERM"
        self.processes = {}
        return ended
