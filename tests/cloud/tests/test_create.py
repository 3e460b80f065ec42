"""The shapes of a cluster, each read back with the services' own clients."""

import pytest


def members(demo, balancer):
    [pool] = demo.load_balancer.pools(loadbalancer_id=balancer.id)
    return sorted((member.address, member.protocol_port) for member in demo.load_balancer.members(pool))


def private_addresses(view, servers, role):
    """Addresses of the servers of a role in the order of their numbers."""
    chosen = sorted((name, server) for name, server in servers.items() if f"-{role}-" in name)
    return [view.ports(device_id=server.id)[0]["fixed_ips"][0]["ip_address"] for _, server in chosen]


@pytest.fixture(scope="module")
def volume_type(view):
    """A type that neither Cinder nor the operator would choose."""
    found = view.connection.block_storage.create_type(name="chosen-by-label")
    yield found.name
    view.connection.block_storage.delete_type(found)


def test_three_masters_behind_a_load_balancer(tell, cloud, view, demo, cli):
    story = tell("masters")
    story.make_template(cloud, "--network-driver", "flannel", "--master-lb-enabled", "--docker-storage-driver", "overlay2")
    story.create("--node-count", "1", "--master-count", "3", "--labels", "master_lb_floating_ip_enabled=true")
    row = story.complete()
    servers = story.servers()
    masters = private_addresses(view, servers, "master")
    [balancer] = [one for one in demo.load_balancer.load_balancers() if one.name.startswith(story.stack)]
    assert balancer.provisioning_status == "ACTIVE"
    assert members(demo, balancer) == sorted((address, 6443) for address in masters)
    [floating] = demo.network.ips(port_id=balancer.vip_port_id)
    assert row["api_address"] == f"https://{floating.floating_ip_address}:6443"
    assert len(row["master_addresses"]) == 3
    assert not any(server.attached_volumes for server in servers.values())
    [group] = [one for one in demo.compute.server_groups() if one.name.startswith(story.stack)]
    assert group.policy == "soft-anti-affinity"
    assert len({record["parameters"]["MASTER_ADDRESSES"] for record in story.records()}) == 1
    story.delete()
    assert demo.load_balancer.find_load_balancer(balancer.id) is None


def test_calico_without_floating_ips_and_with_a_typed_volume(tell, cloud, view, demo, volume_type):
    story = tell("calico")
    story.make_template(
        cloud, "--network-driver", "calico", "--master-lb-enabled", "--floating-ip-disabled", "--docker-volume-size", "3",
        "--docker-storage-driver", "devicemapper",
    )
    labels = f"docker_volume_type={volume_type},kube_dashboard_enabled=false,prometheus_monitoring=true"
    story.create("--node-count", "1", "--labels", labels)
    row = story.complete()
    servers = story.servers()
    [balancer] = [one for one in demo.load_balancer.load_balancers() if one.name.startswith(story.stack)]
    assert row["api_address"] == f"https://{balancer.vip_address}:6443"
    assert not list(demo.network.ips(port_id=balancer.vip_port_id))
    assert row["master_addresses"] == private_addresses(view, servers, "master")
    assert row["node_addresses"] == private_addresses(view, servers, "minion")
    for server in servers.values():
        port = view.ports(device_id=server.id)[0]
        assert view.floating_address(port["id"]) == ""
        volume = demo.block_storage.get_volume(server.attached_volumes[0]["id"])
        assert (volume.size, volume.volume_type) == (3, volume_type)
    applied = story.record("master", 0)["applied"]
    assert "calico.yaml" in applied and "monitoring.yaml" in applied and "dashboard.yaml" not in applied, applied
    story.delete()


def test_given_private_network(tell, cloud, view, demo):
    """The network is another's: the nodes are on it, and it stays when the cluster goes."""
    story = tell("given")
    story.make_template(
        cloud, "--network-driver", "flannel", "--fixed-network", "demo-net", "--fixed-subnet", "demo-net-subnet"
    )
    story.create("--node-count", "1", "--labels", "etcd_volume_size=2,kube_tag=v1.11.9")
    story.complete()
    for server in story.servers().values():
        [port] = view.ports(device_id=server.id)
        assert [ip["subnet_id"] for ip in port["fixed_ips"]] == [cloud["DEMO_SUBNET_ID"]]
        assert server.addresses.keys() == {"demo-net"}
    servers = story.servers()
    assert not servers[f"{story.stack}-minion-0"].attached_volumes
    [attached] = servers[f"{story.stack}-master-0"].attached_volumes
    volume = demo.block_storage.get_volume(attached["id"])
    assert (volume.size, volume.volume_type) == (2, cloud["VOLUME_TYPE"]), "etcd's, for which nobody has chosen a type"
    assert "kubelet openstackmagnum/kubernetes-kubelet:v1.11.9" in story.record("minion", 0)["images"]
    story.delete()
    assert demo.network.get_network(cloud["DEMO_NETWORK_ID"]).name == "demo-net"
    assert demo.network.get_subnet(cloud["DEMO_SUBNET_ID"])
