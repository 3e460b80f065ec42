"""Stand-ins for the API server and etcd of a master, and for what listens on a node's own loopback address.

They are set up by what the node's scripts have written: certificates and client authority come from the files that the
configuration of the API server and of etcd names, and nothing is served before the script starts the service.
"""

import http.server
import json
import re
import socketserver
import ssl
import threading
import urllib.parse

import yaml


class Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A port on 127.0.0.1 that refuses connections until `begin`."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Request, bind_and_activate=False)
        self.server_bind()
        self.answer = answer
        self.context = None
        self.began = False
        self.port = self.server_address[1]

    def begin(self, context=None):
        if not self.began:
            self.began = True
            self.context = context
            self.server_activate()
            threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(30)
        if self.context:
            # The handshake is the first read's, in the thread of the connection.
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        """A client that does not trust us, or that we do not trust: it has been told."""

    def end(self):
        if self.began:
            self.shutdown()
        self.server_close()


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.serve()

    def do_PUT(self):
        self.serve()

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        subject = {}
        if self.server.context:
            certificate = self.connection.getpeercert() or {}
            subject = {name: value for part in certificate.get("subject", ()) for name, value in part}
        status, text = self.server.answer(self.command, self.path, self.headers.get("Host", ""), body, subject)
        text = text if isinstance(text, str) else json.dumps(text)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words):
        pass


def option(configuration, name):
    """Value of --name=VALUE in a file of arguments, None when it is not there."""
    found = re.search(rf"--{name}=([^\s\"]+)", configuration)
    return found and found[1]


def context(root, certificate, key, authority):
    """TLS with the node's own files; who shows a certificate must have it of that authority."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(root.path / certificate.lstrip("/"), root.path / key.lstrip("/"))
    made.load_verify_locations(root.path / authority.lstrip("/"))
    made.verify_mode = ssl.CERT_OPTIONAL
    return made


def api_context(root):
    """As the API server's arguments say; None when it serves without TLS."""
    text = root.read("etc/kubernetes/apiserver")
    if not option(text, "tls-cert-file"):
        return None
    return context(root, *(option(text, name) for name in ["tls-cert-file", "tls-private-key-file", "client-ca-file"]))


def etcd_settings(root):
    lines = (line.partition("=") for line in root.read("etc/etcd/etcd.conf").splitlines())
    return {name: value.strip('"') for name, _, value in lines}


def etcd_context(root):
    settings = etcd_settings(root)
    if "ETCD_CERT_FILE" not in settings:
        return None
    made = context(root, *(settings[f"ETCD_{name}"] for name in ["CERT_FILE", "KEY_FILE", "TRUSTED_CA_FILE"]))
    if settings.get("ETCD_CLIENT_CERT_AUTH") == "true":
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def manifest_findings(text):
    """Every object of a manifest has what Kubernetes asks of all of them."""
    try:
        objects = [one for one in yaml.safe_load_all(text) if one]
    except yaml.YAMLError as error:
        yield f"is no YAML: {error}"
        return
    if not objects:
        yield "has no object"
    for one in objects:
        if not (one.get("apiVersion") and one.get("kind") and one.get("metadata", {}).get("name")):
            yield f"has an object without version, kind or name: {str(one)[:100]}"


def node_object(node):
    ready = "True" if node.root.is_active("kubelet") else "False"
    return {
        "kind": "Node", "apiVersion": "v1", "metadata": {"name": node.name},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def answer_api(cluster, method, path, host, body, subject):
    """The API server: administrators may see all nodes, a kubelet its own."""
    path = urllib.parse.urlsplit(path).path
    if cluster.has_tls() and not subject:
        return 401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}
    if path in ("/healthz", "/version"):
        return 200, "ok" if path == "/healthz" else {"gitVersion": "v1.11.6"}
    group = subject.get("organizationName", "system:masters" if not cluster.has_tls() else "")
    nodes = {node.name: node for node in cluster.nodes() if node.root.is_active("kubelet")}
    if path == "/api/v1/nodes" and group == "system:masters":
        return 200, {"kind": "NodeList", "apiVersion": "v1", "items": [node_object(node) for node in nodes.values()]}
    name = path.removeprefix("/api/v1/nodes/")
    if name in nodes and group == "system:nodes" and subject.get("commonName") != f"system:node:{name}":
        return 403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403}
    if name in nodes and group in ("system:masters", "system:nodes"):
        return 200, node_object(nodes[name]) if nodes[name].is_sound() else {"kind": "Status", "code": 500}
    return (404 if group in ("system:masters", "system:nodes") else 403), {"kind": "Status", "status": "Failure"}


def answer_etcd(cluster, node, method, path, host, body, subject):
    """etcd's health and its keys; it is healthy once the majority of the members that it names has started."""
    path = urllib.parse.urlsplit(path).path
    if path == "/health":
        return 200, {"health": "true" if cluster.has_quorum(node) else "false"}
    key = path.removeprefix("/v2/keys")
    if method == "PUT":
        cluster.keys[key] = urllib.parse.parse_qs(body)["value"][0]
        return 201, {"action": "set"}
    if key in cluster.keys:
        return 200, {"action": "get", "node": {"key": key, "value": cluster.keys[key]}}
    return 404, {"errorCode": 100, "message": "Key not found"}


def answer_local(cluster, node, method, path, host, body, subject):
    """127.0.0.1:8080 is the API server, 127.0.0.1:2379 etcd, 169.254.169.254 the metadata service."""
    if host.startswith("169.254.169.254"):
        if path == "/latest/meta-data/public-ipv4" and node.facts.floating_address:
            return 200, node.facts.floating_address
        return 404, "not found"
    if host.endswith(":2379"):
        return answer_etcd(cluster, node, method, path, host, body, subject) if node.root.is_active("etcd") else (503, "")
    healthy = node.root.is_active("kube-apiserver") and node.is_sound()
    return (200, "ok") if healthy and path == "/healthz" else (503, "not yet")
