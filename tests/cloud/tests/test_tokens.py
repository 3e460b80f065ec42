"""Tokens that end during a long create: the user's, and the one inside the nodes' command for signals."""

import requests

TEMPLATE = ["--network-driver", "flannel", "--floating-ip-disabled"]


def password_token(cloud):
    """A token of its own, which no other client of the tests uses."""
    user = {"name": "demo", "domain": {"id": "default"}, "password": cloud["DEMO_PASSWORD"]}
    scope = {"project": {"name": cloud["DEMO_PROJECT"], "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": scope}}
    answer = requests.post(f"{cloud['AUTH_URL']}/auth/tokens", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


def revoke(cloud, token):
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    answer = requests.delete(f"{cloud['AUTH_URL']}/auth/tokens", headers=headers, timeout=60)
    assert answer.status_code == 204, answer.text
    answer = requests.get(f"{cloud['AUTH_URL']}/auth/tokens", headers=headers, timeout=60)
    assert answer.status_code in (401, 404), answer.status_code


def create_with(cloud, story, token):
    url = f"http://127.0.0.1:{cloud['CONTAINER_INFRA_PORT']}/v1/clusters"
    body = {"name": story.name, "cluster_template_id": story.template, "node_count": 1}
    answer = requests.post(url, json=body, headers={"X-Auth-Token": token}, timeout=60)
    assert answer.status_code == 202, answer.text
    story.uuid = answer.json()["uuid"]


def test_token_revoked_once_the_stack_is_begun(tell, cloud, orders):
    """The rest of the create goes by the trust, and the nodes by their own credentials."""
    orders.give("revoked-", hold=True)
    story = tell("revoked")
    story.make_template(cloud, *TEMPLATE)
    token = password_token(cloud)
    create_with(cloud, story, token)
    story.until(lambda: len(story.servers()) == 2, "both servers")
    revoke(cloud, token)
    orders.give("revoked-", stale=True)
    story.complete()
    assert {record["signal_token"] for record in story.records()} == {"revoked"}
    story.delete()


def test_token_revoked_at_once(tell, cloud):
    """Whatever was done by then: the cluster is complete, or failed with a reason that says what to do."""
    story = tell("hasty")
    story.make_template(cloud, *TEMPLATE)
    token = password_token(cloud)
    create_with(cloud, story, token)
    revoke(cloud, token)
    row = story.wait("CREATE_COMPLETE", "CREATE_FAILED")
    if row["status"] == "CREATE_FAILED":
        assert "token" in row["status_reason"].lower(), row["status_reason"]
    story.delete()
