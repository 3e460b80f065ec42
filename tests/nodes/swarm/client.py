"""docker as a user runs it: with the files and variables of `coe cluster config`, on a machine beside the cluster, or outside
where the cluster has a public address."""

import re
import shlex
import shutil
import subprocess
import time


class Client:
    def __init__(self, cloud, network, folder, name, outside=False):
        self.space = network.join("client", "10.0.0.250")
        self.network = network
        self.outside = outside
        self.folder = folder / "config"
        self.folder.mkdir()
        printed = cloud.client("coe", "cluster", "config", "--dir", str(self.folder), "--output-certs", name)
        found = (re.match(r"export (DOCKER_\w+)=(.*)", line) for line in printed.splitlines())
        self.variables = {match[1]: "".join(shlex.split(match[2])) for match in found if match}

    def run(self, *words, variables=None, seconds=90, beside=False):
        space = self.space if beside or not self.outside else None
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder)}
        done = subprocess.run(
            [*self.network.inside(space), *words], env=environment | (variables or {}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
        )
        return done.returncode, done.stdout

    def home(self, name, files):
        """A home folder of somebody who has the authority's certificate and these files."""
        folder = self.folder / name / ".docker"
        folder.mkdir(parents=True)
        for file in [self.folder / "ca.pem", *files]:
            shutil.copy(file, folder)
        return folder.parent

    def docker(self, *words, seconds=90):
        """`docker --tlsverify`, which has to succeed."""
        status, text = self.run("/usr/bin/docker", "--tlsverify", *words, variables=self.variables, seconds=seconds)
        assert status == 0, f"docker {' '.join(words)}: {text}"
        return text

    def nodes(self):
        """State, availability and manager's status by name, with the cluster's part of the name left out."""
        form = "{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}"
        rows = (line.split(" ") for line in self.docker("node", "ls", "--format", form).splitlines())
        return {name.split("-", 2)[-1]: tuple(rest) for name, *rest in rows}

    def tasks(self, service):
        """Where the running tasks of a service are."""
        text = self.docker("service", "ps", service, "--filter", "desired-state=running", "--format",
                           "{{.Node}} {{.CurrentState}}")
        return sorted(line.split(" ")[0].split("-", 2)[-1] for line in text.splitlines() if " Running" in line)


def until(what, condition, seconds=60):
    """Waits for it; what was seen last is told when it does not come."""
    end = time.monotonic() + seconds
    seen = None
    while time.monotonic() < end:
        try:
            seen = condition()
            if seen is True:
                return
        except (AssertionError, subprocess.TimeoutExpired) as error:
            seen = error
        time.sleep(1)
    raise AssertionError(f"{what}: not after {seconds} s; last seen: {seen}")


def certificate_of_another_authority(folder):
    """Key and certificate, signed by nobody the cluster knows."""
    files = [folder / "key.pem", folder / "cert.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=admin/O=system:masters",
         "-keyout", str(files[0]), "-out", str(files[1])], check=True, capture_output=True, timeout=60,
    )
    return files
