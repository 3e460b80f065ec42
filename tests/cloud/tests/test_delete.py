"""Deletion from every state that a cluster can be in, and with parts of it already gone. Nothing is ever left."""

import contextlib

SMALL = ["--network-driver", "flannel", "--floating-ip-disabled"]


def test_while_it_is_created(building):
    building("creating").delete()


def test_after_an_update_and_a_deletion_failed(tell, cloud, demo, orders):
    """Somebody has connected the cluster's network with their own, which keeps it from going until that is undone."""
    story = tell("updated")
    story.make_template(cloud, *SMALL)
    story.create("--node-count", "1")
    story.complete()
    orders.give(f"{story.stack}-minion-1", **{"break": {"atomic": "the registry is closed"}})
    story.cli.coe("cluster", "update", story.name, "--node-count", "2")
    row = story.wait("UPDATE_FAILED")
    assert f"{story.stack}-minion-1: kubelet failed" in row["status_reason"], row["status_reason"]
    assert "could not be installed" in row["status_reason"], row["status_reason"]
    orders.withdraw()
    subnet = subnet_of(demo, story)
    with another_router_on(demo, subnet):
        story.begin_delete()
        row = story.wait("DELETE_FAILED")
        assert f"Unable to complete operation on subnet {subnet}" in row["status_reason"], row["status_reason"]
    story.delete()


@contextlib.contextmanager
def another_router_on(demo, subnet):
    """What is on the network and in use is nobody's business but its owner's."""
    port = demo.network.create_port(network_id=demo.network.get_subnet(subnet).network_id)
    router = demo.network.create_router(name="of-somebody")
    demo.network.add_interface_to_router(router, port_id=port.id)
    try:
        yield
    finally:
        demo.network.remove_interface_from_router(router, port_id=port.id)
        demo.network.delete_router(router)


def test_while_it_is_resized(tell, cloud, orders):
    """Asked for twice: the second finds the first at work."""
    story = tell("resized")
    story.make_template(cloud, *SMALL)
    story.create("--node-count", "1")
    story.complete()
    orders.give(f"{story.stack}-minion-1", hold=True)
    story.cli.coe("cluster", "update", story.name, "--node-count", "2")
    story.until(lambda: len(story.servers()) == 3, "the new server")
    assert story.ask()["status"] == "UPDATE_IN_PROGRESS"
    story.cli.coe("cluster", "delete", story.uuid)
    assert story.ask()["status"] == "DELETE_IN_PROGRESS"
    story.delete()


def test_with_a_load_balancer_made_by_the_cluster(building, cloud, demo):
    """Kubernetes has made a load balancer for a service, with a floating IP; both would keep the network from going."""
    story = building("balancer")
    subnet = subnet_of(demo, story)
    balancer = demo.load_balancer.create_load_balancer(
        name=f"kube_service_{story.uuid}_default_web", vip_subnet_id=subnet,
        description=f"Kubernetes external service default/web from cluster {story.uuid}",
    )
    story.until(lambda: demo.load_balancer.get_load_balancer(balancer.id).provisioning_status == "ACTIVE", balancer.name)
    listener = demo.load_balancer.create_listener(loadbalancer_id=balancer.id, protocol="TCP", protocol_port=80)
    story.until(lambda: demo.load_balancer.get_load_balancer(balancer.id).provisioning_status == "ACTIVE", listener.id)
    words = f"Floating IP for Kubernetes external service default/web from cluster {story.uuid}"
    floating = demo.network.create_ip(
        floating_network_id=cloud["PUBLIC_NETWORK_ID"], port_id=balancer.vip_port_id, description=words
    )
    story.delete()
    assert demo.load_balancer.find_load_balancer(balancer.id) is None
    assert demo.network.find_ip(floating.id) is None


def subnet_of(demo, story):
    """Nova takes a server's port some time after the server is there."""
    server = next(iter(story.servers().values()))
    story.until(lambda: list(demo.network.ports(device_id=server.id)), "the server's port")
    port = next(demo.network.ports(device_id=server.id))
    return port.fixed_ips[0]["subnet_id"]


def test_with_the_stack_already_gone(building, demo):
    story = building("nostack")
    stack = story.ask()["stack_id"]
    demo.orchestration.delete_stack(stack)
    story.until(lambda: is_deleted(demo, stack), "the stack's end")
    story.until(lambda: story.ask()["status"] != "CREATE_IN_PROGRESS", "the end of the creation")
    row = story.ask()
    assert row["status"] == "CREATE_FAILED", row
    assert "stack" in row["status_reason"].lower(), row["status_reason"]
    story.delete()


def is_deleted(demo, stack):
    found = demo.orchestration.find_stack(stack)
    return found is None or found.status == "DELETE_COMPLETE"


def test_with_the_trust_already_gone(building, demo, view):
    story = building("notrust")
    [trustee] = [user for user in view.get("identity", "/users")["users"] if user["name"].startswith(story.uuid)]
    trusts = view.get("identity", "/OS-TRUST/trusts", params={"trustee_user_id": trustee["id"]})["trusts"]
    assert len(trusts) == 1
    answer = demo.identity.delete(f"/OS-TRUST/trusts/{trusts[0]['id']}")
    assert answer.status_code == 204, answer.text
    story.delete()
