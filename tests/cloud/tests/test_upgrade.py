"""A cluster's upgrade: its nodes are replaced batch by batch, keep their addresses, and are what the new template says."""

from dataclasses import dataclass

import pytest


@dataclass
class Case:
    """A cluster, and what its upgrade tells on its way."""

    image: str
    old: str
    new: str
    masters: int
    workers: int
    batch: int
    told: set
    words: tuple = ()


CASES = {
    "atomic": Case("fedora-atomic-latest", "v1.11.6", "v1.12.7", 1, 2, 1,
                   {"Upgrading master nodes: batch 1 of 1", "Upgrading minion nodes: batch 2 of 2"}),
    "atomic-masters": Case("fedora-atomic-latest", "v1.11.6", "v1.12.7", 3, 1, 1,
                           {"Upgrading master nodes: batch 3 of 3", "Upgrading minion nodes: batch 1 of 1"}, ("--master-lb-enabled",)),
    "coreos-masters": Case("fedora-coreos-latest", "v1.34.2", "v1.35.0", 3, 3, 2,
                           {"Upgrading master nodes: batch 3 of 3", "Upgrading minion nodes: batch 2 of 2"}, ("--master-lb-enabled",)),
}
USUAL = {"atomic"}


def words_of(case, version):
    return ["--network-driver", "flannel", "--docker-volume-size", "5", *case.words, "--labels", f"kube_tag={version},etcd_volume_size=1"]


def make_newer(story, cloud, cli, case):
    """The template of the story once more, with the new version; its name."""
    name = f"newer-{story.name}"
    cli.coe(
        "cluster", "template", "create", name, "--coe", "kubernetes", "--image", case.image,
        "--external-network", cloud["EXTERNAL_NETWORK"], "--keypair", cloud["KEYPAIR"], "--flavor", cloud["FLAVOR"],
        "--master-flavor", cloud["FLAVOR"], *words_of(case, case.new),
    )
    return name


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in USUAL else pytest.mark.matrix) for name in CASES])
def test_upgrade(tell, cloud, cli, name):
    case = CASES[name]
    story = tell(f"upgrade-{name}")
    story.make_template(cloud, *words_of(case, case.old), image=case.image)
    story.create("--node-count", str(case.workers), "--master-count", str(case.masters))
    story.complete()
    before, shown = story.servers(), story.ask()
    assert shown["coe_version"] == case.old
    newer = make_newer(story, cloud, cli, case)
    try:
        cli.coe("cluster", "upgrade", story.uuid, newer, "--max-batch-size", str(case.batch))
        seen = set()

        def done():
            row = story.ask()
            seen.add(row["status_reason"])
            return not row["status"].endswith("_IN_PROGRESS")

        story.until(done, "the end of the upgrade")
        row = story.complete("UPDATE")
        assert case.told <= seen, seen
        after = story.servers()
        assert sorted(after) == sorted(before)
        assert not {server.id for server in before.values()} & {server.id for server in after.values()}
        assert (row["coe_version"], row["labels"]["kube_tag"]) == (case.new, case.new)
        assert sorted(row["master_addresses"]) == sorted(shown["master_addresses"])
        assert sorted(row["node_addresses"]) == sorted(shown["node_addresses"])
        cli.coe("cluster", "update", story.name, "--node-count", str(case.workers + 1))
        story.complete("UPDATE")
        grown = story.servers()
        assert all(grown[one].id == server.id for one, server in after.items()), "the others stayed"
        story.delete()
    finally:
        if story.ask():
            story.ask("DELETE")
            story.wait_gone()
        cli.coe("cluster", "template", "delete", newer)
