"""`openstack coe cluster upgrade`, and what it refuses."""

import pytest
from conftest import TEMPLATE

OLD = "v1.11.6"
NEW = "v1.12.7"


@pytest.fixture(scope="module")
def templates(cli):
    """Two templates that differ in the version."""
    made = {}
    for version in (OLD, NEW):
        name = f"upgrade-{version.replace('.', '-')}"
        labels = f"kube_tag={version},etcd_volume_size=1"
        cli.coe("cluster", "template", "create", name, *TEMPLATE, "--labels", labels)
        made[version] = name
    yield made
    for name in made.values():
        cli.coe("cluster", "template", "delete", name)


@pytest.fixture(scope="module")
def upgradable(cli, templates):
    cli.coe("cluster", "create", "upgradable", "--cluster-template", templates[OLD], "--node-count", "2")
    cli.wait("upgradable", "CREATE_COMPLETE")
    yield "upgradable"
    cli.coe("cluster", "delete", "upgradable")
    cli.wait_gone("upgradable")


def test_a_cluster_is_upgraded(cli, upgradable, templates):
    before = cli.json("coe", "cluster", "show", upgradable)
    assert before["coe_version"] == OLD
    said = cli.coe("cluster", "upgrade", upgradable, templates[NEW], "--max-batch-size", "2")
    assert said == f"Request to upgrade cluster {upgradable} has been accepted.\n"
    shown = cli.wait(upgradable, "UPDATE_COMPLETE")
    of_template = cli.json("coe", "cluster", "template", "show", templates[NEW])
    assert (shown["cluster_template_id"], shown["coe_version"]) == (of_template["uuid"], NEW)
    assert shown["labels"]["kube_tag"] == NEW
    assert sorted(shown["node_addresses"]) == sorted(before["node_addresses"])
    assert shown["master_addresses"] == before["master_addresses"]


def test_an_unknown_template_is_named(cli, upgradable):
    assert "absent" in cli.refusal("cluster", "upgrade", upgradable, "absent")
