"""One cluster's life with nothing special: created, proven, resized both ways, deleted."""

import subprocess

import yaml
from spoiled import every_wrong_value_is_found


def floating_addresses(view, servers):
    """Floating IP by server name, as Neutron has it."""
    return {name: view.floating_address(view.ports(device_id=server.id)[0]["id"]) for name, server in servers.items()}


def kubernetes_get(folder, record, path):
    """What kubectl would do: the address, the authority and the key are the configuration's; only the way there is ours."""
    server = yaml.safe_load((folder / "config").read_text())["clusters"][0]["cluster"]["server"]
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "30", "--connect-to", f"::{record['api']}",
         "--cacert", folder / "ca.pem", "--cert", folder / "cert.pem", "--key", folder / "key.pem", server + path],
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_life(tell, cloud, view, demo, cli, docker_volume_type, tmp_path):
    story = tell("life")
    story.make_template(cloud, "--network-driver", "flannel", "--docker-volume-size", "5")
    story.create("--node-count", "2")
    story.complete()
    shown = cli.json("coe", "cluster", "show", "life")
    servers = story.servers()
    assert sorted(servers) == [f"{story.stack}-master-0", f"{story.stack}-minion-0", f"{story.stack}-minion-1"]
    public = floating_addresses(view, servers)
    assert shown["master_addresses"] == [public[f"{story.stack}-master-0"]]
    assert shown["node_addresses"] == [public[f"{story.stack}-minion-0"], public[f"{story.stack}-minion-1"]]
    assert shown["api_address"] == f"https://{public[f'{story.stack}-master-0']}:6443"
    stack = demo.orchestration.get_stack(story.ask()["stack_id"])
    assert (stack.status, stack.name) == ("CREATE_COMPLETE", story.stack)
    assert not list(demo.load_balancer.load_balancers(name=f"{story.stack}-api_lb"))
    check_volumes(demo, servers, docker_volume_type)
    config_opens_it(story, cli, tmp_path)
    every_wrong_value_is_found(story, view, "minion")
    scale(story, cli, demo)
    story.delete()


def check_volumes(demo, servers, kind):
    """One volume of 5 GB and of the type for each server."""
    for name, server in servers.items():
        [attached] = server.attached_volumes
        volume = demo.block_storage.get_volume(attached["id"])
        assert (volume.size, volume.status, volume.volume_type) == (5, "in-use", kind), name


def config_opens_it(story, cli, folder):
    cli.coe("cluster", "config", story.name, "--dir", folder, "--output-certs")
    record = story.record("master", 0)
    assert kubernetes_get(folder, record, "/healthz") == "ok"
    nodes = yaml.safe_load(kubernetes_get(folder, record, "/api/v1/nodes"))["items"]
    assert sorted(node["metadata"]["name"] for node in nodes) == sorted(story.servers())


def scale(story, cli, demo):
    """Out to three by `update`; in to two by naming the one in the middle, which goes, and no other."""
    before = story.servers()
    assert "accepted" in cli.coe("cluster", "update", story.name, "--node-count", "3")
    row = story.complete("UPDATE")
    assert row["node_count"] == 3 and len(row["node_addresses"]) == 3
    grown = story.servers()
    assert set(grown) - set(before) == {f"{story.stack}-minion-2"}
    assert all(grown[name].id == server.id for name, server in before.items()), "the others stayed"
    chosen = grown[f"{story.stack}-minion-1"]
    cli.coe("cluster", "resize", story.name, "2", "--nodes-to-remove", chosen.id)
    row = story.complete("UPDATE")
    shrunk = story.servers()
    assert {server.id for server in grown.values()} - {server.id for server in shrunk.values()} == {chosen.id}
    assert row["node_count"] == 2 and len(row["node_addresses"]) == 2
    stack = demo.orchestration.get_stack(row["stack_id"])
    assert stack.status == "UPDATE_COMPLETE"
