"""One service for all client tests of a process; each test file makes the templates and clusters it needs."""

import os
from pathlib import Path

import pytest
from cli import Cli
from compatibility import OF_FILE, OTHERS, PAGE, Record, command_of
from service import Service

TEMPLATE = [
    "--coe", "kubernetes", "--image", "fedora-atomic-27", "--external-network", "public", "--keypair", "testkey",
    "--flavor", "m1.small", "--master-flavor", "m1.small", "--docker-volume-size", "5", "--network-driver", "flannel",
]

RECORD = Record()
#: The file and the outcome of each report.
REPORTS = []
#: What is not as docs/COMPATIBILITY.md says.
WRONG = []


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
        home = tmp_path_factory.mktemp("home")
        return Cli(folder, getattr(service, who) | variables, home, lambda program: RECORD.sending(command_of(program, clients)))

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
    if item.path.name in OTHERS:
        return (yield)
    RECORD.begin(item.path.name)
    failures = item.session.testsfailed
    ran = yield
    RECORD.end(item.name, item.session.testsfailed > failures)
    return ran


def pytest_runtest_logreport(report):
    """Notes, where all processes' reports arrive, how each file went."""
    REPORTS.append((Path(report.nodeid.split("::")[0]).name, report.outcome))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Takes over what one of several processes has noted."""
    if "record" in (given := getattr(node, "workeroutput", {})):
        RECORD.add(given["record"])


def is_whole(config):
    """Every test of every client ran."""
    ran = {file for file, outcome in REPORTS}
    every = {path.name for path in Path(__file__).parent.glob("test_*.py")} - OTHERS
    chosen = config.option.keyword or any("::" in argument for argument in config.args)
    return every <= ran and not chosen


def pytest_sessionfinish(session):
    """Compares the page with what was sent, or writes it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["record"] = RECORD.plain()
        return
    WRONG.extend(sorted(RECORD.unknown))
    if is_whole(session.config):
        skipped = {OF_FILE[file] for file, outcome in REPORTS if outcome == "skipped" and file in OF_FILE}
        if os.environ.get("UPDATE") == "1" and not skipped:
            PAGE.write_text(RECORD.page())
            WRONG.extend(RECORD.unexplained())
        elif "failed" not in {outcome for _, outcome in REPORTS}:
            WRONG.extend(RECORD.differences(skipped))
    if WRONG and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if WRONG:
        terminalreporter.section("what clients send is not what docs/COMPATIBILITY.md says; UPDATE=1 make clients writes it anew")
        for said in WRONG:
            terminalreporter.line(said)
