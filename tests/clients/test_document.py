"""The document of the API against the service: schemathesis sends what it allows and what it does not."""

import json
import os
import subprocess
import urllib.request

import pytest
from service import OPENER, Service

# What the document promises. That a wrong body is refused is not among it: numbers may come as text, as clients send them.
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
]
SECONDS = 45


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A service of its own: what is made up at random shall not meet the clusters of other tests."""
    running = Service(tmp_path_factory.mktemp("document"))
    yield running
    assert running.stop() == 0, running.log()


def token(who):
    """A token, as the password of these variables gives one."""
    password = {"user": {"name": who["OS_USERNAME"], "password": who["OS_PASSWORD"],
                         "domain": {"name": who["OS_USER_DOMAIN_NAME"]}}}
    scope = {"project": {"name": who["OS_PROJECT_NAME"], "domain": {"name": who["OS_PROJECT_DOMAIN_NAME"]}}}
    body = {"auth": {"identity": {"methods": ["password"], "password": password}, "scope": scope}}
    request = urllib.request.Request(f"{who['OS_AUTH_URL']}/auth/tokens", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with OPENER.open(request, timeout=30) as answer:
        return answer.headers["X-Subject-Token"]


def test_no_answer_that_the_document_does_not_know(alone, tmp_path):
    who = token(alone.admin)
    command = [
        f"{os.environ['MAGNUM_CLIENTS_SCHEMATHESIS']}/schemathesis", "run", f"{alone.url}/openapi.json",
        "--url", alone.url, "--header", f"X-Auth-Token: {who}", "--header", "OpenStack-API-Version: container-infra latest",
        "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-time", str(SECONDS),
        "--max-examples", "10", "--seed", "1", "--no-color", "--generation-database", "none", "--no-shrink",
        "--continue-on-failure",
    ]
    environment = os.environ | {"NO_PROXY": "*", "no_proxy": "*"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS * 4, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-8000:]
