"""The story: etcd on three masters begins, refuses strangers, loses members one after another, and gets them back."""

import base64
import json
import shutil

import yaml
from swarm.client import Client, certificate_of_another_authority, until
from swarm.story import tell, tell_story

from .cluster import Kubernetes
from .members import BUILT_IN, Members


class Etcds(Members):
    name = "green"
    machines = Kubernetes
    worker = "minion-0"
    client = None

    def create(self, outage=False):
        if outage:
            self.cluster.network.shut(self.cloud.port)
        self.begin("--coe", "kubernetes", "--image", "fedora-coreos-38", "--network-driver", "flannel",
                   "--docker-storage-driver", "overlay2")
        if outage:
            until("every node has asked for certificates in vain", self.have_asked_in_vain, 120)
            self.cluster.network.open(self.cloud.port)
            tell("the API was down while the nodes asked for certificates, and is back")
        self.await_members()

    def have_asked_in_vain(self):
        """The second of their attempts to get certificates has failed on all four of them."""
        self.cluster.check()
        logs = [path.read_text() for path in self.folder.glob("*/root/var/log/user-data")]
        waiting = ["certificates: " in log and "attempt 2 of" in log for log in logs]
        return True if waiting == [True] * 4 else waiting

    def open_with_kubectl(self):
        """The configuration of `coe cluster config` and all that nodes have, used by the real kubectl."""
        self.client = Client(self.cloud, self.cluster.network, self.folder, self.name)
        config = self.client.folder / "config"
        opened = [("coe cluster config", *self.kubectl(self.client, config), "admin", "system:masters")]
        worker = self.cluster.named("minion-0")
        for machine, name, user, group in [
            *((self.cluster.named("master-0"), name, user, group) for name, user, group in [
                ("admin", "magnum:{}", "system:masters"), ("controller-manager", "system:kube-controller-manager", ""),
                ("scheduler", "system:kube-scheduler", ""),
            ]),
            *((machine, name, user, group) for machine in [self.cluster.named("master-1"), worker] for name, user, group in [
                ("kubelet", "system:node:{}", "system:nodes"), ("proxy", "system:kube-proxy", "system:node-proxier"),
            ]),
        ]:
            seen = self.kubectl(machine, f"/etc/kubernetes/{name}.conf")
            opened.append((f"{name}.conf of {machine.name}", *seen, user.format(machine.server_name), group))
        for what, user, groups, *wanted in opened:
            assert [user, groups] == wanted, f"{what}: {user} of {groups}"
            tell(f"kubectl with {what}: {user}{' of ' * bool(groups)}{groups}")
        self.refuse_kubectl(config)

    def kubectl(self, machine, config):
        """Whom the API server of the cluster sees, with a kubeconfig."""
        status, text = machine.run("/usr/bin/kubectl", f"--kubeconfig={config}", "get", "--raw", "/whoami")
        assert status == 0, f"{config}: {text}"
        seen = json.loads(text)
        return seen["user"], seen["groups"]

    def refuse_kubectl(self, config):
        key, certificate = (file.read_bytes() for file in certificate_of_another_authority(self.folder))
        text = config.read_text()

        def changed(name, **fields):
            """The configuration with other certificates in it."""
            whole = yaml.safe_load(text)
            for part in [whole["clusters"][0]["cluster"], whole["users"][0]["user"]]:
                for field in [field for field in part if field in fields]:
                    part[field] = base64.b64encode(fields[field]).decode() if fields[field] else ""
            path = self.client.folder / name
            path.write_text(yaml.safe_dump(whole))
            assert whole != yaml.safe_load(text), f"{name}: {text}"
            return path
        pair = ["client-certificate-data", "client-key-data"]
        nobody = changed("nobody", **dict.fromkeys(pair, b""))
        other = changed("other", **dict(zip(pair, [certificate, key], strict=True)))
        fooled = changed("fooled", **{"certificate-authority-data": certificate})
        for what, path, said in [("without a certificate", nobody, "enter Username"),
                                 ("with a certificate of another authority", other, "tls: "),
                                 ("that trusts another authority", fooled, "x509: ")]:
            status, answer = self.client.run("/usr/bin/kubectl", f"--kubeconfig={path}", "get", "--raw", "/whoami")
            assert status != 0 and said in answer, f"{what}: {status} {answer}"
            tell(f"kubectl {what} is refused: {answer.strip().splitlines()[-1]}")

    def refuse_strangers(self):
        """No certificate, another authority's, and certificates of the cluster's own authority that are no master's."""
        worker = self.cluster.named(self.worker)
        self.make_stranger(worker)
        certificates = worker.root / worker.certificates.lstrip("/")
        shutil.copy(self.client.folder / "cert.pem", certificates / "user.crt")
        shutil.copy(self.client.folder / "key.pem", certificates / "user.key")
        other = ("a certificate of another authority", "other")
        kubelet = ("the certificate of the worker's kubelet", "kubelet")
        self.refuse_clients([
            ("no certificate", ""), other, kubelet, ("the certificate of its proxy", "proxy"),
            ("a certificate of coe cluster config", "user"),
        ])
        self.refuse_peers([other, kubelet])

    def run_again(self):
        machine = self.cluster.named("master-2")
        status, text = machine.run("bash", "/usr/local/libexec/magnum-node", seconds=180)
        assert status == 0, text
        until("it is a member again", lambda: self.members(machine) and True)
        tell("the script of a master ran again: the same member")

    def lose_and_replace(self, name):
        machine, other, before = self.lose(name)
        self.cluster.replace(machine)
        self.await_again(machine)
        after = self.listed(other)
        assert before["header"]["cluster_id"] == after["header"]["cluster_id"]
        old, new = ({row["ID"] for row in rows["members"]} for rows in (before, after))
        assert len(old - new) == len(new - old) == 1, "one member took the place of another"
        assert "--initial-cluster-state=existing" in (machine.root / "etc/systemd/system/etcd.service").read_text()
        tell(f"{name} came back without its data, took its place and has the data again")


class ByDiscovery(Etcds):
    options = BUILT_IN


tell_story(Etcds, [
    ("create", True), ("be_whole",), ("open_with_kubectl",), ("refuse_strangers",), ("run_again",),
    ("lose_and_replace", "master-1"), ("be_whole",), ("lose_and_replace", "master-0"), ("be_whole",), ("delete",),
])
tell_story(ByDiscovery, [("create",), ("be_whole",), ("lose_and_replace", "master-2"), ("be_whole",), ("delete",)])
tell("proven")
