"""A further node group: a stack of its own, whose nodes are played like all others, grown, and removed alone."""

import json
import re

import pytest


def records(story, group):
    """What the player says of the group's nodes that are there."""
    found = [json.loads(path.read_text()) for path in story.player.glob("nodes/*/record.json")]
    return [one for one in found if group.replace("-", "")[:12] in one["name"] and not one.get("gone")]


def check_nodes(story, group, wanted):
    story.settle(lambda: records(story, group), wanted)


@pytest.mark.parametrize("distro", ["atomic", pytest.param("coreos", marks=pytest.mark.matrix)])
def test_nodegroup(tell, cloud, cli, demo, distro):
    story = tell(f"groups-{distro}")
    story.make_template(cloud, "--network-driver", "flannel", "--floating-ip-disabled", image=f"fedora-{distro}-latest")
    story.create("--node-count", "1")
    story.complete()
    own = story.servers()
    said = cli.coe("nodegroup", "create", story.name, "extra", "--node-count", "1", "--node-labels", "disk=ssd")
    group = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said)[0]
    story.wait("UPDATE_COMPLETE")
    check_nodes(story, group, 1)
    assert records(story, group)[0]["parameters"]["NODE_LABELS"].split(",").count("disk=ssd") == 1
    cli.coe("cluster", "resize", story.name, "2", "--nodegroup", "extra")
    story.wait("UPDATE_COMPLETE")
    check_nodes(story, group, 2)
    cli.coe("nodegroup", "delete", story.name, "extra")
    story.until(lambda: " extra " not in cli.coe("nodegroup", "list", story.name), "the end of the group")
    assert not [one.name for one in demo.compute.servers() if group.replace("-", "")[:12] in one.name]
    assert {one.id for one in story.servers().values()} == {one.id for one in own.values()}, "the cluster's own nodes stayed"
    story.wait("UPDATE_COMPLETE")
    story.delete()
