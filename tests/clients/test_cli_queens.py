"""`openstack coe` of the Queens release: no version header, patches as typed, certificate files by default.

Its quotas, statistics and services are in test_cli_quotas.py.
"""

import kube
import pytest
from conftest import TEMPLATE


@pytest.fixture(scope="module")
def old(make_cli):
    return make_cli(clients="queens")


@pytest.fixture(scope="module")
def template(old):
    old.coe("cluster", "template", "create", "queens", *TEMPLATE, "--docker-storage-driver", "overlay2")
    yield "queens"
    old.coe("cluster", "template", "delete", "queens")


def test_templates(old, template):
    shown = old.json("coe", "cluster", "template", "show", template)
    assert shown["docker_storage_driver"] == "overlay2"
    old.coe("cluster", "template", "create", "second", *TEMPLATE)
    paged = old.json("coe", "cluster", "template", "list", "--limit", "1", "--sort-key", "name", "--sort-dir", "desc")
    assert [row["name"] for row in paged] == ["second"]
    assert {row["name"] for row in old.json("coe", "cluster", "template", "list")} == {template, "second"}
    old.coe("cluster", "template", "update", "second", "replace", "docker_volume_size=7", "labels=a=b,c=d")
    changed = old.json("coe", "cluster", "template", "show", "second")
    assert (changed["docker_volume_size"], changed["labels"]) == (7, {"a": "b", "c": "d"})
    printed = old.coe("cluster", "template", "delete", "second", "absent")
    assert "second has been accepted" in printed and "absent failed: ClusterTemplate absent could not be found (HTTP 404)" in printed


@pytest.fixture(scope="module")
def cluster(old, template):
    old.coe("cluster", "create", "queens", "--cluster-template", template, "--node-count", "1")
    old.wait("queens", "CREATE_COMPLETE")
    yield "queens"
    old.coe("cluster", "delete", "queens")
    old.wait_gone("queens")


def test_a_cluster(old, cluster, template, tmp_path):
    shown = old.json("coe", "cluster", "show", cluster)
    assert shown["stack_id"] and len(shown["node_addresses"]) == 1
    of_template = old.json("coe", "cluster", "template", "show", template)
    assert shown["cluster_template_id"] == of_template["uuid"]
    paged = old.json("coe", "cluster", "list", "--limit", "2", "--sort-key", "name", "--sort-dir", "desc")
    assert [(row["name"], row["node_count"], row["status"]) for row in paged] == [(cluster, 1, "CREATE_COMPLETE")]

    old.coe("cluster", "config", cluster, "--dir", tmp_path)
    assert kube.get(tmp_path, "/healthz") == (200, "ok")

    old.coe("cluster", "update", cluster, "replace", "node_count=2")
    shown = old.wait(cluster, "UPDATE_COMPLETE")
    assert shown["node_count"] == 2 and len(shown["node_addresses"]) == 2
    assert "HTTP 400" in old.refusal("cluster", "update", cluster, "replace", "node_count=0")
    assert "HTTP 404" in old.refusal("cluster", "show", "absent")


def test_its_certificates(old, cluster, tmp_path):
    authority = old.coe("ca", "show", cluster)
    (tmp_path / "ca.pem").write_text(authority)
    request = tmp_path / "request.csr"
    kube.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-subj", "/O=dev/CN=old", "-out", request)
    (tmp_path / "signed.pem").write_text(old.coe("ca", "sign", cluster, request))
    kube.openssl("verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "signed.pem")
    # The client cannot read any answer to it, not even an empty one.
    assert "not enough values to unpack" in old.refusal("ca", "rotate", cluster)
    assert old.json("coe", "cluster", "show", cluster)["status"] == "UPDATE_IN_PROGRESS"
