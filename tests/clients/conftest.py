"""One service for all client tests of a process; each test file makes the templates and clusters it needs."""

import os

import pytest
from cli import Cli
from compatibility import Record, client_of
from service import Service

TEMPLATE = [
    "--coe", "kubernetes", "--image", "fedora-atomic-27", "--external-network", "public", "--keypair", "testkey",
    "--flavor", "m1.small", "--master-flavor", "m1.small", "--docker-volume-size", "5", "--network-driver", "flannel",
]

RECORD = Record()


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """A running `magnum all --devcloud`; that it stops cleanly on SIGTERM is part of the test."""
    running = Service(tmp_path_factory.mktemp("service"))
    yield running
    status = running.stop()
    assert status == 0, f"exit status {status} after SIGTERM:\n{running.log()}"


@pytest.fixture(scope="session")
def make_cli(service, tmp_path_factory):
    """Makes a command line: of the `current` or `queens` clients, for the `user` or the `admin`."""

    def make(clients="current", who="user", **variables):
        folder = os.environ[f"MAGNUM_CLIENTS_{clients.upper()}"]
        return Cli(folder, getattr(service, who) | variables, tmp_path_factory.mktemp("home"))

    return make


@pytest.fixture(scope="session")
def cli(make_cli):
    return make_cli()


@pytest.fixture(scope="session")
def admin(make_cli):
    return make_cli(who="admin")


@pytest.fixture(scope="module")
def template(cli, request):
    """A template of its own for each test file."""
    name = f"template-{request.module.__name__.replace('_', '-')}"
    cli.coe("cluster", "template", "create", name, *TEMPLATE, "--master-lb-enabled")
    yield name
    cli.coe("cluster", "template", "delete", name)


@pytest.fixture(scope="module")
def cluster(cli, template):
    """A complete cluster of two nodes, shared by the tests of a file."""
    name = f"cluster-of-{template}"
    accepted = cli.coe("cluster", "create", name, "--cluster-template", template, "--node-count", "2")
    assert "accepted" in accepted
    cli.wait(name, "CREATE_COMPLETE")
    yield name
    if name in cli.clusters():
        cli.coe("cluster", "delete", name)
        cli.wait_gone(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Notes what the clients sent while the test and its fixtures ran."""
    before, failures = RECORD.positions(), item.session.testsfailed
    ran = yield
    if client := client_of(item.path):
        RECORD.add(before, client, item.name, item.session.testsfailed > failures)
    return ran


def pytest_sessionfinish():
    RECORD.write()
