"""Requests with a token of their own, which no other client of the tests uses."""

import requests


def password_token(cloud):
    user = {"name": "demo", "domain": {"id": "default"}, "password": cloud["DEMO_PASSWORD"]}
    scope = {"project": {"name": cloud["DEMO_PROJECT"], "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": scope}}
    answer = requests.post(f"{cloud['AUTH_URL']}/auth/tokens", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


def headers(token):
    return {"X-Auth-Token": token, "X-Subject-Token": token}


def revoke(cloud, token):
    answer = requests.delete(f"{cloud['AUTH_URL']}/auth/tokens", headers=headers(token), timeout=60)
    assert answer.status_code == 204, answer.text
    assert is_over(cloud, token)


def is_over(cloud, token):
    """Whether Keystone knows it no more."""
    answer = requests.get(f"{cloud['AUTH_URL']}/auth/tokens", headers=headers(token), timeout=60)
    assert answer.status_code in (200, 401, 404), answer.status_code
    return answer.status_code != 200


def create_with(cloud, story, token):
    url = f"http://127.0.0.1:{cloud['CONTAINER_INFRA_PORT']}/v1/clusters"
    body = {"name": story.name, "cluster_template_id": story.template, "node_count": 1}
    answer = requests.post(url, json=body, headers={"X-Auth-Token": token}, timeout=60)
    assert answer.status_code == 202, answer.text
    story.uuid = answer.json()["uuid"]
