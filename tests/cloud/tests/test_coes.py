"""Every driver with and without load balancer, floating IPs and docker volumes: made, resized both ways, deleted.

All eight combinations of each are the matrix. Every run has two clusters for each driver that has no stories elsewhere,
one with what the other has not, and no two drivers in the same way: so each driver sees both values of each switch, and
all eight combinations are there.
"""

import itertools
import json
import subprocess
import time
from dataclasses import dataclass

import pytest
import yaml
from spoiled import every_wrong_value_is_found

GIGABYTES = 3
LIST_SECONDS = 60


@dataclass
class Kind:
    """What a driver's clusters look like."""

    coe: str
    image: str
    worker: str
    # Ports of every master behind a load balancer.
    ports: list
    api: str
    words: tuple = ()
    masters_have_volumes: bool = True


KINDS = {
    "atomic": Kind("kubernetes", "fedora-atomic-latest", "minion", [6443], "https://{}:6443", ("--network-driver", "flannel")),
    "legacy": Kind("swarm", "fedora-atomic-latest", "node", [2376], "tcp://{}:2376", ("--network-driver", "docker")),
    "mode": Kind("swarm-mode", "fedora-atomic-latest", "node", [2375, 2377], "tcp://{}:2375", ("--docker-storage-driver", "overlay2")),
    "mesos": Kind("mesos", "ubuntu-mesos", "slave", [8080], "{}", ("--tls-disabled",), masters_have_volumes=False),
    "coreos": Kind("kubernetes", "fedora-coreos-latest", "minion", [6443], "https://{}:6443", ("--network-driver", "calico")),
}
SWITCHES = ("lb", "ips", "volumes")
USUAL = {
    ("legacy", "lb-ips"), ("mode", "lb-volumes"), ("mesos", "lb-ips-volumes"), ("coreos", "lb"),
    ("legacy", "volumes"), ("mode", "ips"), ("mesos", "bare"), ("coreos", "ips-volumes"),
}

# Those on a network that is there before and after; all others make their own.
GIVEN = {("legacy", "volumes"), ("mode", "ips"), ("mesos", "bare"), ("coreos", "ips-volumes")}


def cases():
    for name, *values in itertools.product(KINDS, *[[True, False]] * len(SWITCHES)):
        combination = "-".join(itertools.compress(SWITCHES, values)) or "bare"
        marks = () if (name, combination) in USUAL else pytest.mark.matrix
        yield pytest.param(name, combination, id=f"{name}-{combination}", marks=marks)


@pytest.fixture
def make(tell, cloud):
    """Begins a cluster of a kind, one worker, with some of the switches on."""

    def begin(name, combination, masters):
        kind, switches = KINDS[name], combination.split("-")
        words = [*kind.words]
        words += ["--master-lb-enabled"] if "lb" in switches else []
        words += [] if "ips" in switches else ["--floating-ip-disabled"]
        words += ["--docker-volume-size", str(GIGABYTES)] if "volumes" in switches else []
        words += ["--fixed-network", "demo-net", "--fixed-subnet", "demo-net-subnet"] if (name, combination) in GIVEN else []
        story = tell(f"{name}{masters}-{combination}")
        story.make_template(cloud, *words, coe=kind.coe, image=kind.image)
        story.create("--node-count", "1", "--master-count", str(masters))
        return story

    return begin


@pytest.mark.parametrize(("name", "combination"), list(cases()))
def test_coe(make, cloud, view, demo, cli, tmp_path, docker_volume_type, name, combination):
    """Three masters behind a load balancer, so that they have to find each other."""
    kind, switches = KINDS[name], combination.split("-")
    masters = 3 if "lb" in switches else 1
    story = make(name, combination, masters)
    row = story.complete()
    servers = story.servers()
    expected = {f"{story.stack}-master-{index}" for index in range(masters)} | {f"{story.stack}-{kind.worker}-0"}
    assert set(servers) == expected
    check_network(view, cloud, servers, (name, combination) in GIVEN)
    check_addresses(view, demo, story, row, kind, switches)
    check_volumes(demo, servers, kind, switches, docker_volume_type)
    check_outputs(demo, row)
    opens(story, kind, cli, tmp_path)
    if masters == 1 and (name, combination) in USUAL:
        every_wrong_value_is_found(story, view, kind.worker)
    scale(view, demo, story, cli, kind, switches)
    story.delete()
    assert demo.network.get_subnet(cloud["DEMO_SUBNET_ID"])


@pytest.mark.matrix
@pytest.mark.parametrize("name", KINDS)
def test_five_masters(make, view, demo, cli, tmp_path, name):
    kind = KINDS[name]
    story = make(name, "lb", 5)
    row = story.complete()
    check_addresses(view, demo, story, row, kind, ["lb"])
    opens(story, kind, cli, tmp_path)
    story.delete()


def address(view, server, floating):
    [port] = view.ports(device_id=server.id)
    found = view.floating_address(port["id"])
    assert bool(found) == floating, f"{server.name} has the floating IP {found!r}"
    return found if floating else port["fixed_ips"][0]["ip_address"]


def check_network(view, cloud, servers, given):
    for server in servers.values():
        [port] = view.ports(device_id=server.id)
        assert ([ip["subnet_id"] for ip in port["fixed_ips"]] == [cloud["DEMO_SUBNET_ID"]]) == given, server.name


def check_addresses(view, demo, story, row, kind, switches):
    """Those of all nodes as they are in Neutron, and the API's: the load balancer's where there is one."""
    floating = "ips" in switches
    servers = sorted(story.servers().items())
    masters = [address(view, server, floating) for name, server in servers if "-master-" in name]
    assert row["master_addresses"] == masters
    workers = {address(view, server, floating) for name, server in servers if "-master-" not in name}
    assert set(row["node_addresses"]) == workers and len(row["node_addresses"]) == len(workers)
    balancers = [one for one in demo.load_balancer.load_balancers() if one.name.startswith(story.stack)]
    assert len(balancers) == ("lb" in switches)
    api = masters[0]
    for balancer in balancers:
        ips = [ip.floating_ip_address for ip in demo.network.ips(port_id=balancer.vip_port_id)]
        assert len(ips) == floating
        api = ips[0] if ips else balancer.vip_address
        check_balancer(view, demo, balancer, servers, kind)
    assert row["api_address"] == kind.api.format(api)


def check_balancer(view, demo, balancer, servers, kind):
    assert balancer.provisioning_status == "ACTIVE"
    ports = [one.protocol_port for one in demo.load_balancer.listeners(load_balancer_id=balancer.id)]
    assert sorted(ports) == kind.ports
    private = [view.ports(device_id=server.id)[0]["fixed_ips"][0]["ip_address"] for name, server in servers if "-master-" in name]
    assert view.members(balancer.id) == {(one, port) for one in private for port in kind.ports}


def check_volumes(demo, servers, kind, switches, volume_type):
    for name, server in servers.items():
        wanted = "volumes" in switches and (kind.masters_have_volumes or "-master-" not in name)
        assert len(server.attached_volumes) == wanted, name
        for attached in server.attached_volumes:
            volume = demo.block_storage.get_volume(attached["id"])
            assert (volume.size, volume.status, volume.volume_type) == (GIGABYTES, "in-use", volume_type), name


def check_outputs(demo, row):
    """What everybody in the project can read has no token and no password."""
    stack = demo.orchestration.get_stack(row["stack_id"])
    text = json.dumps(stack.outputs)
    assert "SWMTKN" not in text and "PRIVATE KEY" not in text and "password" not in text.lower()


def ask(record, url, *words):
    """The address is the user's; only the way there is ours."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "60",
         "--connect-to", f"::{record['api']}", *words, url], capture_output=True, text=True, check=False,
    )
    return done.stdout if done.returncode == 0 else None


def opens(story, kind, cli, folder):
    """With what `coe cluster config` gives, the cluster shows all its nodes; without a certificate it shows nothing."""
    record, row = story.record("master", 0), story.ask()
    if kind.coe == "mesos":
        assert ask(record, f"http://{row['api_address']}:8080/ping") == "pong\n"
        return
    said = cli.coe("cluster", "config", story.name, "--dir", folder, "--output-certs", "--force")
    server = row["api_address"].replace("tcp://", "https://")
    files = ["--cacert", folder / "ca.pem", "--cert", folder / "cert.pem", "--key", folder / "key.pem"]
    names = set(story.servers())
    if kind.coe == "kubernetes":
        assert yaml.safe_load((folder / "config").read_text())["clusters"][0]["cluster"]["server"] == server
        nodes = json.loads(ask(record, f"{server}/api/v1/nodes", *files))["items"]
        assert {node["metadata"]["name"] for node in nodes} == names
    else:
        assert f"DOCKER_HOST={row['api_address']}" in said and "DOCKER_TLS_VERIFY=True" in said
        if kind.coe == "swarm-mode":
            nodes = json.loads(ask(record, f"{server}/nodes", *files))
            there = {node["Description"]["Hostname"] for node in nodes if node["Status"]["State"] == "ready"}
            assert there == names
        else:
            listed(record, server, files, row["node_count"])
    assert ask(record, f"{server}/api/v1/nodes", "--cacert", folder / "ca.pem") is None


def listed(record, server, files, wanted):
    """A worker's agent puts it on the list in its own time."""
    end = time.monotonic() + LIST_SECONDS
    while True:
        status = dict(pair for pair in json.loads(ask(record, f"{server}/info", *files))["SystemStatus"])
        if status["Nodes"] == str(wanted) or time.monotonic() > end:
            break
        time.sleep(1)
    assert status["Nodes"] == str(wanted), status


def scale(view, demo, story, cli, kind, switches):
    """Out to two, then in to one by naming the elder, which goes, and not the other."""
    before = story.servers()
    cli.coe("cluster", "update", story.name, "--node-count", "2")
    check_addresses(view, demo, story, story.complete("UPDATE"), kind, switches)
    grown = story.servers()
    assert set(grown) - set(before) == {f"{story.stack}-{kind.worker}-1"}
    assert all(grown[name].id == server.id for name, server in before.items()), "the others stayed"
    elder = grown[f"{story.stack}-{kind.worker}-0"]
    cli.coe("cluster", "resize", story.name, "1", "--nodes-to-remove", elder.id)
    row = story.complete("UPDATE")
    assert {server.id for server in grown.values()} - {server.id for server in story.servers().values()} == {elder.id}
    check_addresses(view, demo, story, row, kind, switches)
    assert demo.orchestration.get_stack(row["stack_id"]).status == "UPDATE_COMPLETE"
