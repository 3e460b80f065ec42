"""The unmodified `openstack` and `magnum` commands, run as a person runs them."""

import json
import re
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

CALL_SECONDS = 120
CLUSTER_SECONDS = 180


class Refused(AssertionError):
    """The command ended with an error; the text is what it printed."""


def properties(printed):
    """Property to value of the table that a command prints of one thing."""
    return dict(re.findall(r"^\| (\w+)\s+\| (.*?)\s+\|$", printed, re.MULTILINE))


def grid(printed):
    """The rows below the headings of a table that a command prints of many things."""
    lines = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in printed.splitlines() if line.startswith("|")]
    return lines[1:]


class Cli:
    """`openstack` of one virtual environment with the variables of one user.

    `watch` gives, for the name of a program, the context in which each of its commands is run.
    """

    def __init__(self, bin_folder, variables, home, watch=lambda program: nullcontext()):
        self.watch = watch
        self.bin_folder = Path(bin_folder)
        self.home = str(home)
        self.env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": self.home, "LANG": "C.UTF-8", "SHELL": "/bin/bash"}
        self.env |= variables

    def run(self, *words, program="openstack"):
        """The completed process, whatever its exit status is."""
        command = [str(self.bin_folder / program), *map(str, words)]
        with self.watch(program):
            return subprocess.run(
                command, env=self.env, cwd=self.home, capture_output=True, text=True, timeout=CALL_SECONDS, check=False
            )

    def text(self, *words, program="openstack"):
        """What a command that must succeed prints."""
        done = self.run(*words, program=program)
        if done.returncode != 0:
            raise Refused(f"{program} {' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def json(self, *words):
        return json.loads(self.text(*words, "-f", "json"))

    def coe(self, *words):
        return self.text("coe", *words)

    def refusal(self, *words):
        """What a `coe` command that must fail tells the user."""
        done = self.run("coe", *words)
        assert done.returncode != 0, f"openstack coe {' '.join(map(str, words))} succeeded: {done.stdout}"
        return done.stderr.strip()

    def clusters(self):
        """Name to row of `cluster list`."""
        return {row["name"]: row for row in self.json("coe", "cluster", "list")}

    def wait(self, cluster, status):
        """Polls `cluster show` until it has this status and returns what it shows."""
        end = time.monotonic() + CLUSTER_SECONDS
        while time.monotonic() < end:
            shown = self.json("coe", "cluster", "show", cluster)
            if shown["status"] == status:
                return shown
            assert not shown["status"].endswith("_FAILED"), f"{shown['status']}: {shown['status_reason']}"
            time.sleep(0.5)
        raise AssertionError(f"{cluster} is {shown['status']} and not {status} after {CLUSTER_SECONDS} s")

    def wait_gone(self, cluster):
        """Polls `cluster show` until it answers 404."""
        end = time.monotonic() + CLUSTER_SECONDS
        while time.monotonic() < end:
            done = self.run("coe", "cluster", "show", cluster, "-f", "json")
            if done.returncode != 0:
                assert "HTTP 404" in done.stderr, done.stderr
                return
            shown = json.loads(done.stdout)
            assert shown["status"] != "DELETE_FAILED", shown["status_reason"]
            time.sleep(0.5)
        raise AssertionError(f"{cluster} still exists after {CLUSTER_SECONDS} s")
