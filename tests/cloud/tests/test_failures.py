"""Stacks that fail: the reason names the cause, the user can act on it, and the cluster can be deleted."""

import pytest


@pytest.fixture
def quota_of_one_server(view, cloud):
    """The project `alt` may have one server, and a cluster has two."""
    view.connection.compute.update_quota_set(cloud["ALT_PROJECT_ID"], instances=1)
    yield
    view.connection.compute.revert_quota_set(cloud["ALT_PROJECT_ID"])


@pytest.fixture
def flavor_of_a_giant(view):
    found = view.connection.compute.create_flavor(name="m1.giant", ram=2048, vcpus=100_000, disk=20)
    yield found.name
    view.connection.compute.delete_flavor(found)


def test_quota_too_small(tell, cloud, make_cli, quota_of_one_server):
    story = tell("quota", "alt", make_cli("alt"))
    story.make_template(cloud, "--network-driver", "flannel")
    story.create("--node-count", "1")
    row = story.wait("CREATE_FAILED")
    assert "Quota exceeded for instances" in row["status_reason"], row["status_reason"]
    assert "kube_m" in row["status_reason"], "which part of the cluster it is"
    story.delete()


def test_flavor_that_cannot_be_placed(tell, cloud, flavor_of_a_giant):
    story = tell("giant")
    story.make_template(cloud, "--network-driver", "flannel")
    story.create("--node-count", "1", "--flavor", flavor_of_a_giant)
    row = story.wait("CREATE_FAILED")
    assert "No valid host was found" in row["status_reason"], row["status_reason"]
    assert "kube_minions" in row["status_reason"], row["status_reason"]
    story.delete()


def test_wait_condition_signalled_failure(tell, cloud, orders):
    """The node's own script reports what went wrong, and these words reach the user."""
    orders.give("wait-", **{"break": {"docker-storage-setup": "thin pool is full"}})
    story = tell("wait")
    storage = ["--docker-storage-driver", "devicemapper", "--docker-volume-size", "3"]
    story.make_template(cloud, "--network-driver", "flannel", *storage)
    story.create("--node-count", "1")
    row = story.wait("CREATE_FAILED")
    assert f"{story.stack}-m" in row["status_reason"], row["status_reason"]
    assert "docker storage failed" in row["status_reason"], row["status_reason"]
    story.delete()
