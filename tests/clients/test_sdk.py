"""openstacksdk: no version header, real JSON types, its own paging."""

import re
import time

import kube
import openstack
import pytest
from openstack import exceptions

PATIENCE = 180
TEMPLATE = {
    "name": "sdk", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public", "keypair_id": "testkey",
    "flavor_id": "m1.small", "master_flavor_id": "m1.small", "docker_volume_size": 5, "network_driver": "flannel",
    "labels": {"team": "blue", "etcd_volume_size": "1"}, "is_tls_disabled": False,
}


@pytest.fixture(scope="module")
def connect():
    """Connects somebody by his variables; options are those of a clouds.yaml."""
    connections = []

    def made(who, **options):
        connection = openstack.connect(
            load_yaml_config=False, load_envvars=False, auth_type="password", region_name=who.get("OS_REGION_NAME"),
            auth={
                "auth_url": who["OS_AUTH_URL"], "username": who["OS_USERNAME"], "password": who["OS_PASSWORD"],
                "project_name": who["OS_PROJECT_NAME"], "user_domain_name": who["OS_USER_DOMAIN_NAME"],
                "project_domain_name": who["OS_PROJECT_DOMAIN_NAME"],
            },
            **options,
        )
        connections.append(connection)
        return connection.container_infrastructure_management

    yield made
    for connection in connections:
        connection.close()


@pytest.fixture(scope="module")
def sdk(connect, service):
    return connect(service.user)


@pytest.fixture(scope="module")
def versioned(connect, service):
    """With a microversion, which stands behind this client's own word for the service in the header."""
    return connect(service.user, container_infrastructure_management_default_microversion="1.10")


@pytest.fixture(scope="module")
def template(sdk):
    created = sdk.create_cluster_template(**TEMPLATE)
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
    assert template.cluster_distro == "fedora-atomic" and template.labels == TEMPLATE["labels"]
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


def last_answer(service, path):
    """Version and status of the last answer to a POST of this path."""
    answers = re.findall(rf'http.method=POST http.path="{path}".* api.version=(\S+?)}}.* http.status=(\d+)', service.log_path.read_text())
    return answers[-1]


def acts(service, sdk, versioned, identity, action, **words):
    """Does what without a version is refused, and after which the client fails itself."""
    with pytest.raises(exceptions.HttpException) as refused:
        getattr(sdk.get_cluster(identity), action)(sdk, **words)
    assert refused.value.status_code == 406
    with pytest.raises(TypeError, match="'Response' object is not subscriptable"):
        getattr(versioned.get_cluster(identity), action)(versioned, **words)
    assert last_answer(service, f"/v1/clusters/{identity}/actions/{action}") == ("1.10", "202")


def test_a_cluster(service, sdk, versioned, template, tmp_path):
    created = sdk.create_cluster(name="sdk", cluster_template_id=template.id, node_count=1, master_count=1, create_timeout=10)
    cluster = wait(sdk, created.id, "CREATE_COMPLETE")
    assert cluster.name == "sdk" and cluster.api_address.startswith("https://")
    assert sdk.find_cluster("sdk").uuid == created.id
    assert [one.id for one in sdk.clusters()] == [created.id]
    certificate = sdk.get_cluster_certificate(created.id)
    assert certificate.pem.startswith("-----BEGIN CERTIFICATE-----")
    (tmp_path / "ca.pem").write_text(certificate.pem)
    request = tmp_path / "request.csr"
    kube.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-subj", "/CN=somebody", "-out", request)
    signed = sdk.create_cluster_certificate(cluster_uuid=created.id, csr=request.read_text())
    (tmp_path / "signed.pem").write_text(signed.pem)
    kube.openssl("verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "signed.pem")
    sdk.update_cluster(sdk.get_cluster(created.id), node_count=2)
    assert wait(sdk, created.id, "UPDATE_COMPLETE").node_count == 2
    acts(service, sdk, versioned, created.id, "resize", node_count=1)
    assert wait(sdk, created.id, "UPDATE_COMPLETE").node_count == 1
    labels = TEMPLATE["labels"] | {"kube_tag": "v1.12.7"}
    size = sdk.get_cluster_template(template.id).docker_volume_size
    other = sdk.create_cluster_template(**TEMPLATE | {"name": "newer", "docker_volume_size": size, "labels": labels})
    acts(service, sdk, versioned, created.id, "upgrade", cluster_template=other.id)
    assert wait(sdk, created.id, "UPDATE_COMPLETE").cluster_template_id == other.id
    assert [one.id for one in versioned.clusters()] == [created.id]
    sdk.delete_cluster(created.id, ignore_missing=False)
    end = time.monotonic() + PATIENCE
    while sdk.find_cluster("sdk", ignore_missing=True) is not None:
        assert time.monotonic() < end, "the cluster is still there"
        time.sleep(0.3)
    assert list(sdk.clusters()) == []
    sdk.delete_cluster_template(other, ignore_missing=False)


def test_services_are_for_administrators(connect, service, sdk):
    [one] = connect(service.admin).services()
    assert (one.binary, one.state, one.disabled_reason) == ("magnum-conductor", "up", None) and one.report_count > 0
    with pytest.raises(exceptions.ForbiddenException):
        list(sdk.services())


def test_refusals_have_their_class(sdk):
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_cluster("ghost")
    with pytest.raises(exceptions.BadRequestException):
        sdk.create_cluster(name="x", cluster_template_id="no-such-template")


def test_a_version_decides(versioned, connect, service):
    """From 1.10 on an unknown template is not found; a version that is not served is refused."""
    with pytest.raises(exceptions.NotFoundException):
        versioned.create_cluster(name="x", cluster_template_id="no-such-template")
    later = connect(service.user, container_infrastructure_management_default_microversion="1.99")
    with pytest.raises(exceptions.HttpException) as refused:
        list(later.clusters())
    assert refused.value.status_code == 406
