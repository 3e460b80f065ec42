"""Which client has sent which request in which version, and whether the test that did it passed: docs/COMPATIBILITY.md.

The service's own log says what was asked. After a run of every client's tests the page is compared with what they sent, and
with UPDATE=1 written anew.
"""

import json
import re
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from service import Service

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "COMPATIBILITY.md"
ANSWERED = re.compile(
    r'http\.method=(?P<method>[A-Z]+) http\.path="(?P<path>[^"]*)" http\.user_agent="(?P<agent>[^"]+)"'
    r"(?:.*?api\.version=(?P<version>1\.\d+)\b)?.*answered http\.status=(?P<status>\d+)"
)
HEAD = """# Which client was seen to work

Written by the tests of the real clients (`UPDATE=1 make clients`) from what they sent, and compared with it in every run. A cell has
the versions in which the client sent the request, each with the statuses it got; the tests that sent it passed unless it says
otherwise. `none` is a version that is not served. A cell in italics says why the client does not send the request. What every
request answers to everybody in all fourteen versions is in [the matrix](../api/tests/matrix).

"""


def pinned(requirements, package):
    for line in (Path(__file__).parent / f"requirements-{requirements}.txt").read_text().splitlines():
        if line.startswith(f"{package}=="):
            return line.replace("==", " ")
    raise AssertionError(f"{package} is not pinned in {requirements}")


def command_of(program, requirements):
    """The client that a command of one of the virtual environments is."""
    return f"`{program}` of {pinned(requirements, 'python-magnumclient')}"


GOPHERCLOUD = "gophercloud of Debian 12"
SDK = pinned("current", "openstacksdk")
OPENSTACK = command_of("openstack", "current")
OLD_OPENSTACK = command_of("openstack", "queens")
MAGNUM = command_of("magnum", "queens")
CLIENTS = (OPENSTACK, OLD_OPENSTACK, MAGNUM, SDK, GOPHERCLOUD)
COMMANDS = (OPENSTACK, OLD_OPENSTACK, MAGNUM)
LIBRARIES = (SDK, GOPHERCLOUD)
#: Who sends what a test sends without a command.
OF_FILE = {"test_sdk.py": SDK, "test_gophercloud.py": GOPHERCLOUD}
#: Files that are not about what a client sends.
OTHERS = {"test_readme.py", "test_document.py"}

#: Why clients do not send the requests that match.
REASONS = [
    (CLIENTS, r"GET /(docs|healthcheck|openapi\.json)", "for browsers and monitors"),
    (CLIENTS, r"\w+ /v1/discovery/.*", "for the nodes of clusters"),
    (CLIENTS, r"\w+ /v1/federations.*", "no client has it"),
    (CLIENTS, r"GET /", "the catalogue leads to /v1"),
    ((*COMMANDS, GOPHERCLOUD), r"GET /v1", "asks without looking at versions"),
    ((OPENSTACK,), r"\w+ /v1/bay.*", "no longer has it"),
    ((OLD_OPENSTACK,), r"\w+ /v1/bay.*", "only its `magnum` has it"),
    (LIBRARIES, r"\w+ /v1/bay.*", "no call for it"),
    ((MAGNUM,), r"GET /v1/(bays|clusters)/detail", "no command for it"),
    ((OPENSTACK, OLD_OPENSTACK), r"GET /v1/(clusters|clustertemplates)/detail", "no command for it"),
    ((SDK,), r"GET /v1/(clusters|clustertemplates)/detail", "no call for it"),
    ((GOPHERCLOUD,), r"GET /v1/clustertemplates/detail", "no call for it"),
    ((OLD_OPENSTACK, MAGNUM), r"\w+ /v1/clusters/{ident}/(actions|nodegroups).*", "no command for it"),
    ((OLD_OPENSTACK, MAGNUM), r"PATCH /v1/credentials.*", "no command for it"),
    (LIBRARIES, r"PATCH /v1/credentials.*", "no call for it"),
    ((SDK,), r"\w+ /v1/clusters/{ident}/nodegroups.*", "no call for it"),
    ((SDK,), r"PATCH /v1/certificates/{ident}", "no call for it"),
    ((SDK,), r"\w+ /v1/(quotas|stats).*", "no call for it"),
    ((GOPHERCLOUD,), r"POST /v1/clusters/{ident}/actions/upgrade", "no call for it"),
    ((GOPHERCLOUD,), r"GET /v1/(mservices|stats|quotas)", "no call for it"),
    ((GOPHERCLOUD,), r"\w+ /v1/quotas/.*", "no call for it"),
]


def reason(client, request):
    return next((why for clients, pattern, why in REASONS if client in clients and re.fullmatch(pattern, request)), None)


class Sent(NamedTuple):
    """A request as in the document (`GET /v1/clusters/{ident}`) with the version it was in, and what came of it."""

    client: str
    request: str
    version: str
    status: str
    failed: str  #: the test that sent it and failed, or nothing


class Log:
    """Reads what has been asked of the services of this process since it was last read."""

    def __init__(self):
        self.positions = defaultdict(int)

    def read(self):
        for path in Service.logs:
            if path.exists():
                with open(path, "rb") as lines:
                    lines.seek(self.positions[path])
                    said = lines.read()
                    # The last line may still be written.
                    whole = said[: said.rfind(b"\n") + 1]
                self.positions[path] += len(whole)
                yield from ANSWERED.finditer(whole.decode(errors="replace"))


class Record:
    """What was sent while the tests ran, of all processes that run them."""

    def __init__(self):
        self.sent = set()
        self.unknown = set()
        self.log = Log()
        self.client = None
        self.during_test = set()
        document = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
        methods = ("delete", "get", "patch", "post", "put")
        self.requests = [f"{method.upper()} {path}" for path in document for method in document[path] if method in methods]
        self.requests.sort(key=lambda request: request.split()[::-1])
        # Those without parameters first: "detail" is no name.
        self.routes = [
            (re.compile(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(request))), request)
            for request in sorted(self.requests, key=lambda request: request.count("{"))
        ]

    def begin(self, file):
        """What came before the test, such as another file's fixtures that end, is nobody's."""
        self.client = OF_FILE.get(file)
        self.during_test = set()
        self._take(None)

    @contextmanager
    def sending(self, client):
        """Everything that is asked meanwhile is asked by this client."""
        self._take(self.client)
        yield
        self._take(client)

    def end(self, test, failed):
        self._take(self.client)
        self.sent |= {sent._replace(failed=test if failed else "") for sent in self.during_test}

    def _take(self, client):
        for asked in self.log.read():
            # The tests themselves ask whether the service is ready.
            if client is None or asked["agent"].startswith("Python-urllib"):
                continue
            path = asked["path"] if asked["path"] == "/" else asked["path"].removesuffix("/")
            line = f"{asked['method']} {path}"
            request = next((request for pattern, request in self.routes if pattern.fullmatch(line)), None)
            if request:
                self.during_test.add(Sent(client, request, asked["version"] or "none", asked["status"], ""))
            elif path.startswith("/v1"):
                self.unknown.add(f"{line} of {client} is not in docs/openapi.json")

    def plain(self):
        """As another process can be given it."""
        return {"sent": [list(sent) for sent in self.sent], "unknown": list(self.unknown)}

    def add(self, plain):
        self.sent |= {Sent(*sent) for sent in plain["sent"]}
        self.unknown |= set(plain["unknown"])

    def page(self):
        lines = ["| request | " + " | ".join(CLIENTS) + " |", "|---" * (len(CLIENTS) + 1) + "|"]
        for request in self.requests:
            cells = [self.cell(client, request) for client in CLIENTS]
            lines.append(f"| {request} | " + " | ".join(cells) + " |")
        return HEAD + "\n".join(lines) + "\n"

    def cell(self, client, request):
        """The versions with their statuses, or why there are none, or `-` where nobody knows why."""
        versions = defaultdict(set)
        failures = set()
        for sent in self.sent:
            if (sent.client, sent.request) == (client, request):
                versions[sent.version].add(sent.status)
                failures |= {sent.failed} - {""}
        if not versions:
            why = reason(client, request)
            return f"*{why}*" if why else "-"
        in_order = sorted(versions, key=lambda version: int(version.removeprefix("1.").replace("none", "0")))
        said = "; ".join(f"{version}: {' '.join(sorted(versions[version]))}" for version in in_order)
        return said + (f", **failed in {', '.join(sorted(failures))}**" if failures else "")

    def unexplained(self):
        """Cells without a request and without a reason, and those with both."""
        asked = {(sent.client, sent.request) for sent in self.sent}
        for client in CLIENTS:
            for request in self.requests:
                if (client, request) in asked and (why := reason(client, request)):
                    yield f"{client} sends {request}, though compatibility.py says: {why}"
                if (client, request) not in asked and not reason(client, request):
                    yield f"{client} no longer sends {request}, and compatibility.py does not say why"

    def differences(self, without):
        """What the page does not say as it is, clients `without` left out; in which status a request ends is not looked at."""
        yield from (said for said in self.unexplained() if not said.startswith(tuple(without)))
        written = PAGE.read_text()
        if not written.startswith(HEAD):
            yield "docs/COMPATIBILITY.md begins otherwise than compatibility.py says"
        there, now = cells(written), cells(self.page())
        for client, request in sorted(there.keys() | now.keys()):
            old, new = there.get((client, request)), now.get((client, request))
            if old != new and client not in without:
                yield f"{request} of {client}: docs/COMPATIBILITY.md has {old}, and seen was {new}"


def cells(page):
    """Client and request to what a page says of the two, without statuses."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    found = {}
    for row in rows[1:]:
        for client, cell in zip(rows[0][1:], row[1:], strict=True):
            found[(client, row[0])] = re.sub(r": [\d ]+", "", cell)
    return found
