"""A session of `openstack coe` on the real services, from template to deletion: docs/transcripts/openstack-coe.txt.

The page is what the commands printed, with nothing left out but what has no place on it: `UPDATE=1 tests/cloud/run.sh
tests/cloud/tests/test_session.py` writes it anew.
"""

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "transcripts" / "openstack-coe.txt"
WIDTH = 130
HEAD = """# A session of `openstack coe` on the real services (Keystone, Heat, Nova, Neutron, Cinder, Octavia of Zed; see tests/cloud), from
# template to deletion, as tests/cloud/tests/test_session.py wrote it. Lines that begin with "# status" tell what was waited for
# between two commands; long lines are cut.
"""
TEMPLATE = (
    "--coe kubernetes --image {image} --external-network {network} --keypair {keypair} --flavor {flavor} --master-flavor {flavor} "
    "--docker-volume-size 3 --network-driver flannel --master-lb-enabled --labels etcd_volume_size=1,kube_tag={version}"
)

pytestmark = pytest.mark.skipif(os.environ.get("UPDATE") != "1", reason="UPDATE=1 writes the page anew")


class Session:
    """What is typed and what is printed."""

    def __init__(self, folder):
        self.folder = folder
        self.lines = []

    def type(self, cli, words, status=0):
        """Runs a command; `words` is what a person types after `openstack`."""
        done = cli.run(*shlex.split(words))
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == bool(status), f"openstack {words}: {said}"
        self.note(f"$ openstack {words}", *said.splitlines())

    def note(self, *lines):
        self.lines += [line.replace(str(self.folder), "FOLDER")[:WIDTH].rstrip() for line in lines]

    def waited(self, row):
        self.note(f"# status: {row['status']} ({datetime.now(UTC):%H:%M:%S})")

    def write(self):
        PAGE.write_text(HEAD + "\n" + "\n".join(self.lines) + "\n")


@pytest.fixture
def admin(make_cli, cli):
    """The administrator's command; what it has left behind goes with the test."""
    made = make_cli("admin")
    yield made
    project = cli.json("token", "issue")["project_id"]
    made.run("coe", "quotas", "delete", "--project-id", project, "--resource", "Cluster")
    cli.run("coe", "cluster", "template", "delete", "k8s-new")


def test_session(tell, cloud, cli, admin, tmp_path):
    session = Session(tmp_path)
    story = tell("demo")
    story.template = "k8s"

    def user(words, status=0):
        session.type(cli, words, status)

    def until(status):
        session.waited(story.wait(status))

    words = {"image": cloud["IMAGE"], "network": cloud["EXTERNAL_NETWORK"], "keypair": cloud["KEYPAIR"], "flavor": cloud["FLAVOR"]}
    user(f"coe cluster template create k8s {TEMPLATE.format(version='v1.11.6', **words)}")
    user(f"coe cluster template create k8s-new {TEMPLATE.format(version='v1.12.7', **words)}")
    user("coe cluster create demo --cluster-template k8s --node-count 1")
    story.uuid = cli.json("coe", "cluster", "show", "demo")["uuid"]
    user("coe cluster list -c name -c node_count -c master_count -c status")
    until("CREATE_COMPLETE")
    user("coe cluster show demo")
    user("server list -c Name -c Status -c Networks")
    user(f"coe cluster config demo --dir {tmp_path} --output-certs")
    session.note("$ ls FOLDER", *sorted(path.name for path in tmp_path.iterdir()))
    user("coe cluster resize demo 2")
    until("UPDATE_COMPLETE")
    user("coe nodegroup create demo extra --node-count 1 --flavor m1.small --node-labels tier=extra")
    until("UPDATE_COMPLETE")
    user("coe nodegroup list demo -c name -c flavor_id -c node_count -c status -c role")
    user("coe nodegroup show demo extra")
    user("coe cluster upgrade demo k8s-new --max-batch-size 1")
    until("UPDATE_COMPLETE")
    user("coe cluster show demo -c status -c status_reason -c coe_version -c labels")
    user("coe ca show demo")
    user("coe ca rotate demo")
    until("UPDATE_COMPLETE")
    user("coe credential rotate demo")
    until("UPDATE_COMPLETE")
    user("coe nodegroup delete demo extra")
    until("UPDATE_COMPLETE")
    quotas(session, cli, admin)
    user("coe cluster delete demo")
    story.wait_gone()
    user("coe cluster show demo", status=1)
    user("coe cluster template delete k8s k8s-new")
    user("server list")
    session.write()


def quotas(session, cli, admin):
    """What an administrator allows a project, and what it has."""
    project = cli.json("token", "issue")["project_id"]
    named = f"--project-id {project} --resource Cluster"
    session.type(cli, f"coe quotas show {named}")
    session.note("# as the cloud's administrator")
    session.type(admin, f"coe quotas create {named} --hard-limit 1")
    session.type(admin, "coe quotas list --all-tenants")
    session.note("# as the user again")
    session.type(cli, "coe cluster create another --cluster-template k8s --node-count 1", status=1)
    session.type(cli, f"coe stats list {project}")
    session.note("# as the cloud's administrator")
    session.type(admin, f"coe quotas update {named} --hard-limit 2")
    session.type(admin, f"coe stats list {project}")
    session.type(admin, f"coe quotas delete {named}")
    session.type(admin, "coe service list")
