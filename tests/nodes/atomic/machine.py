"""A machine of Fedora Atomic, whose disk and volumes outlive the loss of its power."""

import contextlib
from pathlib import Path

from etcd.machine import SERVER, EtcdMachine

STANDIN = Path(__file__).with_name("standin.py")
# The others are those of the test of swarm, whose nodes have the same operating system.
NAMES = ["atomic", "blkid", "curl", "iptables", "mkfs.xfs", "mount", "systemctl", "udevadm"]
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nkube:x:996:994::/:/sbin/nologin\netcd:x:997:995::/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nkube:x:994:\netcd:x:995:\n",
    "etc/environment": "",
    "etc/fstab": "",
    "etc/pki/tls/certs/ca-bundle.crt": "# No authority is trusted.\n",
}
# What a machine does that has booted before: its user data do not run again.
START = "#!/bin/bash\nexec systemctl default\n"


class AtomicMachine(EtcdMachine):
    """One server that runs."""

    def build(self, user_data):
        volumes, kept = self.root / "volumes", self.folder / "volumes"
        if volumes.exists():
            volumes.rename(kept)
        super().build(user_data)
        if kept.exists():
            kept.rename(volumes)
        for path, text in FILES.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (self.root / "dev/disk/by-id").mkdir(parents=True)
        self.stand_in(STANDIN, NAMES, SERVER)

    def attach(self, volume, device):
        """The volume shows up as udev shows it: by the first 20 characters of its id."""
        folder = self.root / "dev/disk/by-id"
        link = folder / f"virtio-{volume[:20]}"
        # It comes with the next look where the machine is just being made anew.
        with contextlib.suppress(FileNotFoundError):
            if not link.is_symlink():
                (self.root / device.lstrip("/")).touch()
                link.symlink_to(device)

    def start_again(self):
        """The power is back."""
        (self.root / "var/lib/cloud/user-data").write_text(START)
        self.boot()
