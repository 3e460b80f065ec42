"""Cluster templates and services through the current `openstack coe`."""

import re

from conftest import TEMPLATE


def test_template_life(cli):
    printed = cli.coe("cluster", "template", "create", "life", *TEMPLATE, "--labels", "kube_dashboard_enabled=true,team=blue")
    assert "Request to create cluster template life accepted" in printed
    listed = {row["name"]: row["uuid"] for row in cli.json("coe", "cluster", "template", "list")}
    shown = cli.json("coe", "cluster", "template", "show", "life")
    assert shown["uuid"] == listed["life"]
    expected = {
        "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public", "keypair_id": "testkey",
        "cluster_distro": "fedora-atomic", "docker_volume_size": 5, "network_driver": "flannel", "public": False,
        "tls_disabled": False, "dns_nameserver": "8.8.8.8", "server_type": "vm", "master_lb_enabled": False,
        "labels": {"kube_dashboard_enabled": "true", "team": "blue"}, "updated_at": "-",
    }
    assert {name: shown[name] for name in expected} == expected
    cli.coe("cluster", "template", "update", "life", "--name", "renamed", "--docker-volume-size", "7")
    changed = cli.json("coe", "cluster", "template", "show", shown["uuid"])
    assert (changed["name"], changed["docker_volume_size"]) == ("renamed", 7)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", changed["updated_at"])
    printed = cli.coe("cluster", "template", "delete", "renamed")
    assert "Request to delete cluster template renamed has been accepted." in printed
    assert "HTTP 404" in cli.refusal("cluster", "template", "show", "renamed")


def test_two_templates_of_one_name_need_the_uuid(cli):
    uuids = []
    for _ in range(2):
        cli.coe("cluster", "template", "create", "double", *TEMPLATE)
    for row in cli.json("coe", "cluster", "template", "list"):
        if row["name"] == "double":
            uuids.append(row["uuid"])
    assert len(uuids) == 2
    assert "HTTP 409" in cli.refusal("cluster", "template", "show", "double")
    cli.coe("cluster", "template", "delete", *uuids)
    assert [row for row in cli.json("coe", "cluster", "template", "list") if row["name"] == "double"] == []


def test_bad_templates_are_refused_with_the_reason(cli):
    def refused(*changes):
        return cli.refusal("cluster", "template", "create", "bad", *TEMPLATE, *changes)

    for changes, word in [
        (("--image", "no-such-image"), "no-such-image"),
        (("--flavor", "no-such-flavor"), "no-such-flavor"),
        (("--external-network", "no-such-net"), "no-such-net"),
        (("--network-driver", "no-such-driver"), "no-such-driver"),
        (("--coe", "no-such-coe"), "no-such-coe"),
    ]:
        said = refused(*changes)
        assert word in said and "HTTP 400" in said and "req-" in said, f"{changes}: {said}"
    assert "HTTP 403" in refused("--public"), "only an administrator may publish"
    assert [row for row in cli.json("coe", "cluster", "template", "list") if row["name"] == "bad"] == []


def test_services_are_for_administrators(cli, admin):
    assert "HTTP 403" in cli.refusal("service", "list")
    rows = admin.json("coe", "service", "list")
    assert len(rows) == 1
    assert (rows[0]["binary"], rows[0]["state"], rows[0]["disabled"]) == ("magnum-conductor", "up", False)


def test_bad_clusters_are_refused_with_the_reason(cli, template):
    def refused(*words):
        return cli.refusal("cluster", "create", "bad", "--cluster-template", template, *words)

    said = cli.refusal("cluster", "create", "bad", "--cluster-template", "no-such-template")
    assert "no-such-template could not be found" in said and "HTTP 404" in said
    assert "HTTP 400" in refused("--master-count", "0")
    assert "HTTP 400" in refused("--node-count", "-1")
    said = refused("--flavor", "no-such-flavor")
    assert "no-such-flavor" in said and "HTTP 400" in said
    said = refused("--keypair", "no-such-key")
    assert "no-such-key" in said and "HTTP 404" in said
    assert cli.clusters() == {}
    for words in (("show", "ghost"), ("delete", "ghost"), ("update", "ghost", "--node-count", "2")):
        said = cli.refusal("cluster", *words)
        assert "Cluster ghost could not be found" in said and "HTTP 404" in said
    assert "Cluster ghost could not be found" in cli.refusal("ca", "show", "ghost")


def test_a_version_that_is_not_served_is_refused(cli):
    said = cli.run("--os-container-infra-api-version", "1.99", "coe", "cluster", "list").stderr
    assert "HTTP 406" in said


def test_a_wrong_password_is_refused(make_cli):
    stranger = make_cli(OS_PASSWORD="wrong")
    assert "HTTP 401" in stranger.refusal("cluster", "list")
