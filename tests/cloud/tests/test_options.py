"""What only some clusters have: every optional part of the nodes' scripts runs, and a cluster without TLS."""

import subprocess

import pytest
import yaml

MIRROR = "mirror.example:5000/kube/"
LABELS = {
    "container_infra_prefix": MIRROR, "ingress_controller": "traefik", "prometheus_monitoring": "true",
    "influx_grafana_dashboard_enabled": "true", "cloud_provider_tag": "v1.11.9", "selinux_mode": "enforcing",
    "flannel_backend": "vxlan", "flannel_network_cidr": "10.200.0.0/16", "flannel_network_subnetlen": "26",
    "kubelet_options": "--v=3", "availability_zone": "nova", "cert_manager_api": "true",
}
MANIFESTS = {"roles", "cloud-provider", "cinder-class", "coredns", "dashboard", "influxdb", "monitoring", "ingress"}

# Programs that CoreOS fetches come from the player, past the proxy.
PAST = "intranet.example,dl.k8s.io,github.com"
PROXIES = ["--http-proxy", "http://proxy.example:3128", "--https-proxy", "http://proxy.example:3128", "--no-proxy", PAST]
REGISTRY = ["--registry-enabled", "--insecure-registry", "registry.example:5000"]
# By driver: image, words of the template, labels, what a worker's parameters must then say, and units it must run.
OTHERS = {
    "kubernetes": (
        "fedora-coreos-latest", ["--network-driver", "calico", "--volume-driver", "cinder", *REGISTRY],
        {"container_infra_prefix": MIRROR, "ingress_controller": "nginx", "prometheus_monitoring": "true",
         "kube_dashboard_enabled": "true", "selinux_mode": "permissive", "calico_ipv4pool": "10.200.0.0/16", "kubelet_options": "--v=3",
         "availability_zone": "nova", "cert_manager_api": "true"},
        {"CONTAINER_INFRA_PREFIX": MIRROR, "SELINUX_MODE": "permissive", "KUBELET_OPTIONS": "--v=3"},
        set(),
    ),
    "swarm": (
        "fedora-atomic-latest", ["--network-driver", "flannel", "--volume-driver", "rexray", *REGISTRY],
        {"container_infra_prefix": MIRROR, "swarm_strategy": "binpack", "flannel_backend": "vxlan", "selinux_mode": "enforcing",
         "flannel_network_cidr": "10.200.0.0/16", "rexray_preempt": "true", "availability_zone": "nova"},
        {"CONTAINER_INFRA_PREFIX": MIRROR, "SELINUX_MODE": "enforcing", "REXRAY_PREEMPT": "true", "NETWORK_DRIVER": "flannel"},
        {"registry", "rexray"},
    ),
    "swarm-mode": (
        "fedora-atomic-latest", ["--volume-driver", "rexray", *REGISTRY],
        {"container_infra_prefix": MIRROR, "selinux_mode": "enforcing", "rexray_preempt": "true", "availability_zone": "nova"},
        {"CONTAINER_INFRA_PREFIX": MIRROR, "SELINUX_MODE": "enforcing", "REXRAY_PREEMPT": "true"},
        {"registry", "rexray"},
    ),
    "mesos": (
        "ubuntu-mesos", ["--volume-driver", "rexray", "--insecure-registry", "registry.example:5000", "--tls-disabled"],
        {"container_infra_prefix": MIRROR, "mesos_slave_isolation": "docker/runtime,filesystem/linux", "mesos_slave_work_dir": "/srv/mesos",
         "mesos_slave_image_providers": "docker,appc", "mesos_slave_executor_env_variables": '{"ZONE": "one"}',
         "rexray_preempt": "true", "availability_zone": "nova"},
        {"ISOLATION": "docker/runtime,filesystem/linux", "IMAGE_PROVIDERS": "docker,appc", "WORK_DIR": "/srv/mesos",
         "EXECUTOR_ENVIRONMENT_VARIABLES": '{"ZONE": "one"}', "REXRAY_PREEMPT": "true"},
        {"rexray"},
    ),
}


@pytest.mark.matrix
@pytest.mark.parametrize("coe", OTHERS)
def test_every_optional_part_of_others(tell, cloud, coe):
    image, words, labels, wanted, units = OTHERS[coe]
    story = tell(f"options-{coe}")
    story.make_template(cloud, *words, *PROXIES, coe=coe, image=image)
    each = [word for name, value in labels.items() for word in ("--labels", f"{name}={value}")]
    story.create("--node-count", "1", *each)
    story.complete()
    for record in story.records():
        if "-master-" not in record["name"]:
            assert wanted.items() <= record["parameters"].items(), record["parameters"]
            assert units <= set(record["units"]), record["units"]
        images = [line.split()[1] for line in record["images"]]
        assert all(image.startswith(MIRROR) for image in images), images
    assert {server.availability_zone for server in story.servers().values()} == {"nova"}
    story.delete()


def test_every_optional_part(tell, cloud):
    story = tell("options")
    story.make_template(
        cloud, "--network-driver", "flannel", "--volume-driver", "cinder", *REGISTRY, *PROXIES,
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
