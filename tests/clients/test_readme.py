"""Every command of README.md is run; a new block without a test here fails.

A fenced block carries after its language the word that says how it is run: ```` ```sh walk ````.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli import Cli
from service import Service, free_port, get

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*) ?([\w.]*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SECONDS = 600


def blocks(word):
    return [text for _, tag, text in BLOCKS if tag == word]


def environment(**variables):
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "MAKE", "MFLAGS"))}
    return {"SHELL": "/bin/bash"} | plain | {"MAGNUM": os.environ["MAGNUM_BIN"]} | variables


def run(script, cwd, env):
    """Runs a block as a person who pastes it, but stopping at the first command that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=cwd, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What `make run` gives, on another port than the usual one."""
    port = free_port()
    (script,) = blocks("run")
    command = ["env", f"MAGNUM={os.environ['MAGNUM_BIN']}", *script.split(), f"RUN_ARGS=--listen 127.0.0.1:{port}"]
    made = Service(tmp_path_factory.mktemp("make-run"), command=command, listen=f"http://127.0.0.1:{port}")
    yield made
    os.killpg(made.process.pid, signal.SIGINT)
    made.process.wait(30)
    with pytest.raises(OSError):
        get(f"{made.url}/healthcheck")
    made.stop()


def test_every_block_has_a_test():
    tags = {tag for _, tag, _ in BLOCKS}
    assert tags == {"demo", "test", "run", "client", "walk", "magnum.conf", "bootstrap", "deploy"}


def test_every_target_and_file_exists():
    targets = set(re.findall(r"\bmake ([a-z]+)", README)) | {script.split()[1] for script in blocks("test")}
    for target in targets & set(re.findall(r"`make ([a-z]+)`", README)) | {"demo", "test", "run"}:
        run(f"make --dry-run {target}", ROOT, environment())
    for path in re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`([\w/.-]+\.(?:rs|toml))`", README):
        assert (ROOT / path).exists(), path


@pytest.fixture(scope="module")
def demo():
    """What `make demo` prints; it exits with 0."""
    (script,) = blocks("demo")
    return run(script, ROOT, environment())


def test_demo(demo):
    assert "demo passed" in demo and "CREATE_COMPLETE" in demo


def clean(made, folder):
    """Removes what a failed test left, so that each failure is one."""
    client = Cli(os.environ["MAGNUM_CLIENTS_CURRENT"], made.user, folder)
    for name in client.clusters():
        client.coe("cluster", "delete", name)
        client.wait_gone(name)
    for row in client.json("coe", "cluster", "template", "list"):
        client.coe("cluster", "template", "delete", row["uuid"])
    return client


def test_the_commands_that_the_demo_prints(demo, made, tmp_path):
    """Each does what the demo did; those that are accepted before they are done are waited for."""
    commands = re.findall(r"^ +(openstack coe .*)$", demo.replace("\\\n", " "), re.MULTILINE)
    verbs = [re.match(r"openstack coe (?:cluster )?(template create|\w+)", command)[1] for command in commands]
    assert verbs[:2] == ["template create", "create"] and {"config", "update", "delete"} <= set(verbs)
    client = Cli(os.environ["MAGNUM_CLIENTS_CURRENT"], made.user, tmp_path)
    bash_environment = environment(**client.env)
    for verb, command in zip(verbs, commands, strict=True):
        run(command, tmp_path, bash_environment)
        if verb == "create":
            client.wait("demo", "CREATE_COMPLETE")
        if verb == "update":
            assert client.wait("demo", "UPDATE_COMPLETE")["node_count"] == 3
    client.wait_gone("demo")
    assert (tmp_path / "config").exists()
    clean(made, tmp_path)


def test_walk(made, tmp_path):
    clean(made, tmp_path)
    (client,) = blocks("client")
    pins = ROOT / "tests/clients/requirements-current.txt"
    script = "\n".join([client, *blocks("walk")])
    cache = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache/pip"))
    paste = environment(PIP_CONSTRAINT=str(pins), PIP_CACHE_DIR=cache, HOME=str(tmp_path), **made.user)
    printed = run(script, tmp_path, paste)
    assert re.search(r"^CREATE_COMPLETE$", printed, re.MULTILINE)
    assert re.search(r"^UPDATE_COMPLETE$", printed, re.MULTILINE)
    assert "-----BEGIN CERTIFICATE-----" in printed
    assert re.search(r"^ok", printed, re.MULTILINE), "the answer of /healthz"
    left = Cli(tmp_path / ".venv/bin", made.user, tmp_path)
    assert left.clusters() == {} and left.json("coe", "cluster", "template", "list") == []


@pytest.fixture
def deployed(tmp_path):
    """The folder with the README's magnum.conf, which here points to a SQLite file and to no broker."""
    (text,) = blocks("magnum.conf")
    text, times = re.subn(r"^connection = .*$", f"connection = sqlite:///{tmp_path}/magnum.sqlite", text, flags=re.MULTILINE)
    assert times == 1
    broker = os.environ.get("TEST_RABBIT_URL", "").replace("amqp://", "rabbit://").replace("%2f", "")
    text, times = re.subn(r"^transport_url = .*$", f"transport_url = {broker}" if broker else "", text, flags=re.MULTILINE)
    assert times == 1
    text = text.replace("/etc/magnum/secret.key", f"{tmp_path}/secret.key")
    text = text.replace("host = 0.0.0.0", f"host = 127.0.0.1\nport = {free_port()}")
    (tmp_path / "magnum.conf").write_text(text)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/magnum").symlink_to(os.environ["MAGNUM_BIN"])
    return tmp_path


def test_bootstrap(deployed, tmp_path_factory):
    """On a simulated cloud, whose own service's accounts have the usual names, under names of its own."""
    service = Service(tmp_path_factory.mktemp("cloud"))
    try:
        conf = deployed / "magnum.conf"
        text = conf.read_text().replace("http://controller:5000/v3", service.admin["OS_AUTH_URL"])
        for option in ("username", "trustee_domain_name"):
            text, times = re.subn(rf"^{option} = magnum$", f"{option} = readme", text, flags=re.MULTILINE)
            assert times == 1
        conf.write_text(text)
        paste = environment(PATH=f"{deployed}/bin:{os.environ['PATH']}", **service.admin)
        dry, real = (line for text in blocks("bootstrap") for line in text.splitlines())
        assert "Nothing was done" in run(dry, deployed, paste) and not (deployed / "magnum.sqlite").exists()
        assert "Done: " in run(real, deployed, paste)
        assert "Everything is as it should be" in run(real, deployed, paste)
    finally:
        service.stop()


def wait_for(ready, log):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready after 30 s:\n{log.read_text()}")


def test_deploy(deployed):
    path = environment(PATH=f"{deployed}/bin:{os.environ['PATH']}")
    lines = [line for text in blocks("deploy") for line in text.splitlines()]
    servers = [line for line in lines if line.endswith((" api", " conductor"))]
    assert len(servers) == 2
    port = re.search(r"^port = (\d+)$", (deployed / "magnum.conf").read_text(), re.MULTILINE)[1]
    running = []
    try:
        for line in lines:
            if line in servers:
                with open(deployed / f"{len(running)}.log", "w") as log:
                    running.append(subprocess.Popen(line.split(), cwd=deployed, env=path, stdout=log, stderr=log))
            else:
                printed = run(line, deployed, path)
                assert printed, line
        logs = [deployed / f"{number}.log" for number in range(len(running))]
        wait_for(lambda: get(f"http://127.0.0.1:{port}/healthcheck")[0] == 200, logs[0])
        wait_for(lambda: "conductor ready" in logs[1].read_text(), logs[1])
        assert get(f"http://127.0.0.1:{port}/v1/clusters")[0] == 401
    finally:
        for server in running:
            server.send_signal(signal.SIGTERM)
        codes = [server.wait(30) for server in running]
    said = "".join(log.read_text() for log in logs)
    assert codes == [0, 0], said
    assert "unknown" not in said and "WARN" not in said, said
