"""What only some clusters have: every optional part of the nodes' scripts runs, and a cluster without TLS."""

import subprocess

import yaml

MIRROR = "mirror.example:5000/kube/"
LABELS = {
    "container_infra_prefix": MIRROR, "ingress_controller": "traefik", "prometheus_monitoring": "true",
    "influx_grafana_dashboard_enabled": "true", "cloud_provider_tag": "v1.11.9", "selinux_mode": "enforcing",
    "flannel_backend": "vxlan", "flannel_network_cidr": "10.200.0.0/16", "flannel_network_subnetlen": "26",
    "kubelet_options": "--v=3", "availability_zone": "nova", "cert_manager_api": "true",
}
MANIFESTS = {"roles", "cloud-provider", "cinder-class", "coredns", "dashboard", "influxdb", "monitoring", "ingress"}


def test_every_optional_part(tell, cloud):
    story = tell("options")
    story.make_template(
        cloud, "--network-driver", "flannel", "--registry-enabled", "--volume-driver", "cinder", "--insecure-registry",
        "registry.example:5000", "--http-proxy", "http://proxy.example:3128", "--https-proxy", "http://proxy.example:3128",
        "--no-proxy", "intranet.example",
    )
    story.create("--node-count", "1", "--labels", ",".join(f"{name}={value}" for name, value in LABELS.items()))
    story.complete()
    master, minion = story.record("master", 0), story.record("minion", 0)
    assert MANIFESTS <= {name.removesuffix(".yaml") for name in master["applied"]}, master["applied"]
    images = [line.split()[1] for line in master["images"] + minion["images"]]
    assert images and all(image.startswith(MIRROR) and "/" not in image.removeprefix(MIRROR) for image in images), images
    assert "registry" in minion["units"] and "registry" not in master["units"]
    assert {server.availability_zone for server in story.servers().values()} == {"nova"}
    story.delete()


def test_without_tls(tell, cloud, cli, tmp_path):
    story = tell("plain")
    story.make_template(cloud, "--network-driver", "calico", "--tls-disabled")
    story.create("--node-count", "1", "--labels", "kube_dashboard_enabled=false")
    row = story.complete()
    record = story.record("master", 0)
    assert row["api_address"] == f"http://{record['floating_address']}:8080"
    cli.coe("cluster", "config", story.name, "--dir", tmp_path)
    server = yaml.safe_load((tmp_path / "config").read_text())["clusters"][0]["cluster"]["server"]
    assert server == row["api_address"]
    done = subprocess.run(
        ["curl", "--silent", "--fail", "--noproxy", "*", "--connect-to", f"::{record['api']}", f"{server}/api/v1/nodes"],
        capture_output=True, text=True, check=True,
    )
    assert len(yaml.safe_load(done.stdout)["items"]) == 2
    story.delete()
