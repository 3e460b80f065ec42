"""Which client has sent which request in which version, and whether the test that did it passed: docs/COMPATIBILITY.md.

The service's own log says what was asked. With UPDATE=1 the page is written anew after a run of every client's tests.
"""

import json
import os
import re
from collections import defaultdict
from pathlib import Path

from service import Service

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "COMPATIBILITY.md"
ANSWERED = re.compile(
    r'http\.method=(?P<method>[A-Z]+) http\.path="(?P<path>[^"]*)" http\.user_agent="(?P<agent>[^"]+)" '
    r'.*?api\.version=(?P<version>1\.\d+)\b.*answered http\.status=(?P<status>\d+)'
)
HEAD = """# Which client was seen to work

Written by the tests of the real clients (`UPDATE=1 make clients`) from what they sent. A cell has the versions in which the client
sent the request, each with the statuses it got; the tests that sent it passed unless it says otherwise. `-`: its tests do not send
it. What every request answers to everybody in all fourteen versions is in [the matrix](../api/tests/matrix).

"""


def pinned(requirements, package):
    for line in (Path(__file__).parent / f"requirements-{requirements}.txt").read_text().splitlines():
        if line.startswith(f"{package}=="):
            return line.replace("==", " ")
    raise AssertionError(f"{package} is not pinned in {requirements}")


def client_of(file):
    """The client that a file of tests drives."""
    match Path(file).stem:
        case "test_cli_queens":
            return pinned("queens", "python-magnumclient")
        case "test_sdk":
            return pinned("current", "openstacksdk")
        case "test_gophercloud":
            return "gophercloud of Debian 12"
        case name if name.startswith("test_cli_"):
            return pinned("current", "python-magnumclient")
    return None


class Record:
    """What was sent while each test ran."""

    def __init__(self):
        # (method, path as in the document) -> client -> version -> statuses, and the tests that failed
        self.seen = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: (set(), set()))))
        paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
        # Those without parameters first: "detail" is no name.
        self.routes = [
            (re.compile(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(path))), path)
            for path in sorted(paths, key=lambda path: path.count("{"))
        ]

    def positions(self):
        return {log: log.stat().st_size for log in Service.logs if log.exists()}

    def add(self, before, client, test, failed):
        for log in self.positions():
            with open(log, "rb") as lines:
                lines.seek(before.get(log, 0))
                for match in ANSWERED.finditer(lines.read().decode(errors="replace")):
                    self._add(match, client, test, failed)

    def _add(self, match, client, test, failed):
        route = next((path for pattern, path in self.routes if pattern.fullmatch(match["path"])), None)
        if route is None:
            return
        statuses, failures = self.seen[(route, match["method"])][client][match["version"]]
        statuses.add(match["status"])
        if failed:
            failures.add(test)

    def write(self):
        """Writes the page, if every client was there."""
        every = sorted({client for file in Path(__file__).parent.glob("test_*.py") if (client := client_of(file.name))})
        there = {client for clients in self.seen.values() for client in clients}
        if os.environ.get("UPDATE") == "1" and there == set(every):
            PAGE.write_text(HEAD + self.table(every))

    def table(self, clients):
        lines = ["| request | " + " | ".join(clients) + " |", "|---" * (len(clients) + 1) + "|"]
        for (path, method), found in sorted(self.seen.items()):
            cells = [self.cell(found[client]) if client in found else "-" for client in clients]
            lines.append(f"| {method} {path} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    @staticmethod
    def cell(versions):
        parts = []
        for version in sorted(versions, key=lambda version: int(version.split(".")[1])):
            statuses, failures = versions[version]
            failed = f", **failed in {', '.join(sorted(failures))}**" if failures else ""
            parts.append(f"{version}: {' '.join(sorted(statuses))}{failed}")
        return "; ".join(parts)
