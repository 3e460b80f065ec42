"""Requests without a client: somebody with a token."""

import json
import urllib.request

from service import OPENER

SECONDS = 60


def send(method, url, body=None, **headers):
    """Headers and JSON of an answer, which must be a success."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    with OPENER.open(urllib.request.Request(url, data, headers, method=method), timeout=SECONDS) as answer:
        text = answer.read()
        return answer.headers, json.loads(text) if text else None


class Person:
    """The owner of these variables; `token`, `project` is the id of the one in them."""

    def __init__(self, who):
        password = {"user": {"name": who["OS_USERNAME"], "password": who["OS_PASSWORD"],
                             "domain": {"name": who["OS_USER_DOMAIN_NAME"]}}}
        scope = {"project": {"name": who["OS_PROJECT_NAME"], "domain": {"name": who["OS_PROJECT_DOMAIN_NAME"]}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": password}, "scope": scope}}
        headers, answer = send("POST", f"{who['OS_AUTH_URL']}/auth/tokens", body)
        self.token = headers["X-Subject-Token"]
        self.project = answer["token"]["project"]["id"]
        self.catalog = answer["token"]["catalog"]

    def ask(self, method, path, body=None, service="container-infra"):
        """The JSON of an answer of a service, by the type it has in the catalog; the newest version of ours."""
        endpoints = next(one["endpoints"] for one in self.catalog if one["type"] == service)
        url = next(one["url"] for one in endpoints if one["interface"] == "public")
        latest = "container-infra latest"
        return send(method, f"{url.rstrip('/')}{path}", body, X_Auth_Token=self.token, OpenStack_API_Version=latest)[1]
