"""A cluster whose authority or whose trustee is replaced while it runs: `openstack coe ca rotate` and `credential rotate`, on every driver that can."""

import subprocess

import pytest
from cli import Refused
from test_life import kubernetes_get

END = "-----END CERTIFICATE-----\n"


def authorities(cli, name):
    """The certificates that `ca show` prints, newest first."""
    shown = cli.coe("ca", "show", name)
    return [part + END for part in shown.split(END) if "BEGIN CERTIFICATE" in part]


def opens(story, cli, folder):
    """A configuration that is made now opens the API as the nodes serve it now."""
    folder.mkdir()
    cli.coe("cluster", "config", story.name, "--dir", folder, "--output-certs")
    assert kubernetes_get(folder, story.record("master", 0), "/healthz") == "ok"


def is_refused(story, folder):
    record = story.record("master", 0)
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--noproxy", "*", "--max-time", "30", "--connect-to", f"::{record['api']}",
         "--cacert", folder / "ca.pem", story.ask()["api_address"] + "/healthz"],
        capture_output=True, text=True, check=False,
    )
    return done.returncode == 60


def rotate_credentials(story, cli):
    """Every node, the present ones without being replaced, logs in as another trustee; answers which."""
    [old] = {record["trustee"] for record in story.records()}
    cli.coe("credential", "rotate", story.name)
    assert story.ask()["status"] == "UPDATE_IN_PROGRESS"
    story.complete("UPDATE")
    [new] = {record["trustee"] for record in story.records()}
    assert new != old
    for record in story.records():
        assert record["task"].startswith("1 credentials "), record
    return new


def rotate_authority(story, cli, folder):
    [old] = authorities(cli, story.name)
    opens(story, cli, folder / "before")
    cli.coe("ca", "rotate", story.name)
    assert story.ask()["status"] == "UPDATE_IN_PROGRESS"
    story.until(lambda: len(authorities(cli, story.name)) == 2, "both authorities")
    both = authorities(cli, story.name)
    assert both[1] == old
    story.complete("UPDATE")
    assert authorities(cli, story.name) == both[:1]
    # Three are told after the first, of credentials: of both authorities, of certificates, of the new authority alone.
    assert {record["task"].rpartition(" ")[0] for record in story.records()} == {"4 certificates"}, story.records()
    opens(story, cli, folder / "after")
    assert is_refused(story, folder / "before"), "the old authority does not vouch for the API any more"


@pytest.mark.parametrize("distro", ["atomic", "coreos"])
def test_rotate(tell, cloud, cli, tmp_path, distro):
    story = tell(f"rotate-{distro}")
    story.make_template(cloud, "--network-driver", "flannel", image=f"fedora-{distro}-latest")
    story.create("--node-count", "2")
    story.complete()
    servers = {name: server.id for name, server in story.servers().items()}
    trustee = rotate_credentials(story, cli)
    rotate_authority(story, cli, tmp_path)
    assert {name: server.id for name, server in story.servers().items()} == servers, "no server was replaced"

    # A node that is made later has heard of nothing and is told everything; it logs in as the only trustee there is.
    cli.coe("cluster", "update", story.name, "--node-count", "3")
    story.complete("UPDATE")
    assert {record["trustee"] for record in story.records()} == {trustee}
    story.delete()


def test_drivers_that_cannot(tell, cloud, cli):
    story = tell("rotate-swarm")
    story.make_template(cloud, coe="swarm-mode")
    story.create("--node-count", "1")
    with pytest.raises(Refused, match="swarm_fedora_atomic_v2"):
        cli.coe("ca", "rotate", story.name)
    story.wait("CREATE_COMPLETE")
    story.delete()
