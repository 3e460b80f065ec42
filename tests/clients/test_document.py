"""The document of the API against the service: schemathesis sends what it allows and what it does not.

The service has a template, a cluster, node groups and quotas, and the document that schemathesis reads names them: what it
sends gets further than a refusal, which is asserted.
"""

import copy
import json
import os
import re
import subprocess
import time
from collections import Counter, defaultdict

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rest import Person, send
from service import Service

# What the document promises. That a wrong body is refused is not among it: numbers may come as text, as clients send them.
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
]
SECONDS = 300
BUILD_SECONDS = 120
METHODS = ["get", "post", "patch", "delete"]
TEMPLATE = {
    "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public", "keypair_id": "testkey",
    "flavor_id": "m1.small", "master_flavor_id": "m1.small", "network_driver": "flannel",
}
# Who asks of what is theirs, in which version, for which paths and how thoroughly; and what a policy keeps from them.
RUNS = {
    "admin": ("admin", "latest", "^/(?!v1/bay)", "examples,coverage,fuzzing", set()),
    "member": ("user", "latest", "^/(?!v1/bay)", "examples,fuzzing", {
        "get /v1/mservices", "get /v1/quotas", "post /v1/quotas", "patch /v1/quotas/{project}/{resource}",
        "delete /v1/quotas/{project}/{resource}",
    }),
    "old names": ("user", "1.10", "^/v1/bay", "examples,coverage,fuzzing", set()),
}


def signing_request():
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class Furniture:
    """What the requests of one run are about, and as much again for what deletes."""

    def __init__(self, person, projects):
        self.person, self.csr = person, signing_request()
        self.projects = {"kept": projects["other"], "gone": projects["service"], "new": projects["admin"]}
        found = person.ask("GET", "/v2.0/networks?name=private", service="network")["networks"]
        self.network = next(one for one in found if one["subnets"])
        self.templates = {name: self.template(name) for name in ["kept", "gone"]}
        self.clusters = {name: self.cluster(name) for name in ["kept", "gone"]}

    def complete(self):
        self.wait()
        self.groups = {name: self.group(name) for name in ["kept", "gone"]}
        self.wait()

    def template(self, name):
        return self.person.ask("POST", "/clustertemplates", TEMPLATE | {"name": name})["uuid"]

    def cluster(self, name):
        return self.person.ask("POST", "/clusters", {"name": name, "cluster_template_id": self.templates["kept"]})["uuid"]

    def group(self, name):
        path = f"/clusters/{self.clusters['kept']}/nodegroups"
        return self.person.ask("POST", path, {"name": name, "node_count": 1})["uuid"]

    def wait(self):
        """Until the cluster that is kept is complete, with its node groups."""
        end = time.monotonic() + BUILD_SECONDS
        path = f"/clusters/{self.clusters['kept']}"
        while time.monotonic() < end:
            found = [self.person.ask("GET", path), *self.person.ask("GET", f"{path}/nodegroups")["nodegroups"]]
            states = [one["status"] for one in found]
            if all(state.endswith("_COMPLETE") for state in states):
                return
            assert not any(state.endswith("_FAILED") for state in states), found
            time.sleep(0.3)
        raise AssertionError(found)

    def names(self, method, path):
        """Names for the parts of a path: of what is kept, or of what may go."""
        which = "gone" if method == "delete" else "kept"
        idents = self.templates if "/clustertemplates" in path or "/baymodels" in path else self.clusters
        # A node group that may go is one of the cluster that is kept; who may not set quotas sees their own.
        ident = idents["kept" if "{nodegroup}" in path else which]
        project = self.person.project if method == "get" else self.projects[which]
        return {"ident": ident, "nodegroup": self.groups[which], "project": project, "resource": "Cluster"}

    def values(self):
        """What attributes of bodies name."""
        cluster, template = self.clusters["kept"], self.templates["kept"]
        return {
            "cluster_template_id": template, "baymodel_id": template, "cluster_template": template, "hostcluster_id": cluster,
            "cluster_uuid": cluster, "csr": self.csr, "nodegroup": self.groups["kept"], "keypair": "testkey",
            "fixed_network": self.network["id"], "fixed_subnet": self.network["subnets"][0], "volume_driver": "cinder",
            "dns_nameserver": "8.8.8.8", "docker_storage_driver": "overlay2", "server_type": "vm", **TEMPLATE,
        }

    def body(self, method, path):
        """A right body for a request that has one."""
        def replace(name, value):
            return [{"op": "replace", "path": f"/{name}", "value": value}]

        values = self.values()
        cluster = "/v1/clusters/{ident}"
        bodies = {
            "post /v1/clusters": {"cluster_template_id": values["cluster_template_id"]},
            "post /v1/bays": {"baymodel_id": values["baymodel_id"]},
            "post /v1/clustertemplates": TEMPLATE, "post /v1/baymodels": TEMPLATE,
            "post /v1/certificates": {"cluster_uuid": values["cluster_uuid"], "csr": values["csr"]},
            f"post {cluster}/nodegroups": {"name": "new", "node_count": 1},
            f"post {cluster}/actions/resize": {"node_count": 2},
            f"post {cluster}/actions/upgrade": {"cluster_template": values["cluster_template"]},
            "post /v1/quotas": {"project_id": self.projects["new"], "resource": "Cluster", "hard_limit": 25},
            "patch /v1/quotas/{project}/{resource}": {"hard_limit": 26},
            "post /v1/federations": {"hostcluster_id": values["hostcluster_id"], "properties": {"dns-zone": "example.org"}},
            f"patch {cluster}": replace("node_count", 2), "patch /v1/bays/{ident}": replace("node_count", 2),
            "patch /v1/clustertemplates/{ident}": replace("name", "renamed"),
            "patch /v1/baymodels/{ident}": replace("name", "renamed"),
            f"patch {cluster}/nodegroups/{{nodegroup}}": replace("max_node_count", 3),
        }
        return bodies.get(f"{method} {path}")


def sent(document, operation):
    """The attributes of the object that a request sends, by their names."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = document["components"]["schemas"].get(content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1], {})
    return schema.get("properties", {})


def named(document, furniture):
    """The document with what is there in the places of names."""
    document = copy.deepcopy(document)
    values = furniture.values()
    for path, item in document["paths"].items():
        for method in set(METHODS) & item.keys():
            for name, attribute in sent(document, item[method]).items():
                if name in values and "string" in attribute["type"]:
                    attribute["enum"] = [values[name]]
                if name == "node_count":
                    attribute["maximum"] = 3
            parameters = item[method].setdefault("parameters", [])
            for name, value in furniture.names(method, path).items():
                if f"{{{name}}}" in path and "federations" not in path:
                    schema = {"type": "string", "enum": [value]}
                    parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
            if body := furniture.body(method, path):
                item[method]["requestBody"]["content"]["application/json"]["example"] = body
    return document


def successes(document, paths):
    """What the document says may succeed, of these paths; not what takes the secret name of a place for etcd."""
    found = set()
    for path, item in document["paths"].items():
        for method in set(METHODS) & item.keys():
            may_succeed = any(status.startswith("2") for status in item[method]["responses"])
            if may_succeed and re.match(paths, path) and "{key}" not in path:
                found.add(f"{method} {path}")
    return found


def statuses(report):
    """How often each request of the document was answered with each status, by what schemathesis reports."""
    found = defaultdict(Counter)
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            method, path = recorder["label"].split(" ", 1)
            found[f"{method.lower()} {path}"][interaction.get("response", {}).get("status_code")] += 1
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A service of its own: what is made up at random shall not meet the clusters of other tests."""
    running = Service(tmp_path_factory.mktemp("document"))
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(scope="module")
def furniture(alone):
    """That of each run, all of it there before anything is made up."""
    admin = Person(alone.admin)
    people = {run: Person(getattr(alone, who)) for run, (who, *_) in RUNS.items()}
    projects = {one["name"]: one["id"] for one in admin.ask("GET", "/projects", service="identity")["projects"]}
    for name in ["other", "service"]:
        admin.ask("POST", "/quotas", {"project_id": projects[name], "resource": "Cluster", "hard_limit": 30})
    for project in {person.project for person in people.values()}:
        # Sizes are made up too, and a cloud for all of them is not the test.
        admin.ask("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 40}}, service="compute")
    made = {run: Furniture(person, projects) for run, person in people.items()}
    for one in made.values():
        one.complete()
    return made


@pytest.mark.parametrize("run", RUNS)
def test_no_answer_that_the_document_does_not_know(run, alone, furniture, tmp_path):
    _, version, paths, phases, kept_away = RUNS[run]
    _, document = send("GET", f"{alone.url}/openapi.json")
    file, report = tmp_path / "openapi.json", tmp_path / "report.ndjson"
    file.write_text(json.dumps(named(document, furniture[run])))
    command = [
        f"{os.environ['MAGNUM_CLIENTS_SCHEMATHESIS']}/schemathesis", "run", file, "--url", alone.url,
        "--header", f"X-Auth-Token: {furniture[run].person.token}", "--header", f"OpenStack-API-Version: container-infra {version}",
        "--include-path-regex", paths, "--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", "10",
        "--seed", "1", "--no-color", "--generation-database", "none", "--no-shrink", "--continue-on-failure",
        "--report", "ndjson", "--report-ndjson-path", report,
    ]
    environment = os.environ | {"NO_PROXY": "*", "no_proxy": "*"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-8000:]
    found = statuses(report)
    wanted = successes(document, paths) - kept_away
    never = {one: dict(found[one]) for one in wanted if not any(str(status).startswith("2") for status in found[one])}
    assert not never, "these never succeeded"
