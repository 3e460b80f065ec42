"""A cluster's life through the current `openstack coe`; the tests build on each other in this order."""

import re
import uuid

import kube
import pytest


def test_create_answers_at_once_and_lists_the_cluster(cli, template):
    accepted = cli.coe("cluster", "create", "first", "--cluster-template", template, "--labels", "team=blue")
    identity = uuid.UUID(re.fullmatch(r"Request to create cluster (\S+) accepted\n", accepted)[1])
    row = cli.clusters()["first"]
    assert row["uuid"] == str(identity)
    assert row["status"] in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert (row["node_count"], row["master_count"], row["keypair"]) == (1, 1, "testkey")


def test_delete_wins_over_a_running_create(cli):
    done = cli.coe("cluster", "delete", "first")
    assert done == "Request to delete cluster first has been accepted.\n"
    cli.wait_gone("first")
    assert "first" not in cli.clusters()


def test_show_has_what_a_user_needs(cli, cluster, template):
    shown = cli.json("coe", "cluster", "show", cluster)
    assert shown["status"] == "CREATE_COMPLETE"
    assert shown["name"] == cluster
    assert (shown["node_count"], shown["master_count"]) == (2, 1)
    assert re.fullmatch(r"https://\S+:6443|https://\S+:\d+", shown["api_address"])
    assert len(shown["node_addresses"]) == 2 and len(shown["master_addresses"]) == 1
    of_template = cli.json("coe", "cluster", "template", "show", template)
    assert shown["cluster_template_id"] == of_template["uuid"]
    assert shown["flavor_id"] == "m1.small" and shown["docker_volume_size"] == 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", shown["created_at"])
    assert shown["cluster_id"], "the stack"
    assert cli.json("coe", "cluster", "show", shown["uuid"]) == shown


def test_list_pages_and_sorts(cli, cluster, template):
    cli.coe("cluster", "create", "zz-last", "--cluster-template", template)
    names = [row["name"] for row in cli.json("coe", "cluster", "list", "--limit", "1", "--sort-key", "name", "--sort-dir", "desc")]
    assert names == ["zz-last"]
    paged = cli.json("coe", "cluster", "list", "--limit", "5", "--sort-key", "name")
    assert [row["name"] for row in paged] == sorted([cluster, "zz-last"])
    cli.coe("cluster", "delete", "zz-last")
    cli.wait_gone("zz-last")


@pytest.fixture(scope="module")
def config(cli, cluster, tmp_path_factory):
    """The folder that `cluster config` filled."""
    folder = tmp_path_factory.mktemp("kube")
    printed = cli.coe("cluster", "config", cluster, "--dir", folder, "--output-certs")
    assert printed.strip() == f"export KUBECONFIG={folder}/config"
    return folder


def test_config_opens_the_cluster(cli, cluster, config):
    shown = cli.json("coe", "cluster", "show", cluster)
    assert kube.kubeconfig(config)["clusters"][0]["cluster"]["server"] == shown["api_address"]
    assert kube.get(config, "/healthz") == (200, "ok")
    assert kube.ready_nodes(config) == 2 + 1, "nodes and the master"


def test_config_does_not_overwrite_without_force(cli, cluster, config):
    before = (config / "config").read_text()
    assert "exists, aborting" in cli.refusal("cluster", "config", cluster, "--dir", config)
    assert (config / "config").read_text() == before
    cli.coe("cluster", "config", cluster, "--dir", config, "--output-certs", "--force")
    assert (config / "config").read_text() != before
    assert kube.get(config, "/healthz") == (200, "ok")


def test_the_cluster_turns_strangers_away(config):
    try:
        status, _ = kube.get(config, "/healthz", with_certificate=False)
    except OSError:
        return
    assert status == 401


def test_ca_show_is_the_authority_of_the_cluster(cli, cluster, config):
    pem = cli.coe("ca", "show", cluster)
    assert pem.strip() == (config / "ca.pem").read_text().strip()
    assert "CA:TRUE" in kube.openssl("x509", "-noout", "-ext", "basicConstraints", stdin=pem)
    assert "PRIVATE" not in pem


def test_ca_sign_certifies_a_request(cli, cluster, config, tmp_path):
    request = tmp_path / "alice.csr"
    kube.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "alice.key", "-subj", "/O=dev/CN=alice", "-out", request)
    (tmp_path / "alice.pem").write_text(cli.coe("ca", "sign", cluster, request))
    kube.openssl("verify", "-CAfile", config / "ca.pem", tmp_path / "alice.pem")
    subject = kube.openssl("x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", tmp_path / "alice.pem")
    assert subject.strip() == "subject=CN=alice,O=dev"
    same = kube.openssl("x509", "-noout", "-pubkey", "-in", tmp_path / "alice.pem")
    assert same == kube.openssl("req", "-noout", "-pubkey", "-in", request)


def test_ca_sign_refuses_what_is_no_request(cli, cluster, tmp_path):
    (tmp_path / "nonsense.csr").write_text("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
    assert "HTTP 400" in cli.refusal("ca", "sign", cluster, tmp_path / "nonsense.csr")


def test_ca_rotate_replaces_the_authority(cli, cluster, config):
    before = (config / "ca.pem").read_text().strip()
    said = cli.coe("ca", "rotate", cluster)
    assert re.fullmatch(r"Request to rotate the CA certificate for cluster \S+ has been accepted\.\n", said)
    cli.wait(cluster, "UPDATE_COMPLETE")
    after = cli.coe("ca", "show", cluster).strip()
    assert after != before and after.count("BEGIN CERTIFICATE") == 1
    with pytest.raises(OSError):
        kube.get(config, "/healthz")
    cli.coe("cluster", "config", cluster, "--dir", config, "--output-certs", "--force")
    assert kube.get(config, "/healthz") == (200, "ok")


def test_credential_rotate_keeps_the_cluster_open(cli, cluster, config):
    said = cli.coe("credential", "rotate", cluster)
    assert re.fullmatch(r"Request to rotate credentials for cluster \S+ accepted\.\n", said)
    cli.wait(cluster, "UPDATE_COMPLETE")
    assert kube.get(config, "/healthz") == (200, "ok")
    assert "could not be found" in cli.coe("credential", "rotate", "absent")


def test_update_resizes(cli, cluster, config):
    done = cli.coe("cluster", "update", cluster, "--node-count", "3")
    assert done == f"Request to update cluster {cluster} has been accepted.\n"
    shown = cli.wait(cluster, "UPDATE_COMPLETE")
    assert shown["node_count"] == 3 and len(shown["node_addresses"]) == 3
    assert kube.ready_nodes(config) == 3 + 1


def test_update_refuses_what_cannot_change(cli, cluster):
    said = cli.refusal("cluster", "update", cluster, "--name", "renamed")
    assert "cannot change cluster property(ies) name" in said.lower() and "HTTP 400" in said
    assert cluster in cli.clusters()


def test_template_in_use_stays(cli, cluster, template):
    printed = cli.run("coe", "cluster", "template", "delete", template).stdout
    assert "referenced by one or multiple clusters" in printed and "HTTP 400" in printed
    assert cli.json("coe", "cluster", "template", "show", template)["name"] == template


def test_delete_leaves_an_empty_list(cli, cluster):
    done = cli.coe("cluster", "delete", cluster)
    assert done == f"Request to delete cluster {cluster} has been accepted.\n"
    cli.wait_gone(cluster)
    assert cli.clusters() == {}
