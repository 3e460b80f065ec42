"""Quotas, statistics and the service list through both releases of `openstack coe`."""

import pytest
from cli import grid, properties


@pytest.fixture(params=["current", "queens"])
def pair(request, make_cli):
    """The user's and the admin's command line of one release."""
    return make_cli(request.param), make_cli(request.param, "admin")


def project_of(cli):
    return cli.json("token", "issue")["project_id"]


def test_quotas(pair):
    user, admin = pair
    project = project_of(user)
    named = ["--project-id", project, "--resource", "Cluster"]
    assert properties(user.coe("quotas", "show", *named))["hard_limit"] == "20", "the configured one"
    made = properties(admin.coe("quotas", "create", *named, "--hard-limit", "5"))
    assert (made["project_id"], made["resource"], made["hard_limit"]) == (project, "Cluster", "5")
    # These commands print what went wrong and end with 0.
    assert "HTTP 409" in admin.coe("quotas", "create", *named, "--hard-limit", "6")
    assert "HTTP 403" in user.coe("quotas", "create", *named, "--hard-limit", "6")
    assert properties(admin.coe("quotas", "update", *named, "--hard-limit", "7"))["hard_limit"] == "7"
    listed = admin.coe("quotas", "list", "--all-tenants")
    assert grid(listed) == [(project, "Cluster", "7")]
    assert grid(admin.coe("quotas", "list")) == [], "the admin's own project has none"
    assert grid(admin.coe("quotas", "list", "--all-tenants", "--limit", "1", "--sort-key", "id")) == grid(listed)
    assert properties(user.coe("quotas", "show", *named))["hard_limit"] == "7"
    assert "HTTP 403" in user.coe("quotas", "delete", *named)
    admin.coe("quotas", "delete", *named)
    assert grid(admin.coe("quotas", "list", "--all-tenants")) == []
    assert "HTTP 404" in admin.coe("quotas", "delete", *named)


def test_a_quota_keeps_clusters_out(cli, admin, template):
    named = ["--project-id", project_of(cli), "--resource", "Cluster"]
    admin.coe("quotas", "create", *named, "--hard-limit", "0")
    assert "cluster quota of 0 reached" in cli.refusal("cluster", "create", "no-more", "--cluster-template", template)
    admin.coe("quotas", "delete", *named)


def test_stats(cli, pair, cluster):
    user, admin = pair
    project = project_of(user)
    expect = {"clusters": "1", "nodes": "3"}
    for who in (user, admin):
        assert {name: value for name, value in properties(who.coe("stats", "list", project)).items() if name in expect} == expect
    assert properties(admin.coe("stats", "list", "nobody"))["clusters"] == "0"
    assert "HTTP 403" in user.refusal("stats", "list", "nobody")


def test_services(pair):
    user, admin = pair
    [service] = admin.json("coe", "service", "list")
    assert (service["binary"], service["state"]) == ("magnum-conductor", "up")
    assert "HTTP 403" in user.refusal("service", "list")
