"""The service under test: one `magnum all --devcloud` on a free port, and what it prints for its users."""

import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import ClassVar

READY_SECONDS = 60
STOP_SECONDS = 30
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    """Status and body text of a GET without proxies."""
    try:
        with OPENER.open(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Service:
    """A running service. `user` and `admin` are the OS_ variables that it printed for each."""

    #: Logs of the services of this run, in which stands what was asked of them.
    logs: ClassVar[list[Path]] = []

    def __init__(self, folder, command=None, listen=None):
        port = free_port()
        self.url = listen or f"http://127.0.0.1:{port}"
        self.log_path = Path(folder) / "service.log"
        self.logs.append(self.log_path)
        state = tempfile.mkdtemp(prefix="state-", dir=folder)
        default = [os.environ["MAGNUM_BIN"], "all", "--devcloud", "--listen", f"127.0.0.1:{port}", "--state-dir", state]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self.printed = []
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command or default, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
                env=environment, start_new_session=True,
            )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def _read(self):
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))

    def _wait_ready(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.log()}")
            try:
                status, _ = get(f"{self.url}/healthcheck")
            except OSError:
                status = None
            if status == 200 and self._variables(""):
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.url}/healthcheck: not ready after {READY_SECONDS} s\n{self.log()}")

    def _variables(self, prefix):
        pattern = re.compile(rf"^{prefix}export ([A-Z_]+)=(.*)$")
        found = (pattern.match(line) for line in list(self.printed))
        return {match[1]: "".join(shlex.split(match[2])) for match in found if match}

    @property
    def user(self):
        """What a user pastes: the `export` lines."""
        return self._variables("")

    @property
    def admin(self):
        """What an administrator pastes over it: the `export` lines that are commented out."""
        return self.user | self._variables(r"#\s*")

    def log(self):
        return self.log_path.read_text(errors="replace")[-6000:]

    def stop(self):
        """Stops it as an init system does and returns the exit status; negative is the signal that ended it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"the service did not stop within {STOP_SECONDS} s of SIGTERM") from None
        finally:
            self.reader.join(5)
            self.process.stdout.close()
