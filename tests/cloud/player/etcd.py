"""The stand-in for etcd where it is configured by /etc/etcd/etcd.conf and keeps keys for others (its API of version 2).

Certificates and client authority are those that the configuration names. It is healthy once the majority of the members
that it names has started, and all of them name the same ones.
"""

import urllib.parse

from . import listener

# The members' port for clients, on every address of their own.
PORT = 2379


def settings(root):
    lines = (line.partition("=") for line in root.read("etc/etcd/etcd.conf").splitlines())
    return {name: value.strip('"') for name, _, value in lines}


def context(root):
    """TLS as configured; None without it."""
    found = settings(root)
    if "ETCD_CERT_FILE" not in found:
        return None
    files = [found[f"ETCD_{name}"] for name in ["CERT_FILE", "KEY_FILE", "TRUSTED_CA_FILE"]]
    return listener.context(root, *files, required=found.get("ETCD_CLIENT_CERT_AUTH") == "true")


def has_quorum(node):
    named = settings(node.root).get("ETCD_INITIAL_CLUSTER", "")
    started = [one for one in node.cluster.masters() if one.root.is_active("etcd")]
    agreed = [one for one in started if settings(one.root).get("ETCD_INITIAL_CLUSTER", "") == named]
    return len(agreed) * 2 > len(named.split(","))


def answer(node, method, path, body):
    """Its health and its keys, which all members share."""
    keys = node.cluster.keys
    path = urllib.parse.urlsplit(path).path
    if path == "/health":
        return 200, {"health": "true" if has_quorum(node) else "false"}
    key = path.removeprefix("/v2/keys")
    if method == "PUT":
        keys[key] = urllib.parse.parse_qs(body)["value"][0]
        return 201, {"action": "set"}
    if key in keys:
        return 200, {"action": "get", "node": {"key": key, "value": keys[key]}}
    return 404, {"errorCode": 100, "message": "Key not found"}
