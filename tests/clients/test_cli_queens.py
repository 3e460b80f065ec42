"""The client of the Queens release: no version header, patches as typed, certificate files by default."""

import kube
from conftest import TEMPLATE


def test_a_cluster_through_the_old_client(make_cli, tmp_path):
    old = make_cli(clients="queens")
    old.coe("cluster", "template", "create", "queens", *TEMPLATE, "--docker-storage-driver", "overlay2")
    assert old.json("coe", "cluster", "template", "show", "queens")["docker_storage_driver"] == "overlay2"
    old.coe("cluster", "create", "queens", "--cluster-template", "queens", "--node-count", "1")
    shown = old.wait("queens", "CREATE_COMPLETE")
    assert shown["stack_id"] and len(shown["node_addresses"]) == 1

    old.coe("cluster", "config", "queens", "--dir", tmp_path)
    assert kube.get(tmp_path, "/healthz") == (200, "ok")

    old.coe("cluster", "update", "queens", "replace", "node_count=2")
    shown = old.wait("queens", "UPDATE_COMPLETE")
    assert shown["node_count"] == 2 and len(shown["node_addresses"]) == 2
    assert "HTTP 400" in old.refusal("cluster", "update", "queens", "replace", "node_count=0")

    old.coe("cluster", "template", "update", "queens", "replace", "public=False")
    old.coe("cluster", "delete", "queens")
    old.wait_gone("queens")
    old.coe("cluster", "template", "delete", "queens")
    assert old.clusters() == {}
