#!/usr/bin/python3
"""Stand-ins for what only a real machine has, each called under the name of its command.

Promises: a restart of the unit etcd starts the real etcd with exactly the arguments that the unit gives to podman. One of
the unit kube-apiserver starts a server that takes certificates, authority, tokens and port from the unit's arguments,
serves nobody it does not know, and says whom it sees. Other units are noted and not started. curl is the real one, apart
from downloads; kubectl is the real one where it asks for a path, and has nothing else to do.
"""

import csv
import gzip
import hashlib
import io
import os
import shlex
import sys
import tarfile
from pathlib import Path

from server import kubernetes, serve, tls
from units import hostnamectl, sleep, start, stop

NAME = Path(sys.argv[0]).name
WORDS = sys.argv[1:]
UNITS = Path("/etc/systemd/system")
DOWNLOADS = ("https://dl.k8s.io/", "https://github.com/")
KUBECTL = "#!/bin/bash\n[[ $* != *--raw* ]] || exec /usr/bin/kubectl \"$@\"\n"


def arguments(unit):
    """What the unit gives to its program under podman."""
    text = (UNITS / f"{unit}.service").read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line.removeprefix("ExecStart="))]
    at = words.index(f"--entrypoint=/usr/local/bin/{unit}")
    return words[at + 2:]


PROGRAMS = {"etcd": ["/usr/bin/etcd"], "kube-apiserver": [sys.executable, __file__, "serve"]}


def serve_api(words):
    flags = dict(word.removeprefix("--").split("=", 1) for word in words)
    with open(flags["token-auth-file"], newline="") as lines:
        tokens = {token: (user, groups) for token, user, _, groups in csv.reader(lines)}
    context = tls(flags["tls-cert-file"], flags["tls-private-key-file"], flags["client-ca-file"])
    serve(("", int(flags["secure-port"])), kubernetes(tokens), context)


def systemctl(action, *units):
    for unit in units:
        file = unit if unit.endswith(".timer") else f"{unit}.service"
        if unit not in ("NetworkManager", "containerd") and not (UNITS / file).exists():
            sys.exit(f"Unit {file} not found.")
        if unit in PROGRAMS and action == "restart":
            stop(unit)
            start(unit, [*PROGRAMS[unit], *arguments(unit)])


def podman(action, *words):
    """The one program that is run in an image by hand is here too."""
    if action == "run":
        at = words.index("--entrypoint=/usr/local/bin/etcdctl")
        os.execvpe("etcdctl", ["etcdctl", *words[at + 2:]], {"PATH": os.environ["PATH"], "ETCDCTL_API": "3"})


def content(url):
    if url.endswith("/kubectl"):
        return KUBECTL.encode()
    if not url.endswith(".tgz"):
        return b"#!/bin/false\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        plug_in = tarfile.TarInfo("bridge")
        plug_in.mode = 0o755
        archive.addfile(plug_in)
    return gzip.compress(packed.getvalue(), mtime=0)


def curl(*words):
    url = next((word for word in words if word.startswith("http")), "")
    if url.startswith(DOWNLOADS) and url.endswith(".sha256"):
        print(hashlib.sha256(content(url.removesuffix(".sha256"))).hexdigest())
    elif url.startswith(DOWNLOADS):
        Path(words[words.index("--output") + 1]).write_bytes(content(url))
    else:
        os.execv("/usr/bin/curl", ["curl", *words])


HERE = {"systemctl": systemctl, "curl": curl, "sleep": sleep, "hostnamectl": hostnamectl, "podman": podman}
if WORDS[:1] == ["serve"]:
    serve_api(WORDS[1:])
else:
    # The others have nothing to do.
    HERE.get(NAME, lambda *_: None)(*WORDS)
