"""Kubernetes on Fedora CoreOS: Ignition instead of cloud-init, podman's units instead of Atomic's, nothing but TLS.

Programs that no image has come from the internet, of which the player is a part: it has an authority of its own, which the
image trusts, and serves what dl.k8s.io and github.com would, with the published checksums.
"""

import csv
import datetime
import hashlib
import io
import re
import ssl
import tarfile
import tempfile
import urllib.parse
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from . import etcd, ignition, listener, values
from .coe import options, unit_words
from .kubernetes import COMMON, GROUP, MASTER, Kubernetes, manifest_findings
from .values import BOOLEAN, TAG, URL

EVERY_NODE = {
    "KUBE_BINARIES_URL": URL, "CNI_PLUGINS_URL": URL, "CNI_PLUGINS_TAG": TAG,
    "NODE_EXPORTER_TAG": TAG, **GROUP,
}
COREOS_MASTER = MASTER | {
    "(ADMISSION_CONTROL_LIST)": r"[A-Za-z]+(,[A-Za-z]+)*", "FLANNEL_TAG": TAG, "FLANNEL_CNI_TAG": TAG,
    "FLANNEL_BACKEND": "vxlan|host-gw", "CLOUD_PROVIDER_TAG": TAG, "CINDER_CSI_ENABLED": BOOLEAN, "CINDER_CSI_PLUGIN_TAG": TAG,
    "CSI_ATTACHER_TAG": TAG, "CSI_PROVISIONER_TAG": TAG, "CSI_RESIZER_TAG": TAG, "CSI_NODE_DRIVER_REGISTRAR_TAG": TAG,
    "METRICS_SERVER_ENABLED": BOOLEAN, "METRICS_SERVER_TAG": TAG, "METRICS_SCRAPER_TAG": TAG,
    "(INGRESS_CONTROLLER)": "traefik|nginx|octavia", "NGINX_INGRESS_CONTROLLER_TAG": TAG, "OCTAVIA_INGRESS_CONTROLLER_TAG": TAG,
}
del COREOS_MASTER["ADMISSION_CONTROL_LIST"]
SECRETS = ["/etc/sysconfig/heat-params", "/etc/magnum/ca.key", "/etc/magnum/service_account.key",
           "/etc/magnum/service_account_private.key"]
IMAGE = re.compile(r"([a-z0-9.:_-]+/)+[a-z0-9._-]+:[A-Za-z0-9._-]+")
CONTROL_PLANE = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}


class Internet:
    """Two sites with programs of Kubernetes and of CNI, for all nodes."""

    NAMES = ("dl.k8s.io", "github.com")

    def __init__(self):
        key, authority = _certificate("The player's internet", None, None)
        site_key, site = _certificate(self.NAMES[0], authority, key, self.NAMES)
        self.authority = authority.public_bytes(serialization.Encoding.PEM).decode()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in [("crt", site.public_bytes(serialization.Encoding.PEM)), ("key", _pem(site_key))]:
                (Path(folder) / name).write_bytes(text)
            context.load_cert_chain(f"{folder}/crt", f"{folder}/key")
        self.plugins = _archive("./bridge", b"#!/bin/bash\n")
        self.server = listener.Listener(self.answer)
        self.server.begin(context)

    def served(self):
        return [(f"{name}:443", self.server) for name in self.NAMES]

    def answer(self, method, path, host, body, subject):
        path = urllib.parse.urlsplit(path).path
        wanted = path.removesuffix(".sha256")
        content = self.content(wanted)
        if content is None:
            return 404, "not found"
        if wanted == path:
            return 200, content
        return 200, f"{hashlib.sha256(content).hexdigest()}  {wanted.rsplit('/', 1)[-1]}\n"

    def content(self, path):
        if path.endswith(".tgz") and path.startswith("/containernetworking/plugins/releases/download/"):
            return self.plugins
        if path.startswith("/release/v") and path.endswith(("/kubelet", "/kubectl")):
            return b"#!/bin/bash\n. /usr/local/bin/standin\n"
        return None


def _pem(key):
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def _certificate(name, issuer, issuers_key, names=()):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
    made = made.add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    return key, made.sign(issuers_key or key, hashes.SHA256())


def _archive(name, content):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class KubernetesOnCoreOS(Kubernetes):
    """A node of Kubernetes on Fedora CoreOS."""

    image = "fedora-coreos"

    @classmethod
    def shapes(cls, role, parameters):
        return COMMON | EVERY_NODE | (COREOS_MASTER if role == "master" else values.REGISTRY)

    @classmethod
    def first_findings(cls, data):
        return ignition.findings(data, SECRETS)

    def own(self):
        port = self.node.parameters["KUBE_API_PORT"]
        loopback = [("127.0.0.1:2381", self.local), (f"127.0.0.1:{port}", self.api)] if self.node.role == "master" else []
        return [("169.254.169.254:80", self.metadata), *loopback, *self.node.internet.served()]

    def arguments(self, unit):
        """A component's own flags, which stand behind podman's and the image."""
        words = unit_words(self.node.root, unit)
        image = next((index for index, word in enumerate(words) if IMAGE.fullmatch(word)), len(words))
        return options(words[image:])

    def serve(self):
        root = self.node.root
        if self.node.role != "master":
            return
        if root.is_active("etcd") and not self.etcd.began:
            self.etcd.begin(self.etcd_context())
        if root.is_active("kube-apiserver") and not self.api.began:
            self.api.begin(self.api_context())

    def renew(self):
        """Who comes from now on is met with the files as they are now."""
        if self.node.role == "master" and self.api.began:
            self.etcd.context = self.etcd_context()
            self.api.context = self.api_context()

    def option(self, name):
        return self.arguments("kube-apiserver").get(name)

    def etcd_context(self):
        flags = self.arguments("etcd")
        files = [flags[name] for name in ["cert-file", "key-file", "trusted-ca-file"]]
        return listener.context(self.node.root, *files, required=flags["client-cert-auth"] == "true")

    def user(self, subject):
        """By certificate, or by a token of the file that the API server reads."""
        lines = csv.reader(io.StringIO(self.node.root.read(self.option("token-auth-file"))))
        for token, name, _, group in lines:
            if subject["token"] == token:
                return name, group
        return super().user(subject)

    def version_text(self):
        return self.node.parameters["KUBE_TAG"]

    def is_well(self):
        """It reaches its etcd, and its certificates are sound."""
        reaches = self.option("etcd-servers") == "https://127.0.0.1:2379"
        return self.node.root.is_active("etcd") and self.has_quorum() and reaches and self.is_sound()

    # --- etcd ------------------------------------------------------------------------------------------------------

    def has_quorum(self):
        """As with every etcd: the majority of the members that this one names has started and names the same."""
        found = self.arguments("etcd")
        return etcd.is_together(self.node, found.get("discovery"), found.get("initial-advertise-peer-urls"),
                                lambda one: one.coe.arguments("etcd").get("initial-cluster", ""))

    def answer_local(self, method, path, host, body, subject):
        """127.0.0.1:2381 is where etcd tells how it is."""
        well = self.node.root.is_active("etcd") and self.has_quorum()
        return 200, {"health": "true" if well else "false"}

    def answer_etcd(self, method, path, host, body, subject):
        """Clients speak gRPC, with the program in etcd's image, which no stand-in has: nobody gets an answer."""
        return 404, "404 page not found"

    # --- what is left ----------------------------------------------------------------------------------------------

    def wanted(self):
        found = {"containerd", "kubelet", "kube-proxy"}
        return found | CONTROL_PLANE if self.node.role == "master" else found

    def left_findings(self):
        yield from super().left_findings()
        root = self.node.root
        for path in sorted((root.path / "etc/kubernetes/manifests").glob("*.yaml")):
            yield from (f"{path.name}: {finding}" for finding in manifest_findings(path.read_text()))
        if not root.file("/etc/magnum/node-ready").exists():
            yield "the unit did not note that the node is ready"
        if self.node.role == "master":
            flags = self.arguments("etcd")
            wanted = {"name": self.node.facts.address, "initial-cluster-token": self.node.parameters["CLUSTER_UUID"],
                      "advertise-client-urls": f"https://{self.node.facts.address}:{etcd.PORT}"}
            yield from (f"etcd's {name} is {flags.get(name)}" for name, value in wanted.items() if flags.get(name) != value)
