"""The service with its simulated cloud, on a port and a folder it keeps when it is started again."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
READY_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(method, url, body=None, headers=None):
    """Status, headers and text of an answer, whatever the status."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | (headers or {}), method=method)
    try:
        with OPENER.open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


class Service:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.process = None
        self.start()

    def start(self):
        own = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        own["OS_CLUSTER__ETCD_DISCOVERY_SERVICE_ENDPOINT_FORMAT"] = "built-in"
        self.printed = []
        with open(self.folder / "service.log", "ab") as log:
            self.process = subprocess.Popen(
                [os.environ["MAGNUM_BIN"], "all", "--devcloud", "--listen", f"127.0.0.1:{self.port}", "--state-dir",
                 str(self.folder / "state")],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, env=own, start_new_session=True,
            )
        self.reader = threading.Thread(target=self.read, args=(self.process.stdout, self.printed), daemon=True)
        self.reader.start()
        end = time.monotonic() + READY_SECONDS
        while "OS_REGION_NAME" not in self.variables():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"the service does not start:\n{self.log()[-3000:]}")
            time.sleep(0.2)
        self.token = self.log_in()

    @staticmethod
    def read(pipe, lines):
        lines.extend(pipe)

    def variables(self):
        found = (re.match(r"export (OS_\w+)=(.*)", line) for line in list(self.printed))
        return {match[1]: "".join(shlex.split(match[2])) for match in found if match}

    def log(self):
        return (self.folder / "service.log").read_text()

    def log_in(self):
        words = {name.removeprefix("OS_").lower(): value for name, value in self.variables().items()}
        user = {"name": words["username"], "password": words["password"], "domain": {"name": words["user_domain_name"]}}
        scope = {"project": {"name": words["project_name"], "domain": {"name": words["project_domain_name"]}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        status, headers, text = ask("POST", f"{words['auth_url']}/auth/tokens", body)
        assert status == 201, text
        return headers["X-Subject-Token"]

    def call(self, method, path, body=None):
        headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": "container-infra latest"}
        status, _, text = ask(method, f"http://127.0.0.1:{self.port}/v1{path}", body, headers)
        assert status < 300, f"{method} {path}: {status} {text}"
        return json.loads(text) if text else None

    def create(self, name, masters):
        """The discovery URL of a new cluster."""
        self.call("POST", "/clusters", {"name": name, "cluster_template_id": "k8s", "master_count": masters,
                                        "node_count": 1})
        end = time.monotonic() + 60
        while (shown := self.call("GET", f"/clusters/{name}"))["status"] == "CREATE_IN_PROGRESS":
            assert time.monotonic() < end, shown
            time.sleep(0.5)
        assert shown["status"] == "CREATE_COMPLETE", shown["status_reason"]
        return shown["discovery_url"]

    def delete(self, name):
        self.call("DELETE", f"/clusters/{name}")
        end = time.monotonic() + 60
        while any(cluster["name"] == name for cluster in self.call("GET", "/clusters")["clusters"]):
            assert time.monotonic() < end, f"{name} is still there"
            time.sleep(0.5)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.end()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.end()

    def end(self):
        self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()
