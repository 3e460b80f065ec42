#!/usr/bin/python3
"""Stand-ins for what only a real machine has, each called under the name of its command.

Promises: a restart of the unit zookeeper starts the real one as its package does. The units of Mesos and Marathon are
small servers that read the flags' files as the real ones do, and answer well only when the ensemble they are told to use
has a leader; docker is noted and not started.
"""

import http.server
import socket
import sys
from pathlib import Path

from units import hostnamectl, sleep, start, stop

NAME = Path(sys.argv[0]).name
WORDS = sys.argv[1:]
ZOOKEEPER = '. /etc/zookeeper/conf/environment && exec "$JAVA" -cp "$CLASSPATH" -Xmx64m "$ZOOMAIN" "$ZOOCFG"'
# Port, path and body of what each serves, and where it reads the address of the ensemble.
SERVERS = {
    "mesos-master": (5050, "/master/redirect", "", "/etc/mesos/zk"),
    "marathon": (8080, "/ping", "pong", "/etc/marathon/conf/zk"),
    "mesos-slave": (5051, "/metrics/snapshot", '{"slave/registered":1.0}', "/etc/mesos/zk"),
}


def has_leader(url):
    """Whether most members named by zk://HOST:PORT,.../PATH say that they serve."""
    places = url.strip().removeprefix("zk://").partition("/")[0].split(",")
    serving = 0
    for place in places:
        host, _, port = place.partition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=5) as connection:
                connection.sendall(b"srvr")
                serving += b"\nMode: " in connection.makefile("rb").read()
        except OSError:
            continue
    return serving * 2 > len(places)


def serve(unit):
    port, path, body, place = SERVERS[unit]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802 - the name that the library wants
            good = self.path == path and has_leader(Path(place).read_text())
            self.send_response(200 if good else 503)
            self.end_headers()
            self.wfile.write((body if good else "no leader").encode())

    http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()


def systemctl(action, *units):
    for unit in units:
        if unit not in ("zookeeper", "docker", *SERVERS):
            continue
        if action in ("restart", "stop", "disable"):
            stop(unit)
        if action == "restart" and unit != "docker":
            start(unit, ["sh", "-c", ZOOKEEPER] if unit == "zookeeper" else [sys.executable, __file__, "serve", unit])


if WORDS[:1] == ["serve"]:
    serve(WORDS[1])
else:
    # The others have nothing to do.
    {"systemctl": systemctl, "sleep": sleep, "hostnamectl": hostnamectl}.get(NAME, lambda *_: None)(*WORDS)
