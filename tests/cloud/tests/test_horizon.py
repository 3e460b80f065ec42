"""Horizon's panels of Magnum, in a browser, from the first template to the deletion; its pictures are in `horizon/`."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dashboard import Dashboard

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = "/project/cluster_templates"
CLUSTERS = "/project/clusters"
INSTALL_SECONDS = 600


@pytest.fixture(scope="module")
def horizon(cloud):
    """Installed and started when it is asked for."""
    words = [*shlex.split(cloud["SERVICE_COMMAND"]), "horizon", "start"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return cloud["HORIZON_URL"]


@pytest.fixture
def page(horizon, run_folder, request):
    dashboard = Dashboard(horizon, run_folder / "horizon" / request.node.name)
    yield dashboard
    dashboard.end()
    strange = requests_of_panels(run_folder) - documented()
    assert not strange, strange


def requests_of_panels(run_folder):
    """What Horizon has asked our API so far, and got; nobody else here speaks its version."""
    log = (run_folder / "service" / "api.log").read_text()
    found = re.findall(r'http.method=(\w+) http.path="([^"]*)"[^\n]* api.version=1.10}[^\n]* http.status=(\d+)', log)
    return {(method, nameless(path), status) for method, path, status in found}


def nameless(path):
    return re.sub(r"/[0-9a-f]{32}\b", "/{project}", re.sub(r"/[0-9a-f]{8}-[0-9a-f-]{27}", "/{uuid}", path))


def documented():
    rows = re.findall(r"^\| ([A-Z]+) (/\S+) \| (\d+) \|$", (ROOT / "docs" / "HORIZON.md").read_text(), re.MULTILINE)
    return set(rows)


def request_for(name):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def make_template(page, cloud, story):
    story.template = f"template-{story.name}"
    page.open_panel(TEMPLATES)
    page.button("Create Cluster Template")
    page.write("name", story.template)
    page.choose("coe", "Kubernetes")
    page.tab("Node Spec")
    page.choose("image_id", cloud["IMAGE"])
    page.choose("flavor_id", cloud["FLAVOR"])
    page.choose("master_flavor_id", cloud["FLAVOR"])
    page.choose("keypair_id", cloud["KEYPAIR"])
    page.tab("Network")
    page.choose("external_network_id", cloud["EXTERNAL_NETWORK"])
    page.tab("Labels")
    page.write("labels", "etcd_volume_size=2")
    page.picture("template")
    page.submit()
    page.said("was successfully created")
    assert page.row(story.template)["COE"].lower() == "kubernetes"


def change_template(page, cloud, story):
    """Horizon sends everything that is not as it was, as texts."""
    page.act(story.template, "Update Cluster Template")
    page.tab("Network")
    page.is_chosen("external_network_id", cloud["EXTERNAL_NETWORK"])
    page.write("dns_nameserver", "9.9.9.9")
    page.submit()
    page.said("was successfully updated")


def make_cluster(page, story):
    page.open_panel(CLUSTERS)
    page.button("Create Cluster")
    page.write("name", story.name)
    page.choose("cluster_template_id", story.template)
    page.choose("availability_zone", "nova")
    page.tab("Size")
    page.write("node_count", "1")
    page.picture("cluster")
    page.submit()
    page.said("was successfully created")
    [story.uuid] = [row.id for row in story.user.container_infrastructure_management.clusters() if row.name == story.name]


def look_at_details(page, story):
    page.click(f"//tr//a[normalize-space()='{story.name}']")
    for label, value in (("Node Count", "1"), ("Status", "CREATE_COMPLETE"), ("ID", story.uuid)):
        page.until(lambda: page.find(f"//dt[normalize-space()='{label}']/following-sibling::dd[1][contains(., '{value}')]"), label)
    page.picture("details")
    page.open_panel(CLUSTERS)


def sign(page, story):
    """The authority first, then a certificate of it, both as files."""
    page.act(story.name, "Show Certificate")
    authority = x509.load_pem_x509_certificate(page.download("_ca.pem").encode())
    page.act(story.name, "Sign Certificate")
    page.write("public-key", request_for("alice"))
    page.picture("sign")
    page.submit()
    signed = x509.load_pem_x509_certificate(page.download("_cert.pem").encode())
    signed.verify_directly_issued_by(authority)
    assert signed.subject.rfc4514_string() == "CN=alice"


def resize(page, story):
    page.act(story.name, "Resize Cluster")
    page.write("node_count", "2")
    page.picture("resize")
    page.submit()
    page.said("Cluster is being resized")
    story.complete("UPDATE")
    assert len(story.servers()) == 3


def delete(page, path, name, what):
    page.open_panel(path)
    page.act(name, f"Delete {what}")
    page.picture(f"delete {what}")
    page.submit()
    page.said(f"Deleted {what.lower()}")


def test_panels_of_a_user(page, tell, cloud, cli):
    story = tell("horizon")
    page.log_in("demo", cloud["DEMO_PASSWORD"])
    make_template(page, cloud, story)
    change_template(page, cloud, story)
    assert cli.json("coe", "cluster", "template", "show", story.template)["dns_nameserver"] == "9.9.9.9"
    make_cluster(page, story)
    assert page.row(story.name)["Status"].upper().replace(" ", "_") in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    story.complete()
    page.open_panel(CLUSTERS)
    page.picture("clusters")
    look_at_details(page, story)
    sign(page, story)
    resize(page, story)
    delete(page, CLUSTERS, story.name, "Cluster")
    story.wait_gone()
    assert story.left() == {}
    delete(page, TEMPLATES, story.template, "Cluster Template")
    assert story.template not in cli.coe("cluster", "template", "list")


@pytest.fixture
def quota(cloud, make_cli):
    """Asks for the quota of a project, which has none of its own after the test."""
    administrator = make_cli("admin")
    words = ["--project-id", cloud["ALT_PROJECT_ID"], "--resource", "Cluster"]
    yield lambda: int(re.search(r"hard_limit +\| (\d+) ", administrator.coe("quotas", "show", *words))[1])
    administrator.run("coe", "quotas", "delete", *words)


def test_quotas_of_an_administrator(page, cloud, quota):
    """Horizon's own dialog for changing one gives its own code the project twice, so nothing of it reaches a service."""
    panel, project, configured = "/admin/container_infra/quotas", cloud["ALT_PROJECT_ID"], quota()
    page.log_in("admin", cloud["ADMIN_PASSWORD"])
    page.open_panel(panel)
    page.button("Create Quota")
    page.choose("project_id", cloud["ALT_PROJECT"])
    page.write("hard_limit", "7")
    page.submit()
    page.said("was successfully created")
    assert page.row(project)["Hard Limit"] == "7"
    page.picture("quotas")
    assert quota() == 7
    delete(page, panel, project, "Quota")
    assert quota() == configured
