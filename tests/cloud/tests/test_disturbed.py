"""What happens to clusters while parts of the cloud and of the service itself die. One disturbance at a time.

Whatever was accepted has its effect or ends with a reason that says what went wrong, and nothing is left behind. The
service keeps its keys in Barbican here, no volume type is configured, members of etcd find each other through its own
discovery, and its leases are short, so that a dead worker's operation is soon taken up.
"""

import contextlib
import os
import shlex
import subprocess
import time

import pytest
import requests
from executioner import Executioner
from tokens import is_over, password_token

# Not beside others: everything that runs at the same time is disturbed as well.
pytestmark = pytest.mark.disturbs

SMALL = ["--network-driver", "flannel", "--floating-ip-disabled"]
SERVICE_SECONDS = 240
OUTAGE_SECONDS = 60
TOKEN_SECONDS = 60


@pytest.fixture(scope="session")
def operate(cloud):
    """Ends, starts, stops or continues one service of the cloud."""

    def run(name, action, **variables):
        """Does one of these to a service."""
        words = [*shlex.split(cloud["SERVICE_COMMAND"]), name, action]
        done = subprocess.run(
            words, env=os.environ | variables, capture_output=True, text=True, timeout=SERVICE_SECONDS, check=False
        )
        assert done.returncode == 0, f"{name} {action}: {done.stderr}"

    return run


@pytest.fixture(scope="session")
def without(operate):
    """Kills a service; it is there again when the block ends, however that ends."""

    @contextlib.contextmanager
    def killed(name):
        operate(name, "kill")
        try:
            yield
        finally:
            operate(name, "start")

    return killed


class Parting:
    """Clusters that are deleted while the next one is made, and are gone before that one is disturbed."""

    def __init__(self):
        self.stories = []

    def begin(self, story):
        story.begin_delete()
        story.parting = True
        self.stories.append(story)

    def end(self):
        with contextlib.ExitStack() as ended:
            for story in self.stories:
                ended.callback(story.clean_up)
                ended.callback(story.end_delete)
            self.stories = []


@pytest.fixture(scope="module")
def parting():
    of_all = Parting()
    yield of_all
    of_all.end()


@pytest.fixture
def building(building, parting):
    def make(*words, **options):
        story = building(*words, **options)
        parting.end()
        return story

    return make


@pytest.fixture
def service(request):
    """Our two processes."""
    return request.config.service


def test_barbican_keeps_the_keys(tell, cloud, view, demo, census, cli, tmp_path):
    """Authority and client certificate are in Barbican while the cluster lives, and only then. Docker's volumes are of the
    type that Cinder itself would take. The masters have found each other at the service's own discovery."""
    before = census()
    story = tell("vault")
    storage = ["--docker-volume-size", "3", "--docker-storage-driver", "devicemapper"]
    story.make_template(cloud, *SMALL, *storage, "--master-lb-enabled")
    story.create("--node-count", "1", "--master-count", "3")
    place = story.complete()["discovery_url"]
    assert place.startswith(f"http://127.0.0.1:{cloud['CONTAINER_INFRA_PORT']}/v1/discovery/"), place
    come = requests.get(place, timeout=60).json()["node"]["nodes"]
    addresses = {record["address"] for record in story.records() if "-master-" in record["name"]}
    assert {one["value"].partition("=")[0] for one in come} == addresses and len(come) == 3, come
    usual = view.connection.block_storage.get("/types/default").json()["volume_type"]["name"]
    volumes = [demo.block_storage.get_volume(attached["id"])
               for server in story.servers().values() for attached in server.attached_volumes]
    assert volumes and {volume.volume_type for volume in volumes} == {usual}, volumes
    during = census()
    kept = {kind: len(during[kind]) - len(before[kind]) for kind in ("secret_containers", "secrets")}
    assert kept["secret_containers"] > 0 and kept["secrets"] >= 2 * kept["secret_containers"], kept
    authority = cli.coe("ca", "show", "vault")
    assert authority.startswith("-----BEGIN CERTIFICATE-----")
    cli.coe("cluster", "config", "vault", "--dir", tmp_path, "--output-certs")
    assert (tmp_path / "ca.pem").read_text().strip() == authority.strip()
    story.delete()
    assert requests.get(place, timeout=60).status_code == 404
    after = census()
    for kind in kept:
        assert set(after[kind]) == set(before[kind]), kind


def test_heat_engine_dies(building, without, orders, parting):
    """A stack whose engine has died stands still for ever; the conductor notices, and has the living engines go on."""
    story = building("engine")
    with without("heat-engine"):
        pass
    orders.withdraw()
    story.complete()
    parting.begin(story)


def test_broker_dies(building, tell, cloud, without, orders, parting):
    """A request is accepted while the broker is away, and carried out when it is back."""
    story = building("broker")
    other = tell("patient")
    other.make_template(cloud, *SMALL)
    with without("rabbitmq"):
        begun = time.monotonic()
        other.create("--node-count", "1")
        taken = time.monotonic() - begun
    orders.withdraw()
    assert taken < OUTAGE_SECONDS, f"the broker being away held the answer up for {taken:.0f} s"
    for one in (story, other):
        one.complete()
        parting.begin(one)


def test_keystone_is_away_for_a_minute(building, operate, without, orders, parting):
    """Half of it without an answer, half of it without anybody who listens."""
    story = building("nokeystone")
    operate("keystone", "pause")
    try:
        time.sleep(OUTAGE_SECONDS / 2)
    finally:
        operate("keystone", "resume")
    with without("keystone"):
        time.sleep(OUTAGE_SECONDS / 2)
    orders.withdraw()
    story.complete()
    parting.begin(story)


@pytest.fixture
def short_tokens(operate, parting):
    parting.end()
    operate("keystone", "restart", MAGNUM_CLOUD_TOKEN_SECONDS=str(TOKEN_SECONDS))
    yield
    operate("keystone", "restart")


def test_tokens_end_during_a_long_create(short_tokens, building, cloud, orders):
    """The user's, the service's, the trustee's, and the one in the nodes' command for signals: all of them by their time."""
    token = password_token(cloud)
    story = building("shortlived", token=token)
    story.until(lambda: is_over(cloud, token), "the end of the token", 2 * TOKEN_SECONDS)
    orders.withdraw()
    story.complete()
    story.delete()


def test_database_dies(building, without, orders, parting):
    """It is everybody's database: Heat may fail the stack, and then says why."""
    story = building("database")
    with without("mariadb"):
        time.sleep(5)
    orders.withdraw()
    row = story.wait("CREATE_COMPLETE", "CREATE_FAILED")
    assert row["status"] == "CREATE_COMPLETE" or row["status_reason"], row
    parting.begin(story)


STEPS = {
    "create": ["", "issue_certs", "grant_trust", "create_stack", "await_stack", "record_outputs"],
    "resize": ["", "empty_nodes", "update_stack", "await_resize", "forget_nodes", "record_sizes"],
    "nodegroup_create": ["", "create_group_stack", "await_group_stack", "record_group"],
    "rotate_credentials": ["", "trust_trustee", "tell_credentials", "await_credentials", "use_credentials", "forget_credentials"],
    "rotate_ca": ["", "tell_authority", "await_authority", "renew_authority", "tell_renewal", "await_renewal",
                  "remove_authority", "tell_removal", "await_removal", "forget_authority"],
    "nodegroup_delete": ["", "delete_group_stack", "forget_group"],
    "upgrade": ["", "replace_nodes", "settle_version", "record_upgrade"],
    "delete": ["", "delete_load_balancers", "delete_node_groups", "delete_stack", "revoke_trust", "delete_certs", "forget_cluster"],
}


@pytest.fixture
def executioner(service, cloud):
    with contextlib.closing(Executioner(service, cloud["DATABASE_URL"])) as its:
        yield its


def test_conductor_dies_in_every_step(tell, cloud, executioner, demo, parting):
    """A step that has not begun is not named yet, so the first of an operation has no name."""
    parting.end()
    story, newer = tell("killed"), tell("newer")
    for one, version in ((story, "v1.11.6"), (newer, "v1.12.7")):
        one.make_template(cloud, *SMALL, "--labels", f"kube_tag={version},etcd_volume_size=1")

    def carried_out(action, request):
        executioner.carry_out(request)
        story.wait(f"{action}_COMPLETE")

    carried_out("CREATE", lambda: story.create("--node-count", "1"))
    assert len(list(demo.orchestration.stacks(name=story.stack))) == 1
    for words in (
        ("cluster", "update", "killed", "--node-count", "2"),
        ("nodegroup", "create", "killed", "extra", "--node-count", "1"),
        ("credential", "rotate", "killed"),
        ("ca", "rotate", "killed"),
        ("nodegroup", "delete", "killed", "extra"),
        ("cluster", "upgrade", "killed", newer.template),
    ):
        carried_out("UPDATE", lambda words=words: story.cli.coe(*words))
    assert story.complete("UPDATE")["coe_version"] == "v1.12.7"
    assert len(story.servers()) == 3
    executioner.carry_out(story.begin_delete)
    assert story.ask() is None
    assert story.left() == {}
    assert executioner.killed == STEPS
