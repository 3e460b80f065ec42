"""A root file system of a node's own, in which its scripts run without touching the machine of the test.

Programs and libraries are the machine's, read-only; everything else is the node's. Processes see only each other.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

STANDIN = Path(__file__).with_name("standin.sh")
NAMES = [
    "atomic", "blkid", "curl", "docker-storage-setup", "hostname", "hostnamectl", "ip", "iptables", "kubectl", "mkfs.xfs",
    "mount", "mountpoint", "pvcreate", "pvs", "setenforce", "sleep", "systemctl", "udevadm", "update-ca-trust",
    "vgcreate", "vgs",
]
FOLDERS = [
    "dev/disk/by-id", "etc/pki/ca-trust/source/anchors", "etc/pki/tls/certs", "etc/profile.d", "etc/selinux",
    "etc/ssl", "etc/sysconfig", "etc/systemd/system", "opt", "proc", "root", "run/node/active", "run/node/broken",
    "run/node/xfs", "srv", "tmp", "usr", "usr-local/bin", "var/lib/cloud", "var/lib/etcd", "var/lib/docker",
]
# What an image of Fedora Atomic has, as far as the scripts look at it.
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nkube:x:996:994::/:/sbin/nologin\netcd:x:997:995::/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nkube:x:994:\netcd:x:995:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/selinux/config": "SELINUX=enforcing\n",
    "etc/sysconfig/docker": "OPTIONS='--log-driver=journald --exec-opt native.cgroupdriver=cgroupfs'\n",
    "etc/pki/tls/certs/ca-bundle.crt": "# No authority is trusted.\n",
    "etc/environment": "",
    "etc/fstab": "",
    "run/node/connect": "",
}
DEVICES = ["null", "zero", "random", "urandom"]
ENTER = """\
set -e
cd "$1"
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind usr-local usr/local
mount -t proc proc proc
for device in null zero random urandom; do mount --bind "/dev/$device" "dev/$device"; done
exec chroot . /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 /bin/bash "$2"
"""


class Root:
    """The root file system of one node."""

    def __init__(self, path):
        self.path = Path(path)
        self.process = None

    def build(self, files, address):
        """Makes it anew: the image's files, those that the user data bring, and the stand-ins."""
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in FOLDERS:
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        for name in ["bin", "sbin", "lib", "lib64"]:
            if Path(f"/{name}").is_symlink():
                (self.path / name).symlink_to(os.readlink(f"/{name}"))
        for device in DEVICES:
            (self.path / "dev" / device).touch()
        for name, target in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]:
            (self.path / "dev" / name).symlink_to(f"/proc/self/{target}")
        for path, text in FILES.items():
            self.write(path, text)
        for path, text in files.items():
            self.write(path.lstrip("/"), text)
        self.write("run/node/address", address)
        shutil.copytree("/etc/alternatives", self.path / "etc/alternatives", symlinks=True)
        shutil.copy("/etc/ssl/openssl.cnf", self.path / "etc/ssl/openssl.cnf")
        tools = self.path / "usr-local/bin"
        shutil.copy(STANDIN, tools / "standin")
        for name in NAMES:
            if name != "kubectl":
                (tools / name).symlink_to("standin")

    def write(self, path, text):
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, path):
        """Text of a file in it, empty when there is none."""
        try:
            return (self.path / path.lstrip("/")).read_text()
        except FileNotFoundError:
            return ""

    def is_active(self, unit):
        return (self.path / "run/node/active" / unit).exists()

    def attach(self, volume, device):
        """A volume shows up as udev shows it: by the first 20 characters of its id."""
        link = self.path / "dev/disk/by-id" / f"virtio-{volume[:20]}"
        if not link.is_symlink():
            (self.path / "dev" / device).touch()
            link.symlink_to(f"../../{device}")

    def run(self, script, log):
        """Starts a script as the machine's root would; its output goes to a file."""
        self.write("var/lib/cloud/user-data", script)
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash", "-c", ENTER,
                 "enter", str(self.path), "/var/lib/cloud/user-data"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )
        return self.process

    def kill(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def remove(self):
        self.kill()
        shutil.rmtree(self.path, ignore_errors=True)
