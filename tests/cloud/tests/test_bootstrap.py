"""`magnum bootstrap` on the real Keystone, for a service under names of its own."""

import configparser
import os
import subprocess
from pathlib import Path

import pytest
from player import cloud as environment

PROGRAM = os.environ.get("MAGNUM_BIN") or Path(__file__).resolve().parents[3] / "target" / "debug" / "magnum"
USER, PROJECT, DOMAIN, ADMIN = "other-magnum", "other-service", "other-trustees", "other-trustee-admin"
NAMES = ["--service-user", USER, "--service-project", PROJECT, "--trustee-domain", DOMAIN, "--trustee-admin", ADMIN]


@pytest.fixture
def identity(view):
    """Keystone as its administrator has it; what the test has made in it goes with the test."""
    proxy = view.connection.identity
    yield proxy
    if domain := proxy.find_domain(DOMAIN):
        proxy.update_domain(domain, is_enabled=False)
        proxy.delete_domain(domain)
    if user := proxy.find_user(USER):
        proxy.delete_user(user)
    if project := proxy.find_project(PROJECT):
        proxy.delete_project(project)


def made(identity):
    found = (identity.find_user(USER), identity.find_project(PROJECT), identity.find_domain(DOMAIN))
    return [one for one in found if one]


def test_a_service_under_other_names(cloud, identity, tmp_path):
    written = tmp_path / "magnum.conf"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    variables |= environment.variables(cloud, "admin")

    def bootstrap(*words):
        done = subprocess.run([PROGRAM, *words], env=variables, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = f"http://127.0.0.1:{cloud['CONTAINER_INFRA_PORT']}/v1"
    first = ["bootstrap", "--url", url, "--write-config", written, *NAMES, "--database-connection", f"sqlite:///{tmp_path}/other.sqlite"]
    assert "Nothing was done" in bootstrap(*first, "--dry-run")
    assert not written.exists() and made(identity) == []
    assert "Done: " in bootstrap(*first)
    again = ["--config-file", written, "bootstrap", "--url", url]
    for words in (again, [*again, "--dry-run"]):
        assert "Everything is as it should be" in bootstrap(*words)
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(written)
    log_in(cloud, identity, settings)


def log_in(cloud, identity, settings):
    """Both users can, with what was written, and have the roles that they need."""
    own, trust = settings["keystone_authtoken"], settings["trust"]
    service = environment.connect(cloud, "admin", username=own["username"], password=own["password"], project_name=PROJECT)
    token = service.session.get_token()
    headers = {"X-Subject-Token": token}
    said = identity.get("/auth/tokens", headers=headers).json()["token"]
    assert {"admin", "service"} <= {role["name"] for role in said["roles"]}
    assert (said["user"]["name"], said["project"]["name"]) == (USER, PROJECT)
    domain = identity.find_domain(DOMAIN)
    password = {"user": {"name": ADMIN, "domain": {"id": domain.id}, "password": trust["trustee_domain_admin_password"]}}
    auth = {"identity": {"methods": ["password"], "password": password}, "scope": {"domain": {"id": domain.id}}}
    answer = identity.post("/auth/tokens", json={"auth": auth})
    assert answer.status_code == 201, answer.text
    assert "admin" in {role["name"] for role in answer.json()["token"]["roles"]}
