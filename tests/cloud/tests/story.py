"""A cluster from its template to its deletion, told with the `openstack` command."""

import json
import re
import time

from cli import Refused

POLL_SECONDS = 2
# A loaded machine with two cores and several clusters at a time.
WAIT_SECONDS = 900
# A node tells Heat that it is ready before the player has looked at everything it has left behind.
SETTLE_SECONDS = 90
CLUSTERS = "/clusters"


class Orders:
    """What tests tell the node player, by the beginning of the servers' names."""

    def __init__(self, folder):
        self.folder = folder / "orders"
        self.given = set()

    def give(self, beginning, **order):
        new = self.folder / f"{beginning}.new"
        new.write_text(json.dumps(order))
        new.rename(self.folder / f"{beginning}.json")
        self.given.add(beginning)

    def withdraw(self):
        for beginning in self.given:
            (self.folder / f"{beginning}.json").unlink(missing_ok=True)
        self.given = set()


class Story:
    """One cluster and its template. What is asked often is asked without the command, which takes a second each time."""

    def __init__(self, name, cli, user, census, player):
        self.name = name
        self.cli = cli
        self.user = user
        self.take_census = census
        self.player = player
        self.uuid = None
        self.template = None
        # Another than the test that has told it sees to its end.
        self.parting = False

    def make_template(self, cloud, *words, coe="kubernetes", image=None):
        self.template = f"template-{self.name}"
        self.cli.coe(
            "cluster", "template", "create", self.template, "--coe", coe, "--image", image or cloud["IMAGE"],
            "--external-network", cloud["EXTERNAL_NETWORK"], "--keypair", cloud["KEYPAIR"], "--flavor", cloud["FLAVOR"],
            "--master-flavor", cloud["FLAVOR"], *words,
        )

    def create(self, *words):
        said = self.cli.coe("cluster", "create", self.name, "--cluster-template", self.template, *words)
        self.uuid = re.fullmatch(r"Request to create cluster (\S+) accepted\n", said)[1]

    def ask(self, method="GET", path="", **options):
        """An answer of our API about this cluster; None when there is no such cluster."""
        proxy = self.user.container_infrastructure_management
        answer = proxy.request(f"{CLUSTERS}/{self.uuid}{path}", method, **options)
        if answer.status_code == 404:
            return None
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    @property
    def stack(self):
        """The beginning of all names that Heat gives."""
        return f"{self.name}-{self.uuid.replace('-', '')[:12]}"

    def wait(self, *statuses):
        """Waits for one of these; another end and a finding of the player fail the test."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            row = self.ask()
            assert row, f"{self.name} is gone and should become {statuses}"
            if row["status"] in statuses:
                return row
            said = f"{self.name} is {row['status']}: {row['status_reason']}; {self.findings()}"
            assert row["status"].endswith("_IN_PROGRESS"), said
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"{self.name} is not {statuses} after {WAIT_SECONDS} s: {row}; {self.records()}")

    def until(self, condition, what, seconds=WAIT_SECONDS):
        """Waits for something else than a status."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{self.name}: waited {seconds} s in vain for {what}; {self.ask()}"
            time.sleep(POLL_SECONDS)

    def complete(self, action="CREATE"):
        """Waits until it is complete; every node has then been played to its end without a finding."""
        row = self.wait(f"{action}_COMPLETE")
        self.settle(self.records, row["node_count"] + row["master_count"])
        return row

    @staticmethod
    def settle(records, count):
        """Waits until the player is done with so many nodes, and has nothing to say against them."""
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            found = records()
            done = len(found) == count and {record["status"] for record in found} == {"finished"}
            if done or any(record["findings"] for record in found) or time.monotonic() > end:
                break
            time.sleep(1)
        assert done and not any(record["findings"] for record in found), found

    def wait_gone(self):
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            row = self.ask()
            if row is None:
                return
            assert row["status"] != "DELETE_FAILED", row["status_reason"]
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"{self.name} is still there after {WAIT_SECONDS} s: {row}")

    def begin_delete(self):
        assert "accepted" in self.cli.coe("cluster", "delete", self.uuid)

    def end_delete(self):
        """Waits until it is gone, and counts that nothing of it is left anywhere."""
        self.wait_gone()
        left = self.left()
        assert not left, f"{self.name} is gone, and of it there is still {left}"

    def delete(self):
        self.begin_delete()
        self.end_delete()

    def left(self):
        """What there still is with the cluster's name or identity in its own."""
        found = {}
        for kind, things in self.take_census().items():
            names = [name for name in things.values() if self.uuid in name or self.stack in name]
            if names:
                found[kind] = names
        return found

    def records(self):
        """What the player says of the nodes that are there."""
        found = [json.loads(path.read_text()) for path in self.player.glob("nodes/*/record.json")]
        mine = [one for one in found if one["name"].startswith(f"{self.stack}-") and not one.get("gone")]
        return sorted(mine, key=lambda record: record["name"])

    def findings(self):
        return {record["name"]: record["findings"] for record in self.records() if record["findings"]}

    def record(self, role, index):
        [found] = [record for record in self.records() if record["name"].endswith(f"-{role}-{index}")]
        return found

    def servers(self):
        """Its servers as Nova shows them to the user, by name."""
        found = self.user.compute.servers(details=True, name=f"^{self.stack}-")
        return {server.name: server for server in found}

    def clean_up(self):
        if self.uuid and self.ask():
            self.ask("DELETE")
            self.wait_gone()
        if self.template:
            try:
                self.cli.coe("cluster", "template", "delete", self.template)
            except Refused as refused:
                assert "could not be found" in str(refused), refused
