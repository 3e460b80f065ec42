"""What the stories of the nodes have in common: how they are told, and how a cluster comes and goes."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from .client import until
from .cloud import Cloud

BEGUN = time.monotonic()


def tell(text):
    for line in str(text).rstrip("\n").splitlines():
        print(f"[{time.monotonic() - BEGUN:5.0f} s] {line}", flush=True)


class Story:
    """A cluster whose machines are of a kind. Whatever it started ends with it."""

    name = ""
    machines = None
    options = {}

    def __init__(self, folder):
        self.folder = folder
        self.cloud = Cloud(folder, self.options)
        self.cluster = self.machines(self.cloud, folder)

    def await_status(self, wanted, seconds=420):
        def reached():
            self.cluster.check()
            shown = self.cloud.cluster(self.name)
            if shown["status"].endswith("FAILED"):
                raise SystemExit(f"{shown['status']}: {shown['status_reason']}")
            return True if shown["status"] == wanted else shown["status"]
        until(f"the cluster is {wanted}", reached, seconds)

    @staticmethod
    def has_booted(machine):
        """Whether its user data have ended well."""
        if machine.code() not in (None, 0):
            raise SystemExit(f"{machine.name} failed: {machine.log()[-1500:]}")
        return machine.code() == 0

    def delete(self):
        self.cloud.client("coe", "cluster", "delete", self.name)
        until("the cluster is gone", lambda: self.name not in self.cloud.client("coe", "cluster", "list", "-f", "value"), 120)
        self.cluster.await_names([])

    def end(self):
        self.cluster.end()
        self.cloud.stop()


def tell_story(kind, parts):
    """Has each part told, a method's name with its arguments; what the machines said is shown when one fails."""
    folder = Path(tempfile.mkdtemp(prefix=f"magnum-{kind.name}-"))
    story = None
    try:
        story = kind(folder)
        for part, *arguments in parts:
            getattr(story, part)(*arguments)
    except BaseException:
        if story:
            print("\n".join(story.cluster.logs()), file=sys.stderr)
        raise
    finally:
        if story:
            story.end()
        shutil.rmtree(folder, ignore_errors=True)
