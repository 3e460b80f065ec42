"""One service, one node player and one cloud for all tests, several of which run at a time.

The process that leads pytest's workers starts `magnum api`, `magnum conductor` and the player, and stops them in the end;
that all three stop cleanly is part of the test. Workers find them by TEST_CLOUD_* and MAGNUM_CLOUD_RUN.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path[1:1] = [str(HERE.parent), str(ROOT / "tests" / "clients")]
sys.dont_write_bytecode = True

from cli import Cli  # noqa: E402
from player import cloud as environment  # noqa: E402
from service import Service  # noqa: E402
from story import Orders, Story  # noqa: E402
from tokens import create_with  # noqa: E402

# Not Cinder's own choice, which is what volumes get that nobody has chosen a type for.
DOCKER_VOLUME_TYPE = "magnum-docker"
READY_SECONDS = 30
STOP_SECONDS = 20


class Player:
    """The node player as a process of its own."""

    def __init__(self, folder):
        self.log = folder / "player.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-B", "-m", "player.main", str(folder / "player")], cwd=HERE.parent,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        end = time.monotonic() + READY_SECONDS
        while b"ready" not in self.log.read_bytes():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)


def leads(config):
    return not hasattr(config, "workerinput")


def pytest_configure(config):
    config.addinivalue_line("markers", "disturbs: ends parts of the cloud and of the service while clusters are made")
    config.addinivalue_line("markers", "matrix: the combinations that not every run builds")
    if not leads(config) or config.option.collectonly:
        return
    folder = Path(os.environ.get("MAGNUM_CLOUD_RUN") or tempfile.mkdtemp(prefix="magnum-cloud-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MAGNUM_CLOUD_RUN"] = str(folder)
    program = os.environ.get("MAGNUM_BIN") or ROOT / "target" / "debug" / "magnum"
    cloud = environment.settings()
    config.volume_types = environment.connect(cloud, "admin").block_storage
    if not config.volume_types.find_type(DOCKER_VOLUME_TYPE):
        config.volume_types.create_type(name=DOCKER_VOLUME_TYPE)
    config.service = Service(program, folder / "service", cloud, DOCKER_VOLUME_TYPE)
    config.service.bootstrap(environment.variables(cloud, "admin"))
    config.service.start()
    config.player = Player(folder)


# In the order of how long they take: what begins last should end soon.
LONGEST = ("test_rotate[", "test_coe[", "test_upgrade[", "test_life", "test_three_masters", "test_panels_of_a_user", "test_nodegroup[")


def pytest_collection_modifyitems(items):
    """What takes longest begins first."""
    place = {item: next((at for at, name in enumerate(LONGEST) if item.name.startswith(name)), len(LONGEST)) for item in items}
    items.sort(key=place.get)


def pytest_unconfigure(config):
    if not hasattr(config, "service"):
        return
    ended = config.service.stop() | ({"player": config.player.stop()} if hasattr(config, "player") else {})
    config.volume_types.delete_type(config.volume_types.find_type(DOCKER_VOLUME_TYPE))
    if any(ended.values()):
        raise AssertionError(f"exit statuses after SIGTERM: {ended}")


@pytest.fixture(scope="session")
def run_folder():
    return Path(os.environ["MAGNUM_CLOUD_RUN"])


@pytest.fixture(scope="session")
def cloud():
    return environment.settings()


@pytest.fixture(scope="session")
def view(cloud):
    """The cloud as its administrator sees it, who never touches a cluster."""
    return environment.View(cloud)


@pytest.fixture(scope="session")
def docker_volume_type():
    """What the operator has configured for docker's volumes."""
    return DOCKER_VOLUME_TYPE


@pytest.fixture(scope="session")
def demo(cloud):
    """The cloud as its ordinary user sees it."""
    return environment.connect(cloud, "demo")


@pytest.fixture(scope="session")
def make_cli(cloud, tmp_path_factory):
    """Makes a command line of a user; the folder is its home."""

    def make(user):
        return Cli(Path(sys.executable).parent, environment.variables(cloud, user), tmp_path_factory.mktemp(user))

    return make


@pytest.fixture(scope="session")
def cli(make_cli):
    return make_cli("demo")


@pytest.fixture(scope="session")
def census(cloud):
    """Counts what there is: kind to id to name."""

    def take():
        done = subprocess.run([cloud["CENSUS"]], capture_output=True, text=True, timeout=180, check=True)
        return json.loads(done.stdout)

    return take


@pytest.fixture
def orders(run_folder):
    """Orders to the node player; they end with the test."""
    given = Orders(run_folder / "player")
    yield given
    given.withdraw()


@pytest.fixture
def tell(cloud, cli, census, run_folder, request):
    """Begins the story of a cluster; what is left of it after a failed test is removed."""
    told = []

    def begin(name, user="demo", command=None):
        story = Story(name, command or cli, environment.connect(cloud, user), census, run_folder / "player")
        told.append(story)
        return story

    yield begin
    with contextlib.ExitStack() as ended:
        for story in told:
            if not story.parting:
                ended.callback(story.clean_up)


@pytest.fixture
def building(tell, cloud, orders):
    """Makes a cluster whose servers are there and do nothing until the orders are withdrawn; by a token that was chosen
    for it, or by the command."""

    def make(name, *words, token=None):
        orders.give(f"{name}-", hold=True)
        story = tell(name)
        story.make_template(cloud, "--network-driver", "flannel", "--floating-ip-disabled", *words)
        if token:
            create_with(cloud, story, token)
        else:
            story.create("--node-count", "1")
        story.until(lambda: len(story.servers()) == 2, "both servers")
        assert story.ask()["status"] == "CREATE_IN_PROGRESS"
        return story

    return make
