"""`openstack coe nodegroup` and `cluster resize`: every command of them, against one cluster."""


def group(cli, cluster, name):
    return cli.json("coe", "nodegroup", "show", cluster, name)


def names(cli, cluster, *words):
    return [row["name"] for row in cli.json("coe", "nodegroup", "list", cluster, *words)]


def servers(cli):
    return {row["Name"]: row["ID"] for row in cli.json("server", "list")}


def test_the_default_groups_are_listed(cli, cluster):
    rows = {row["name"]: row for row in cli.json("coe", "nodegroup", "list", cluster)}
    assert {name: (row["role"], row["node_count"], row["status"]) for name, row in rows.items()} == {
        "default-master": ("master", 1, "CREATE_COMPLETE"), "default-worker": ("worker", 2, "CREATE_COMPLETE"),
    }
    assert names(cli, cluster, "--role", "master") == ["default-master"]
    shown = group(cli, cluster, "default-worker")
    assert (shown["is_default"], shown["flavor_id"], shown["min_node_count"]) == (True, "m1.small", 0)


def test_resize_grows_and_removes_the_node_that_is_named(cli, cluster):
    before = servers(cli)
    assert cli.coe("cluster", "resize", cluster, "3") == f"Request to resize cluster {cluster} has been accepted.\n"
    assert len(cli.wait(cluster, "UPDATE_COMPLETE")["node_addresses"]) == 3
    grown = servers(cli)
    assert set(before.items()) < set(grown.items())
    chosen = next(name for name in grown if name.endswith("-minion-1"))
    cli.coe("cluster", "resize", cluster, "2", "--nodes-to-remove", grown[chosen])
    assert cli.wait(cluster, "UPDATE_COMPLETE")["node_count"] == 2
    assert set(grown) - set(servers(cli)) == {chosen}


def test_a_group_of_its_own_kind(cli, cluster):
    words = ["--node-count", "1", "--min-nodes", "1", "--max-nodes", "3", "--flavor", "m1.small", "--role", "gpu", "--merge-labels",
             "--labels", "kubelet_options=--v=2", "--node-labels", "disk=ssd", "--node-taints", "dedicated=gpu:NoSchedule"]
    assert "accepted" in cli.coe("nodegroup", "create", cluster, "extra", *words)
    cli.wait(cluster, "UPDATE_COMPLETE")
    shown = group(cli, cluster, "extra")
    assert (shown["status"], shown["role"], shown["is_default"]) == ("CREATE_COMPLETE", "gpu", False)
    assert (shown["node_count"], shown["min_node_count"], shown["max_node_count"]) == (1, 1, 3)
    assert shown["labels"]["kubelet_options"] == "--v=2"
    assert sorted(names(cli, cluster)) == ["default-master", "default-worker", "extra"]
    assert "lower or equal to 3" in cli.refusal("cluster", "resize", cluster, "4", "--nodegroup", "extra")
    cli.coe("cluster", "resize", cluster, "2", "--nodegroup", "extra")
    cli.wait(cluster, "UPDATE_COMPLETE")
    assert group(cli, cluster, "extra")["node_count"] == 2


def test_update_changes_limits_and_refuses_what_contradicts(cli, cluster):
    cli.coe("nodegroup", "update", cluster, "extra", "--min-nodes", "0", "--max-nodes", "2", "--node-labels", "disk=hdd,zone=a",
            "--node-taints", "spare:PreferNoSchedule")
    cli.wait(cluster, "UPDATE_COMPLETE")
    shown = group(cli, cluster, "extra")
    assert (shown["min_node_count"], shown["max_node_count"]) == (0, 2)
    assert shown["node_labels"] == {"disk": "hdd", "zone": "a"}
    assert shown["node_taints"] == [{"key": "spare", "value": "", "effect": "PreferNoSchedule"}]
    assert "max_node_count" in cli.refusal("nodegroup", "update", cluster, "extra", "--max-nodes", "1")


def test_delete_keeps_the_groups_that_a_cluster_is_made_of(cli, cluster):
    assert "default" in cli.refusal("nodegroup", "delete", cluster, "default-worker")
    before = servers(cli)
    assert "accepted" in cli.coe("nodegroup", "delete", cluster, "extra")
    cli.wait(cluster, "UPDATE_COMPLETE")
    assert names(cli, cluster) == ["default-master", "default-worker"]
    assert len(before) - len(servers(cli)) == 2
    assert "extra" in cli.refusal("nodegroup", "show", cluster, "extra")
