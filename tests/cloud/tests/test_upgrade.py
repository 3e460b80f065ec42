"""A cluster's upgrade: its nodes are replaced batch by batch, keep their addresses, and are what the new template says."""

OLD = "v1.11.6"
NEW = "v1.12.7"


def make_newer(story, cloud, cli):
    """The template of the story once more, with the new version; its name."""
    name = f"newer-{story.name}"
    cli.coe(
        "cluster", "template", "create", name, "--coe", "kubernetes", "--image", cloud["IMAGE"],
        "--external-network", cloud["EXTERNAL_NETWORK"], "--keypair", cloud["KEYPAIR"], "--flavor", cloud["FLAVOR"],
        "--master-flavor", cloud["FLAVOR"], "--network-driver", "flannel", "--docker-volume-size", "5",
        "--labels", f"kube_tag={NEW},etcd_volume_size=1",
    )
    return name


def test_upgrade(tell, cloud, cli):
    story = tell("upgrade")
    story.make_template(
        cloud, "--network-driver", "flannel", "--docker-volume-size", "5", "--labels", f"kube_tag={OLD},etcd_volume_size=1",
    )
    story.create("--node-count", "2")
    story.complete()
    before, shown = story.servers(), story.ask()
    assert shown["coe_version"] == OLD
    newer = make_newer(story, cloud, cli)
    try:
        cli.coe("cluster", "upgrade", story.uuid, newer, "--max-batch-size", "1")
        seen = set()

        def done():
            row = story.ask()
            seen.add(row["status_reason"])
            return not row["status"].endswith("_IN_PROGRESS")

        story.until(done, "the end of the upgrade")
        row = story.complete("UPDATE")
        assert {"Upgrading master nodes: batch 1 of 1", "Upgrading minion nodes: batch 2 of 2"} <= seen, seen
        after = story.servers()
        assert sorted(after) == sorted(before)
        assert not {server.id for server in before.values()} & {server.id for server in after.values()}
        assert (row["coe_version"], row["labels"]["kube_tag"]) == (NEW, NEW)
        assert row["master_addresses"] == shown["master_addresses"]
        assert sorted(row["node_addresses"]) == sorted(shown["node_addresses"])
        cli.coe("cluster", "update", story.name, "--node-count", "3")
        story.complete("UPDATE")
        grown = story.servers()
        assert all(grown[name].id == server.id for name, server in after.items()), "the others stayed"
        story.delete()
    finally:
        if story.ask():
            story.ask("DELETE")
            story.wait_gone()
        cli.coe("cluster", "template", "delete", newer)
