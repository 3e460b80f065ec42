"""`magnum`, the command of the Queens release before `openstack coe`: `latest` unless it is told otherwise, bays and baymodels."""

import re
import time

import kube
import pytest
from cli import CLUSTER_SECONDS, Refused, grid, properties

TEMPLATE = [
    "--coe", "kubernetes", "--docker-volume-size", "5", "--docker-storage-driver", "overlay2", "--network-driver", "flannel",
]
MODEL = [
    *TEMPLATE, "--image-id", "fedora-atomic-27", "--external-network-id", "public", "--keypair-id", "testkey",
    "--flavor-id", "m1.small", "--master-flavor-id", "m1.small",
]
ACCEPTED = r"Request to create \w+ \S+ has been accepted\."


class Magnum:
    """The command of one user, in the version that it asks for by itself or in another."""

    def __init__(self, cli, version=None):
        self.cli = cli
        self.options = ["--magnum-api-version", version] if version else []

    def __call__(self, *words):
        printed = self.cli.text(*self.options, *words, program="magnum")
        return re.sub(r"\AWARNING: .* deprecated .*\n.*\n", "", printed)

    def show(self, *words):
        return properties(self(*words))

    def refusal(self, *words):
        done = self.cli.run(*self.options, *words, program="magnum")
        assert done.returncode != 0, f"magnum {' '.join(map(str, words))} succeeded: {done.stdout}"
        return done.stderr.strip()

    def wait(self, cluster, status):
        end = time.monotonic() + CLUSTER_SECONDS
        while (shown := self.show("cluster-show", cluster))["status"] != status:
            assert not shown["status"].endswith("_FAILED") and time.monotonic() < end, shown
            time.sleep(0.5)
        return shown

    def wait_gone(self, *clusters):
        end = time.monotonic() + CLUSTER_SECONDS
        while left := {row[1] for row in grid(self("cluster-list"))} & set(clusters):
            assert time.monotonic() < end, left
            time.sleep(0.5)


@pytest.fixture(scope="module")
def old(make_cli):
    return make_cli(clients="queens")


@pytest.fixture(scope="module")
def magnum(old):
    return Magnum(old)


@pytest.fixture(scope="module")
def first(old):
    """In the version in which bays are answered when they have a stack."""
    return Magnum(old, "1.1")


@pytest.fixture(scope="module")
def last(old):
    """In the last version that has bays."""
    return Magnum(old, "1.10")


@pytest.fixture(scope="module")
def bay(magnum, first):
    """A complete bay of one node, which is a cluster as well."""
    model = first.show("baymodel-create", "--name", "bay", *MODEL)
    assert (model["cluster_distro"], model["docker_volume_size"]) == ("fedora-atomic", "5")
    made = first.show("bay-create", "--name", "bay", "--baymodel", "bay")
    assert (made["baymodel_id"], made["bay_create_timeout"]) == (model["uuid"], "60")
    assert made["stack_id"] != "-", "in 1.1 the answer comes when there is a stack"
    magnum.wait("bay", "CREATE_COMPLETE")
    yield "bay"
    assert "bay has been accepted" in magnum("cluster-delete", "bay")
    magnum.wait_gone("bay")
    assert "bay has been accepted" in magnum("cluster-template-delete", "bay")


def test_bays_when_there_was_no_other_version(first, magnum, bay):
    assert "Rollback is not supported in API v1.1" in first.refusal("bay-update", "--rollback", bay, "replace", "node_count=2")
    assert first.show("bay-update", bay, "replace", "node_count=2")["name"] == bay
    assert [row[1] for row in grid(first("bay-list"))] == [bay]
    assert first.show("bay-show", bay)["master_count"] == "1"
    assert [row[1] for row in grid(first("baymodel-list"))] == [bay]
    assert magnum.wait(bay, "UPDATE_COMPLETE")["node_count"] == "2"


def test_bays_in_the_last_version_that_has_them(last, magnum, bay, tmp_path):
    assert last("bay-config", bay, "--dir", tmp_path).strip() == f"export KUBECONFIG={tmp_path}/config"
    assert kube.get(tmp_path, "/healthz") == (200, "ok")
    assert last("bay-update", "--rollback", bay, "replace", "node_count=1").strip() == f"Request to update bay {bay} has been accepted."
    assert re.fullmatch(ACCEPTED, last("bay-create", "--name", "second", "--baymodel", bay).strip())
    paged = last("bay-list", "--limit", "1", "--sort-key", "name", "--sort-dir", "desc", "--fields", "baymodel_id")
    shown = last.show("bay-show", bay, "--long")
    assert [(row[1], row[5]) for row in grid(paged)] == [("second", shown["baymodel_id"])]
    assert shown["baymodel_image_id"] == "fedora-atomic-27"
    printed = last("bay-delete", "second", "absent")
    assert "second has been accepted" in printed and "absent failed: Cluster absent could not be found (HTTP 404)" in printed
    assert magnum.wait(bay, "UPDATE_COMPLETE")["node_count"] == "1"
    magnum.wait_gone("second")


def test_baymodels_in_the_last_version_that_has_them(last):
    assert last.show("baymodel-create", "--name", "model", *MODEL)["name"] == "model"
    changed = last.show("baymodel-update", "model", "replace", "docker_volume_size=7", "labels=a=b,c=d")
    assert (changed["docker_volume_size"], changed["labels"]) == ("7", "{'a': 'b', 'c': 'd'}")
    assert last.show("baymodel-show", "model") == changed
    detailed = last("baymodel-list", "--detail", "--limit", "1", "--sort-key", "name", "--sort-dir", "desc")
    assert [(row[0], row[9]) for row in grid(detailed)] == [("model", "7")]
    printed = last("baymodel-delete", "model", "absent")
    assert "model has been accepted" in printed and "absent failed: " in printed


def test_later_versions_have_neither(magnum, bay):
    """By default these commands ask for `latest`, in which there are none."""
    assert "HTTP 404" in magnum.refusal("bay-list")
    assert "HTTP 404" in magnum.refusal("bay-show", bay)
    assert "HTTP 404" in magnum.refusal("baymodel-list")
    assert "HTTP 404" in magnum.refusal("baymodel-create", "--name", "late", *MODEL)


def test_templates(magnum):
    words = [*TEMPLATE, "--image", "fedora-atomic-27", "--external-network", "public", "--keypair", "testkey", "--flavor", "m1.small"]
    assert magnum.show("cluster-template-create", "plain", *words)["driver"] == "k8s_fedora_atomic_v1"
    changed = magnum.show("cluster-template-update", "plain", "replace", "docker_volume_size=6")
    assert changed["docker_volume_size"] == "6"
    assert magnum.show("cluster-template-show", "plain") == changed
    order = ["--limit", "1", "--sort-key", "name", "--sort-dir", "desc"]
    assert [row[1:] for row in grid(magnum("cluster-template-list", *order, "--fields", "coe"))] == [("plain", "kubernetes")]
    assert [(row[0], row[9]) for row in grid(magnum("cluster-template-list", "--detail", *order))] == [("plain", "6")]
    assert "plain has been accepted" in magnum("cluster-template-delete", "plain")


def test_clusters(magnum, first, bay, tmp_path):
    assert magnum("cluster-config", bay, "--dir", tmp_path).strip() == f"export KUBECONFIG={tmp_path}/config"
    assert kube.get(tmp_path, "/healthz") == (200, "ok")
    assert "accepted" in magnum("cluster-update", "--rollback", bay, "replace", "node_count=2")
    words = ["--cluster-template", bay, "--keypair", "testkey", "--labels", "team=blue"]
    assert re.fullmatch(ACCEPTED, magnum("cluster-create", "extra", *words).strip())
    # In 1.1 the client wants the whole cluster, which was only ever answered for bays.
    assert "Create for cluster older failed: 'links'" in first("cluster-create", "older", "--cluster-template", bay)
    paged = magnum("cluster-list", "--limit", "2", "--sort-key", "name", "--sort-dir", "desc", "--fields", "create_timeout")
    assert [(row[1], row[6]) for row in grid(paged)] == [("older", "60"), ("extra", "60")]
    shown = magnum.show("cluster-show", "extra", "--long")
    assert (shown["labels"], shown["clustertemplate_coe"]) == ("{'team': 'blue'}", "kubernetes")
    printed = magnum("cluster-delete", "extra", "older", "absent")
    assert printed.count("has been accepted") == 2 and "absent failed: Cluster absent could not be found (HTTP 404)" in printed
    assert magnum.wait(bay, "UPDATE_COMPLETE")["node_count"] == "2"
    magnum.wait_gone("extra", "older")


def test_certificates(magnum, last, bay, tmp_path):
    authority = magnum("ca-show", bay)
    assert last("ca-show", "--bay", bay).endswith(authority)
    (tmp_path / "ca.pem").write_text(authority)
    request = tmp_path / "request.csr"
    kube.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-subj", "/O=dev/CN=old", "-out", request)
    for printed in (magnum("ca-sign", "--cluster", bay, "--csr", request), last("ca-sign", "--bay", bay, "--csr", request)):
        (tmp_path / "signed.pem").write_text(printed[printed.index("-----BEGIN"):])
        kube.openssl("verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "signed.pem")
    # The client cannot read any answer to it, not even an empty one.
    assert "not enough values to unpack" in magnum.refusal("ca-rotate", "--cluster", bay)
    magnum.wait(bay, "UPDATE_COMPLETE")
    assert magnum("ca-show", bay) != authority


def test_quotas_statistics_and_services(magnum, make_cli, bay):
    admin = Magnum(make_cli("queens", "admin"))
    project = magnum.cli.json("token", "issue")["project_id"]
    named = ["--project-id", project, "--resource", "Cluster"]
    assert magnum.show("quotas-show", *named)["hard_limit"] == "20", "the configured one"
    assert admin.show("quotas-create", *named, "--hard-limit", "5")["hard_limit"] == "5"
    assert "already exists" in admin("quotas-create", *named)
    assert admin.show("quotas-update", *named, "--hard-limit", "6")["hard_limit"] == "6"
    listed = admin("quotas-list", "--all-tenants", "--limit", "1", "--sort-key", "id", "--sort-dir", "asc")
    assert grid(listed) == [(project, "Cluster", "6")]
    assert "accepted" in admin("quotas-delete", *named) and "could not be found" in admin("quotas-delete", *named)
    assert magnum.show("stats-list")["clusters"] == magnum.show("stats-list", "--project-id", project)["clusters"] == "1"
    assert [row[2:5] for row in grid(admin("service-list"))] == [("magnum-conductor", "up", "False")]
    assert "HTTP 403" in magnum.refusal("service-list")


def test_a_ready_token_is_for_older_pythons(magnum):
    """The service answers; in Python 3.7 and later the client does not come to the end of it."""
    token = magnum.cli.json("token", "issue")["id"]
    entry = magnum.cli.json("catalog", "show", "container-infra")
    url = re.search(r"http://[^'\"\s]+/v1", str(entry["endpoints"]))[0]
    with pytest.raises(Refused, match="generator raised StopIteration"):
        magnum("--os-token", token, "--os-endpoint-override", url, "cluster-list")
    assert grid(magnum("--os-endpoint-override", url, "cluster-list")) == grid(magnum("cluster-list"))
