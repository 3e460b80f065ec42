"""A root file system of a node's own, in which its scripts run without touching the machine of the test.

Programs and libraries are the machine's, read-only; everything else is the node's. Processes see only each other, and a
network of their own in which the node has its address: only the stand-in for curl leaves it.
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

STANDIN = Path(__file__).with_name("standin.sh")
ZOOKEEPER = Path(__file__).with_name("zookeeper.py")
NAMES = ["blkid", "curl", "hostname", "hostnamectl", "ip", "iptables", "mkfs.xfs", "mount", "mountpoint", "sleep",
         "systemctl", "udevadm"]
FOLDERS = [
    "dev/disk/by-id", "etc/profile.d", "etc/ssl", "etc/sysconfig", "etc/systemd/system", "opt", "proc", "root",
    "run/node/active", "run/node/broken", "run/node/xfs", "srv", "tmp", "usr", "usr-local/bin", "var/lib/docker",
]
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nkube:x:996:994::/:/sbin/nologin\netcd:x:997:995::/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nkube:x:994:\netcd:x:995:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/environment": "",
    "etc/fstab": "",
    "run/node/connect": "",
    "run/node/net": "",
}


@dataclass
class Image:
    """What one operating system has, as far as the scripts look at it."""

    units: list
    names: list
    folders: list = field(default_factory=list)
    files: dict = field(default_factory=dict)


FEDORA_FOLDERS = ["etc/pki/ca-trust/source/anchors", "etc/pki/tls/certs", "etc/selinux", "var/lib/etcd"]
FEDORA_FILES = {
    "etc/selinux/config": "SELINUX=enforcing\n", "etc/pki/tls/certs/ca-bundle.crt": "# No authority is trusted.\n",
}
IMAGES = {
    "fedora-atomic": Image(
        units=["docker", "docker-storage-setup"],
        names=["atomic", "docker", "docker-storage-setup", "pvcreate", "pvs", "setenforce", "update-ca-trust", "vgcreate", "vgs"],
        folders=[*FEDORA_FOLDERS, "var/lib/cloud"],
        files=FEDORA_FILES | {
            "etc/sysconfig/docker": "OPTIONS='--log-driver=journald --exec-opt native.cgroupdriver=cgroupfs --live-restore'\n",
        },
    ),
    "fedora-coreos": Image(
        units=["containerd", "NetworkManager"],
        names=["modprobe", "podman", "setenforce", "sysctl", "update-ca-trust"],
        folders=[*FEDORA_FOLDERS, "etc/modules-load.d", "etc/sysctl.d", "etc/NetworkManager/conf.d", "usr-local/libexec"],
        files=FEDORA_FILES,
    ),
    "ubuntu": Image(
        units=["docker", "marathon", "mesos-master", "mesos-slave", "zookeeper"],
        names=["update-ca-certificates"],
        folders=["etc/zookeeper/conf", "etc/default", "usr-local/share/ca-certificates"],
    ),
}
DEVICES = ["null", "zero", "random", "urandom"]
# The first argument is the folder, the second the script, the third the node's address, the fourth a process outside.
ENTER = """\
set -e
cd "$1"
touch run/node/net
mount --bind "/proc/$4/ns/net" run/node/net
/sbin/ip link set lo up
/sbin/ip address add "$3/32" dev lo
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --bind usr-local usr/local
mount -t proc proc proc
for device in null zero random urandom; do mount --bind "/dev/$device" "dev/$device"; done
exec chroot . /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 /bin/bash "$2"
"""
NAMESPACES = ["unshare", "--mount", "--pid", "--net", "--fork"]


class Root:
    """The root file system of one node."""

    def __init__(self, path):
        self.path = Path(path)
        self.process = None
        self.address = None

    def build(self, image, data, address):
        """Makes it anew: the image's files, those that the user data bring, and the stand-ins."""
        image = IMAGES[image]
        self.address = address
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in [*FOLDERS, *image.folders]:
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        (self.path / "var/run").symlink_to("../run")
        for name in ["bin", "sbin", "lib", "lib64"]:
            if Path(f"/{name}").is_symlink():
                (self.path / name).symlink_to(os.readlink(f"/{name}"))
        for device in DEVICES:
            (self.path / "dev" / device).touch()
        for name, target in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]:
            (self.path / "dev" / name).symlink_to(f"/proc/self/{target}")
        for path, text in (FILES | image.files | data.files).items():
            self.write(path, text)
        for path, mode in data.modes.items():
            self.file(path).chmod(mode)
        self.write("run/node/address", address)
        self.write("run/node/units", "".join(f"{unit}\n" for unit in image.units))
        shutil.copytree("/etc/alternatives", self.path / "etc/alternatives", symlinks=True)
        shutil.copy("/etc/ssl/openssl.cnf", self.path / "etc/ssl/openssl.cnf")
        tools = self.path / "usr-local/bin"
        shutil.copy(STANDIN, tools / "standin")
        shutil.copy(ZOOKEEPER, self.path / "run/node/zookeeper.py")
        for name in [*NAMES, *image.names]:
            (tools / name).symlink_to("standin")

    def file(self, path):
        """Where a file of the node is outside of it."""
        path = str(path).lstrip("/")
        return self.path / (f"usr-local/{path.removeprefix('usr/local/')}" if path.startswith("usr/local/") else path)

    def write(self, path, text):
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, path):
        """Text of a file in it, empty when there is none."""
        try:
            return self.file(path).read_text()
        except (FileNotFoundError, IsADirectoryError):
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
        self.write("run/node/script", script)
        words = ["--kill-child", "--propagation", "private", "bash", "-c", ENTER, "enter", str(self.path), "/run/node/script"]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [*NAMESPACES, *words, self.address, str(os.getpid())], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )
        return self.process

    def kill(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def remove(self):
        self.kill()
        shutil.rmtree(self.path, ignore_errors=True)
