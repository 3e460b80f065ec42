"""gophercloud, which Terraform and Kubernetes' autoscaler are built on: a program in Go with every call it has."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("gophercloud")
# Debian's Go libraries lie where Go looked before it had modules.
GO = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
CALLS = [
    "quotas.Create", "clustertemplates.Create", "clustertemplates.Get", "clustertemplates.List", "clustertemplates.Update",
    "clusters.Create", "clusters.List", "clusters.ListDetail", "clusters.Update", "clusters.Resize", "certificates.Get",
    "certificates.Create", "certificates.Update", "nodegroups.Create", "nodegroups.List", "nodegroups.Update", "nodegroups.Delete",
    "clusters.Delete", "clustertemplates.Delete",
]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gophercloud")
    if not shutil.which("go") or not Path(GO["GOPATH"], "src/github.com/gophercloud").is_dir():
        pytest.skip("golang-go and golang-github-gophercloud-gophercloud-dev are not installed")
    built = subprocess.run(
        ["go", "build", "-o", folder / "calls", "."], cwd=SOURCE, capture_output=True, text=True, check=False, timeout=600,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GOCACHE": str(folder / "cache"), **GO},
    )
    assert built.returncode == 0, built.stderr
    return folder / "calls"


def test_every_call(program, service, admin, tmp_path):
    project = admin.json("project", "show", service.user["OS_PROJECT_NAME"])["id"]
    request = tmp_path / "request.csr"
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-subj", "/CN=gopher",
         "-out", request], check=True, capture_output=True,
    )
    variables = service.user | {f"ADMIN_{name}": value for name, value in service.admin.items()}
    done = subprocess.run(
        [program, project, request], env={"PATH": "/usr/bin:/bin"} | variables, capture_output=True, text=True, check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[-1] == "every call was answered as gophercloud wants it"
    assert set(CALLS) <= set(said), done.stdout
