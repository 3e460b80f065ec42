"""A machine: a root file system, processes, a host name and a network address of its own, and a real docker.

Programs are this machine's, read-only; everything else is the node's. It boots by running its user data, unchanged. Only
what systemd, SELinux and the like would do has a stand-in (standin.sh).
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

STANDIN = Path(__file__).with_name("standin.sh")
UNITS = Path(__file__).with_name("units.py")
NAMES = ["docker-storage-setup", "hostnamectl", "setenforce", "sleep", "systemctl", "update-ca-trust"]
FOLDERS = [
    "dev", "etc/docker", "etc/pki/ca-trust/source/anchors", "etc/profile.d", "etc/selinux", "etc/ssl", "etc/sysconfig",
    "etc/systemd/system", "old", "proc", "root", "run/node", "sys", "tmp", "usr", "usr-local/bin", "var/lib/cloud",
]
# What an image of Fedora Atomic has, as far as the scripts look at it.
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": "root:x:0:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "",
    "etc/selinux/config": "SELINUX=enforcing\n",
    "etc/sysconfig/docker": "OPTIONS='--live-restore --log-level=info'\n",
}
DEVICES = ["null", "zero", "full", "random", "urandom", "tty"]
ENTER = """\
set -e
root=$1 cgroup=$2
mount --bind "$root" "$root"
cd "$root"
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind usr-local usr/local
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
for device in %s; do mount --bind "/dev/$device" "dev/$device"; done
mkdir -p dev/pts dev/shm
mount -t tmpfs tmpfs run
mkdir -p run/node
printf '%%s' "$cgroup" >run/node/cgroup
pivot_root . old
umount -l old
exec /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \\
    /usr/bin/tini -s -- /bin/bash -c '
        /bin/bash /var/lib/cloud/user-data >>/var/log/user-data 2>&1
        echo $? >/run/node/code
        while :; do /usr/bin/sleep 3600; done'
""" % " ".join(DEVICES)


class Machine:
    """One server that runs."""

    logged = ["user-data", "dockerd"]

    def __init__(self, name, folder, space, cgroup):
        self.name = name
        self.folder = Path(folder)
        self.root = self.folder / "root"
        self.space = space
        self.cgroup = cgroup
        self.process = None

    def build(self, user_data):
        self.user_data = user_data
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in [*FOLDERS, "var/log"]:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name in ["bin", "sbin", "lib", "lib64"]:
            (self.root / name).symlink_to(os.readlink(f"/{name}"))
        (self.root / "var/run").symlink_to("/run")
        for device in DEVICES:
            (self.root / "dev" / device).touch()
        for name, target in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]:
            (self.root / "dev" / name).symlink_to(f"/proc/self/{target}")
        for path, text in FILES.items():
            (self.root / path).write_text(text)
        shutil.copytree("/etc/alternatives", self.root / "etc/alternatives", symlinks=True)
        shutil.copy("/etc/ssl/openssl.cnf", self.root / "etc/ssl/openssl.cnf")
        shutil.copy("/etc/ld.so.cache", self.root / "etc/ld.so.cache")
        self.stand_in(STANDIN, NAMES)
        (self.root / "var/lib/cloud/user-data").write_text(user_data)

    def stand_in(self, program, names, *modules):
        """Commands that the program stands in for, with what it imports."""
        tools = self.root / "usr-local/bin"
        for file in [UNITS, *modules, program]:
            shutil.copy(file, tools)
        (tools / program.name).chmod(0o755)
        for name in names:
            (tools / name).unlink(missing_ok=True)
            (tools / name).symlink_to(program.name)

    def boot(self):
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.space}", "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork",
             "--kill-child", "--propagation", "private", "bash", "-c", ENTER, "enter", str(self.root), self.cgroup],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.folder / "machine.log", "ab"),
            start_new_session=True,
        )

    def init(self):
        """Number of the machine's first process, once it has its own root."""
        for _ in range(100):
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/root/var/lib/cloud/user-data").exists():
                if not Path(f"/proc/{children[0]}/root/old/usr").exists():
                    return children[0]
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not boot")

    def run(self, *words, seconds=60):
        """Runs a command on it: exit status and output."""
        inside = ["nsenter", "--target", self.init(), "--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wd"]
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        done = subprocess.run(
            [*inside, *words], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
        )
        return done.returncode, done.stdout

    def log(self):
        """What its user data said."""
        return (self.root / "var/log/user-data").read_text(errors="replace")

    def code(self):
        """Exit status of the user data; None while they run."""
        status, text = self.run("cat", "/run/node/code")
        return int(text) if status == 0 else None

    def kill(self):
        """The power goes off."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def remove(self):
        self.kill()
        for _ in range(50):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.1)


def remove_cgroups(name):
    """Groups that dockers have left when their power went off."""
    for top in Path("/sys/fs/cgroup").glob(f"**/{name}"):
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass
