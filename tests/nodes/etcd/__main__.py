"""The story: etcd on three masters begins, refuses strangers, loses members one after another, and gets them back."""

import base64
import json
import os
import shutil
import tempfile
from pathlib import Path

import yaml
from swarm.client import Client, certificate_of_another_authority, until
from swarm.story import Story, tell, tell_story

from .cluster import Kubernetes

MASTERS = ["master-0", "master-1", "master-2"]
# The service is asked for a place at its own discovery when its options say so.
BUILT_IN = "#!/bin/sh\nOS_CLUSTER__ETCD_DISCOVERY_SERVICE_ENDPOINT_FORMAT=built-in exec {} \"$@\"\n"


class Etcds(Story):
    name = "green"
    machines = Kubernetes
    client = None

    def create(self, outage=False):
        if outage:
            self.cluster.network.shut(self.cloud.port)
        self.cloud.client(
            "coe", "cluster", "template", "create", "k8s", "--coe", "kubernetes", "--image", "fedora-coreos-38",
            "--external-network", "public", "--keypair", "testkey", "--flavor", "m1.small", "--master-flavor", "m1.small",
            "--network-driver", "flannel", "--docker-storage-driver", "overlay2", "--floating-ip-disabled",
            "--master-lb-enabled",
        )
        self.cloud.client("coe", "cluster", "create", self.name, "--cluster-template", "k8s", "--master-count", "3",
                          "--node-count", "1")
        if outage:
            until("every node has asked for certificates in vain", self.have_asked_in_vain, 120)
            self.cluster.network.open(self.cloud.port)
            tell("the API was down while the nodes asked for certificates, and is back")
        self.await_status("CREATE_COMPLETE")
        tell(f"CREATE_COMPLETE; {self.parameter('master-0', 'ETCD_DISCOVERY_URL') or 'a static list'} brought etcd together")

    def have_asked_in_vain(self):
        """The second of their attempts to get certificates has failed on all four of them."""
        self.cluster.check()
        logs = [path.read_text() for path in self.folder.glob("*/root/var/log/user-data")]
        waiting = ["certificates: " in log and "attempt 2 of" in log for log in logs]
        return True if waiting == [True] * 4 else waiting

    def parameter(self, name, wanted):
        text = (self.cluster.named(name).root / "etc/sysconfig/heat-params").read_text()
        return next(line.partition("=")[2] for line in text.splitlines() if line.startswith(wanted + "="))

    def masters(self):
        return [self.cluster.named(name) for name in MASTERS]

    def etcd(self, machine, *words):
        status, text = machine.etcdctl(*words)
        assert status == 0, f"{machine.name}$ etcdctl {' '.join(words)}: {text}"
        return text

    def members(self, machine):
        """Status and address of each member, as one of them sees it."""
        rows = json.loads(self.etcd(machine, "member", "list", "--write-out=json"))["members"]
        return {row["peerURLs"][0]: (row.get("name", ""), bool(row.get("clientURLs"))) for row in rows}

    def be_whole(self):
        """Every master is a member of the same cluster and reads what each of them wrote."""
        wanted = {f"https://{machine.address}:2380" for machine in self.masters()}
        for machine in self.masters():
            members = self.members(machine)
            assert set(members) == wanted and all(started for _, started in members.values()), members
            self.etcd(machine, "put", f"/from/{machine.name}", machine.name)
        for machine in self.masters():
            for name in MASTERS:
                assert name in self.etcd(machine, "get", f"/from/{name}"), f"{machine.name} does not know what {name} wrote"
        tell(f"members: {sorted(wanted)}; each reads what the others wrote")

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
        master, worker = self.cluster.named("master-0"), self.cluster.named("minion-0")
        for machine in [master, worker]:
            folder = machine.root / "etc/kubernetes/certs"
            status, text = machine.run(
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kubernetes",
                "-addext", "subjectAltName=DNS:kubernetes", "-keyout", "/etc/kubernetes/certs/other.key",
                "-out", "/etc/kubernetes/certs/other.crt",
            )
            assert status == 0 and (folder / "other.crt").exists(), text
        config = self.client.folder
        certificates = worker.root / "etc/kubernetes/certs"
        shutil.copy(config / "cert.pem", certificates / "user.crt")
        shutil.copy(config / "key.pem", certificates / "user.key")
        for what, certificate in [
            ("no certificate", ""), ("a certificate of another authority", "other"),
            ("the certificate of the worker's kubelet", "kubelet"), ("the certificate of its proxy", "proxy"),
            ("a certificate of coe cluster config", "user"),
        ]:
            status, text = worker.etcdctl("get", "/from/master-0", certificate=certificate,
                                          endpoint=f"https://{master.address}:2379")
            assert status != 0 and "master-0\n" not in text, f"{what}: {text}"
            tell(f"a client with {what} is refused")
        before = len(self.members(master))
        for certificate in ["other", "kubelet"]:
            status, text = worker.run(
                "curl", "--silent", "--show-error", "--insecure", "--cert", f"/etc/kubernetes/certs/{certificate}.crt",
                "--key", f"/etc/kubernetes/certs/{certificate}.key", f"https://{master.address}:2380/members",
            )
            assert status != 0 and "peerURLs" not in text, f"a peer with {certificate}: {text}"
        assert len(self.members(master)) == before
        tell("a peer with another authority's or a worker's certificate is refused")

    def run_again(self):
        machine = self.cluster.named("master-2")
        status, text = machine.run("bash", "/usr/local/libexec/magnum-node", seconds=180)
        assert status == 0, text
        until("it is a member again", lambda: self.members(machine) and True)
        tell("the script of a master ran again: the same member")

    def lose_and_replace(self, name):
        machine, other = self.cluster.named(name), self.cluster.named(next(one for one in MASTERS if one != name))
        before = json.loads(self.etcd(other, "member", "list", "--write-out=json"))
        machine.kill()
        until("a leader is elected", lambda: self.etcd(other, "put", "/while/away", name).strip() == "OK")
        tell(f"{name} is gone; the others still take writes")
        self.cluster.replace(machine)

        until(f"{name} is back", lambda: bool(machine.init()) and self.has_booted(machine), 240)
        after = json.loads(self.etcd(other, "member", "list", "--write-out=json"))
        assert before["header"]["cluster_id"] == after["header"]["cluster_id"]
        old, new = ({row["ID"] for row in rows["members"]} for rows in (before, after))
        assert len(old - new) == len(new - old) == 1, "one member took the place of another"
        assert name in self.etcd(machine, "get", "/while/away")
        assert "--initial-cluster-state=existing" in (machine.root / "etc/systemd/system/etcd.service").read_text()
        tell(f"{name} came back without its data, took its place and has the data again")


def main():
    tell_story(Etcds, [
        ("create", True), ("be_whole",), ("open_with_kubectl",), ("refuse_strangers",), ("run_again",),
        ("lose_and_replace", "master-1"), ("be_whole",), ("lose_and_replace", "master-0"), ("be_whole",), ("delete",),
    ])
    with tempfile.TemporaryDirectory(prefix="magnum-etcd-") as folder:
        wrapper = Path(folder) / "magnum"
        wrapper.write_text(BUILT_IN.format(os.environ["MAGNUM_BIN"]))
        wrapper.chmod(0o755)
        os.environ["MAGNUM_BIN"] = str(wrapper)
        tell_story(Etcds, [("create",), ("be_whole",), ("lose_and_replace", "master-2"), ("be_whole",), ("delete",)])
    tell("proven")


main()
