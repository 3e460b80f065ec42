"""Starts and stops a unit's program, for stand-ins of systemctl that are Python. Lies beside them on the machine."""

import os
import signal
import subprocess
import time
from pathlib import Path


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stop(unit):
    path = Path(f"/run/{unit}.pid")
    if not path.exists():
        return
    pid = int(path.read_text())
    if running(pid):
        os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        if not running(pid):
            break
        time.sleep(0.1)
    path.unlink()


def start(unit, words):
    """Output goes to a log of the unit's name."""
    with open(f"/var/log/{unit}.log", "ab") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    Path(f"/run/{unit}.pid").write_text(str(process.pid))


def sleep(seconds):
    """A node waits longer than a test may."""
    time.sleep(min(float(seconds), 2))


def hostnamectl(_, name):
    Path("/etc/hostname").write_text(name + "\n")
    subprocess.run(["hostname", name], check=True)
