"""What kubectl would do with the files of `cluster config`: TLS both ways, then a request."""

import http.client
import json
import ssl
import subprocess
from urllib.parse import urlsplit

import yaml


def kubeconfig(folder):
    return yaml.safe_load((folder / "config").read_text())


def server(folder):
    """Host and port of the cluster's API as the kubeconfig names it."""
    address = urlsplit(kubeconfig(folder)["clusters"][0]["cluster"]["server"])
    assert address.scheme == "https", address
    return address.hostname, address.port


def get(folder, path, with_certificate=True):
    """Body of a GET, trusting only the cluster's CA and showing the client certificate."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if with_certificate:
        context.load_cert_chain(str(folder / "cert.pem"), str(folder / "key.pem"))
    host, port = server(folder)
    connection = http.client.HTTPSConnection(host, port, timeout=10, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def ready_nodes(folder):
    status, body = get(folder, "/api/v1/nodes")
    assert status == 200, body

    def ready(node):
        return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])

    return sum(ready(node) for node in json.loads(body)["items"])


def openssl(*words, stdin=None):
    done = subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
