"""The stand-in for etcd where it is configured by /etc/etcd/etcd.conf and keeps keys for others (its API of version 2).

Certificates and client authority are those that the configuration names. It is healthy once the majority of the members
that it names has started, and all of them name the same ones; or, with a discovery, once all of them have come there.
"""

import json
import shlex
import urllib.error
import urllib.parse
import urllib.request

from . import listener

# The members' port for clients, on every address of their own.
PORT = 2379


def settings(root):
    lines = (line.partition("=") for line in root.read("etc/etcd/etcd.conf").splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in lines}


def context(root):
    """TLS as configured; None without it."""
    found = settings(root)
    if "ETCD_CERT_FILE" not in found:
        return None
    files = [found[f"ETCD_{name}"] for name in ["CERT_FILE", "KEY_FILE", "TRUSTED_CA_FILE"]]
    return listener.context(root, *files, required=found.get("ETCD_CLIENT_CERT_AUTH") == "true")


def has_quorum(node):
    found = settings(node.root)
    return is_together(node, found.get("ETCD_DISCOVERY"), found.get("ETCD_INITIAL_ADVERTISE_PEER_URLS"),
                       lambda one: settings(one.root).get("ETCD_INITIAL_CLUSTER", ""))


def is_together(node, discovery, peer, named):
    """Whether its member of etcd is one of a cluster; `named` tells the members that a node's own one names."""
    if discovery:
        return all_have_come(node, discovery, peer)
    started = [one for one in node.cluster.masters() if one.root.is_active("etcd")]
    agreed = [one for one in started if named(one) == named(node)]
    return len(agreed) * 2 > len(named(node).split(","))


def all_have_come(node, discovery, peer):
    """Puts the member on the discovery's list, as etcd does when it starts for the first time, and counts who is there."""
    own = f"{node.facts.address}={peer}"
    try:
        size = int(ask(f"{discovery}/_config/size")["node"]["value"])
        if own not in members(discovery):
            ask(f"{discovery}/{node.server['id'].replace('-', '')[:16]}", {"value": own})
        return len(members(discovery)) == size
    except (OSError, KeyError, ValueError):
        return False


def members(discovery):
    return [one["value"] for one in ask(discovery)["node"].get("nodes", [])]


def ask(url, form=None):
    body = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(url, data=body, method="PUT" if form else "GET")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return json.loads(answer.read())


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
