#!/usr/bin/python3 -SE
"""Stand-ins for what only a real machine of Fedora Atomic has, each called under the name of its command.

Promises: a start of the unit etcd starts the real etcd as its image does, which Atomic would have installed: as root with
the few capabilities the image asks for, on the folder of that name in /var/lib/etcd, by a shell that reads
/etc/etcd/etcd.conf, so that of the variables in there only those reach etcd that the image's environment has too, or that
are exported. No other argument is given, but for the API of version 2, which the image's etcd serves unasked.
flannel, the swarm's agent and its manager read and write in etcd what the real ones do, with the certificates and at the
addresses they are given; docker and Kubernetes are noted and not started, but for an API server that answers as long as
etcd does. What was enabled is started again by `systemctl default`, which stands for a boot at its worst: what /etc/fstab
names is mounted last of all, but for what a unit requires.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from units import start, stop

NAME = Path(sys.argv[0]).name
WORDS = sys.argv[1:]
UNITS = Path("/etc/systemd/system")
ENABLED = UNITS / "enabled"
VOLUMES = Path("/volumes")
DATA = "/var/lib/etcd/etcd.etcd"
CAPABILITIES = "-all,+dac_read_search,+audit_write,+kill,+net_bind_service"
# Which of etcd's variables the image has in its environment, all of them empty.
VARIABLES = """
ADVERTISE_CLIENT_URLS CERT_FILE CLIENT_CERT_AUTH DATA_DIR DISCOVERY DISCOVERY_PROXY INITIAL_ADVERTISE_PEER_URLS
INITIAL_CLUSTER INITIAL_CLUSTER_STATE INITIAL_CLUSTER_TOKEN KEY_FILE LISTEN_CLIENT_URLS LISTEN_PEER_URLS NAME
PEER_CERT_FILE PEER_CLIENT_CERT_AUTH PEER_KEY_FILE PEER_TRUSTED_CA_FILE TRUSTED_CA_FILE
""".split()
ETCD = [
    "unshare", "--mount", "sh", "-c", f'/usr/bin/mount --bind {DATA} /var/lib/etcd && exec "$@"', "etcd", "setpriv",
    f"--bounding-set={CAPABILITIES}", "env", "-i", f"PATH={os.environ['PATH']}", "ETCD_ENABLE_V2=true",
    *(f"ETCD_{name}=" for name in VARIABLES), "bash", "-c", "source /etc/etcd/etcd.conf; exec /usr/bin/etcd",
]
SWARM_NODES = "docker/swarm/nodes"


def settings(path):
    lines = (line.partition("=") for line in Path(path).read_text().splitlines())
    return {name: value.strip('"') for name, _, value in lines}


def ask(options, url, *words):
    """What etcd answers at that address; None when it does not, or refuses."""
    limits = ["--silent", "--show-error", "--fail", "--max-time", "10", "--noproxy", "*"]
    done = subprocess.run(["/usr/bin/curl", *limits, *options, *words, url], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def ask_any(options, urls, *words):
    """The first answer, waited for."""
    for _ in range(60):
        for url in urls:
            answer = ask(options, url, *words)
            if answer is not None:
                return answer
        time.sleep(0.5)
    sys.exit(f"{NAME}: none of {urls} answers")


def flanneld():
    said = settings("/etc/sysconfig/flanneld")
    words = shlex.split(said["FLANNEL_OPTIONS"])
    options = []
    for flag, option in [("-etcd-cafile", "--cacert"), ("-etcd-certfile", "--cert"), ("-etcd-keyfile", "--key")]:
        if flag in words:
            options += [option, words[words.index(flag) + 1]]
    key = f"/v2/keys{said['FLANNEL_ETCD_PREFIX']}/config"
    found = ask_any(options, [endpoint + key for endpoint in said["FLANNEL_ETCD_ENDPOINTS"].split(",")])
    Path("/run/flannel").mkdir(exist_ok=True)
    Path("/run/flannel/settings").write_text(found)
    Path("/run/flannel/subnet.env").write_text("FLANNEL_SUBNET=10.100.7.1/24\nFLANNEL_MTU=1430\n")


def in_container(unit):
    """What the unit gives to the program in its container, and to docker for it."""
    text = (UNITS / f"{unit}.service").read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(line)
    at = next(at for at, word in enumerate(words) if word.rpartition("/")[2].startswith("swarm:"))
    return words[at + 1:], words[:at]


def swarm_list(words):
    """Options for curl, and where each member of etcd keeps the swarm's list, as the program is told."""
    options = []
    for name, option in [("cacertfile", "--cacert"), ("certfile", "--cert"), ("keyfile", "--key")]:
        given = f"--discovery-opt=kv.{name}="
        options += [option, next(word for word in words if word.startswith(given)).removeprefix(given)]
    members, _, prefix = words[-1].removeprefix("etcd://").partition("/")
    return options, [f"https://{member}/v2/keys/{prefix}/{SWARM_NODES}" for member in members.split(",")]


def swarm_agent():
    words, _ = in_container("swarm-agent")
    options, urls = swarm_list(words)
    own = next(word for word in words if word.startswith("--advertise=")).removeprefix("--advertise=")
    ask_any(options, [f"{url}/{own}" for url in urls], "--request", "PUT", "--data-urlencode", f"value={own}")


def serve_swarm():
    """The manager: it lets in whom it knows, and is well while it can ask etcd."""
    # Here, because this program is called too often to import each time what only its servers need.
    from server import serve, tls

    words, docker = in_container("swarm-manager")
    options, urls = swarm_list(words)
    flags = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--tls") and "=" in word)
    well = [url.partition("/v2/")[0] + "/health" for url in urls]

    def answer(handler):
        if handler.path != "/_ping":
            return 404, ""
        return (200, "OK") if any(ask(options, url) for url in well) else (503, "no etcd")

    port = int(docker[docker.index("-p") + 1].partition(":")[0])
    serve(("", port), answer, tls(flags["tlscert"], flags["tlskey"], flags["tlscacert"], required=True))


def serve_api():
    """The API server: for anybody on loopback, elsewhere for those with a certificate."""
    import threading

    from server import kubernetes, serve, tls

    words = shlex.split(" ".join(settings("/etc/kubernetes/apiserver").values()))
    flags = dict(word.removeprefix("--").split("=", 1) for word in words)

    def healthy(_):
        return (500, "etcd failed") if ask([], flags["etcd-servers"] + "/health") is None else (200, "ok")

    place = (flags["insecure-bind-address"], int(flags["insecure-port"]))
    threading.Thread(target=serve, args=(place, healthy), daemon=True).start()
    context = tls(flags["tls-cert-file"], flags["tls-private-key-file"], flags["client-ca-file"])
    serve((flags["bind-address"], int(flags["secure-port"])), kubernetes({}), context)


SERVERS = {"kube-apiserver": serve_api, "swarm-manager": serve_swarm}
TASKS = {"flanneld": flanneld, "swarm-agent": swarm_agent,
         "flannel-docker": lambda: subprocess.run(["/usr/local/bin/flannel-docker"], check=True)}


def begin(unit):
    stop(unit)
    if unit == "etcd":
        start(unit, ETCD)
    elif unit in SERVERS:
        start(unit, [sys.executable, __file__, "serve", unit])
    elif unit in TASKS:
        TASKS[unit]()


def enabled():
    return ENABLED.read_text().split() if ENABLED.exists() else []


def boot():
    make_data()
    for unit in enabled():
        for file in sorted(UNITS.glob(f"{unit}.service.d/*.conf")):
            lines = file.read_text().splitlines()
            mount_all(line.partition("=")[2] for line in lines if line.startswith("RequiresMountsFor="))
        begin(unit)
    mount_all(line.split()[1] for line in Path("/etc/fstab").read_text().splitlines())


def systemctl(action, *units):
    if action == "default":
        boot()
    for unit in units:
        file = unit if "." in unit else f"{unit}.service"
        if unit not in ("docker", "docker-storage-setup") and not (UNITS / file).exists():
            sys.exit(f"Unit {file} not found.")
        if action == "enable" and unit not in enabled():
            ENABLED.write_text("\n".join([*enabled(), unit]))
        elif action == "stop":
            stop(unit)
        elif action == "restart":
            begin(unit)


def make_data():
    """The image of etcd says so, to Atomic and to every boot."""
    if (UNITS / "etcd.service").exists():
        Path(DATA).mkdir(mode=0o700, parents=True, exist_ok=True)


def atomic(action, *words):
    if action != "install":
        sys.exit(f"atomic {action} is unknown here")
    name = words[words.index("--name") + 1]
    (UNITS / f"{name}.service").write_text(f"[Service]\nExecStart=/bin/runc run {name}\n")
    make_data()
    if name == "kubelet":
        # Its image brings the program.
        Path("/usr/local/bin/kubectl").symlink_to(Path(__file__).name)


def kubectl(*words):
    if "apply" in words and ask([], words[words.index("--server") + 1] + "/healthz") is None:
        sys.exit("the API server does not answer")


def curl(*words):
    """The real one, but for the metadata service, which knows nothing but that it is there."""
    url = next((word for word in words if word.startswith("http")), "")
    if url.startswith("http://169.254.169.254/openstack/"):
        print("{}")
    elif url.startswith("http://169.254.169.254/"):
        sys.exit(22)
    else:
        os.execv("/usr/bin/curl", ["curl", *words])


def mkfs(*words):
    (VOLUMES / Path(words[-1]).name).mkdir(parents=True)


def blkid(*words):
    name = Path(words[-1]).name
    if not (VOLUMES / name).exists():
        sys.exit(2)
    print(name if "UUID" in words else "xfs")


def mount(folder):
    """What /etc/fstab says of the folder: a volume is a folder that outlives the machine."""
    rows = (line.split() for line in Path("/etc/fstab").read_text().splitlines())
    source = next(row[0] for row in rows if row[1] == folder)
    subprocess.run(["/usr/bin/mount", "--bind", str(VOLUMES / source.removeprefix("UUID=")), folder], check=True)


def mount_all(folders):
    for folder in folders:
        if subprocess.run(["mountpoint", "-q", folder], check=False).returncode != 0:
            mount(folder)


HERE = {"systemctl": systemctl, "atomic": atomic, "kubectl": kubectl, "curl": curl, "mkfs.xfs": mkfs, "blkid": blkid,
        "mount": mount}
if WORDS[:1] == ["serve"]:
    SERVERS[WORDS[1]]()
else:
    # The others have nothing to do.
    HERE.get(NAME, lambda *_: None)(*WORDS)
