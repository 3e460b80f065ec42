"""openstacksdk: no version header, real JSON types, its own paging."""

import time

import openstack
import pytest
from openstack import exceptions

PATIENCE = 180


@pytest.fixture(scope="module")
def sdk(service):
    user = service.user
    connection = openstack.connect(
        load_yaml_config=False, load_envvars=False, auth_type="password", region_name=user.get("OS_REGION_NAME"),
        auth={
            "auth_url": user["OS_AUTH_URL"], "username": user["OS_USERNAME"], "password": user["OS_PASSWORD"],
            "project_name": user["OS_PROJECT_NAME"], "user_domain_name": user["OS_USER_DOMAIN_NAME"],
            "project_domain_name": user["OS_PROJECT_DOMAIN_NAME"],
        },
    )
    yield connection.container_infrastructure_management
    connection.close()


@pytest.fixture(scope="module")
def template(sdk):
    created = sdk.create_cluster_template(
        name="sdk", coe="kubernetes", image_id="fedora-atomic-27", external_network_id="public", keypair_id="testkey",
        flavor_id="m1.small", master_flavor_id="m1.small", docker_volume_size=5, network_driver="flannel",
        labels={"team": "blue"}, is_tls_disabled=False,
    )
    yield created
    sdk.delete_cluster_template(created, ignore_missing=False)


def wait(sdk, identity, status):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        cluster = sdk.get_cluster(identity)
        if cluster.status == status:
            return cluster
        assert not cluster.status.endswith("_FAILED"), cluster.to_dict()
        time.sleep(0.3)
    raise AssertionError(f"{cluster.status} and not {status} after {PATIENCE} s")


def test_templates(sdk, template):
    assert template.cluster_distro == "fedora-atomic" and template.labels == {"team": "blue"}
    assert sdk.find_cluster_template("sdk").uuid == template.id
    assert template.id in [one.id for one in sdk.cluster_templates()]
    changed = sdk.update_cluster_template(sdk.get_cluster_template(template.id), docker_volume_size=6)
    assert changed.docker_volume_size == 6
    assert sdk.find_cluster_template("no-such", ignore_missing=True) is None


def test_paging_ends(sdk, template):
    more = [sdk.create_cluster_template(**{
        "name": f"page-{number}", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
        "flavor_id": "m1.small", "docker_volume_size": 5,
    }) for number in range(4)]
    wanted = {template.id, *(one.id for one in more)}
    for limit in (1, 2, 5, 50):
        seen = [one.id for one in sdk.cluster_templates(limit=limit)]
        assert len(seen) == len(set(seen)) and wanted <= set(seen), f"limit {limit}"
    for one in more:
        sdk.delete_cluster_template(one, ignore_missing=False)


def test_a_cluster(sdk, template):
    created = sdk.create_cluster(name="sdk", cluster_template_id=template.id, node_count=1, master_count=1, create_timeout=10)
    cluster = wait(sdk, created.id, "CREATE_COMPLETE")
    assert cluster.name == "sdk" and cluster.api_address.startswith("https://")
    assert sdk.find_cluster("sdk").uuid == created.id
    assert [one.id for one in sdk.clusters()] == [created.id]
    certificate = sdk.get_cluster_certificate(created.id)
    assert certificate.pem.startswith("-----BEGIN CERTIFICATE-----")
    sdk.update_cluster(sdk.get_cluster(created.id), node_count=2)
    assert wait(sdk, created.id, "UPDATE_COMPLETE").node_count == 2
    sdk.delete_cluster(created.id, ignore_missing=False)
    end = time.monotonic() + PATIENCE
    while sdk.find_cluster("sdk", ignore_missing=True) is not None:
        assert time.monotonic() < end, "the cluster is still there"
        time.sleep(0.3)
    assert list(sdk.clusters()) == []


def test_refusals_have_their_class(sdk):
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_cluster("ghost")
    with pytest.raises(exceptions.BadRequestException):
        sdk.create_cluster(name="x", cluster_template_id="no-such-template")
