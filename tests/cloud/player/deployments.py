"""Software deployments, as os-collect-config and the agent in its container carry them out.

Every deployment of a node's metadata is answered once with success. What its inputs name must be there: a way to signal,
and a configuration that bash can read where it is a script.
"""

import requests

from . import scripts

POLL_SECONDS = 3
SECONDS = 60


def log_in(auth_url, user, password, project):
    body = {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {"id": user, "password": password}}},
        "scope": {"project": {"id": project}},
    }}
    answer = requests.post(f"{auth_url.rstrip('/')}/auth/tokens", json=body, timeout=SECONDS)
    answer.raise_for_status()
    catalogue = answer.json()["token"]["catalog"]
    [service] = [one for one in catalogue if one["type"] == "orchestration"]
    [url] = [end["url"] for end in service["endpoints"] if end["interface"] == "public"]
    return {"X-Auth-Token": answer.headers["X-Subject-Token"]}, url


def play(node, collect):
    """Polls the metadata as long as the server is there."""
    settings = collect["heat"]
    answered = set()
    while not node.ended.is_set():
        try:
            login = [settings[name] for name in ["auth_url", "user_id", "password", "project_id"]]
            headers, url = log_in(*login)
            path = f"{url}/stacks/{settings['stack_id']}/resources/{settings['resource_name']}/metadata"
            answer = requests.get(path, headers=headers, timeout=SECONDS)
            answer.raise_for_status()
            for one in answer.json()["metadata"].get("deployments", []):
                if one["id"] not in answered:
                    answered.add(one["id"])
                    node.find(carry_out(one))
        except (requests.RequestException, KeyError) as error:
            node.find([f"software deployments cannot be read: {type(error).__name__}: {error}"])
            return
        node.ended.wait(POLL_SECONDS)


def carry_out(deployment):
    """Signals success; yields what is wrong with the deployment."""
    inputs = {one["name"]: one.get("value") for one in deployment["inputs"]}
    if deployment.get("group") == "script":
        yield from (f"deployment {deployment['name']}: {finding}" for finding in scripts.syntax(deployment["config"]))
    body = {"deploy_stdout": "", "deploy_stderr": "", "deploy_status_code": 0}
    body |= {one["name"]: "" for one in deployment.get("outputs", [])}
    if inputs.get("deploy_signal_id"):
        answer = requests.post(inputs["deploy_signal_id"], json=body, timeout=SECONDS)
    elif inputs.get("deploy_auth_url"):
        names = ["deploy_auth_url", "deploy_user_id", "deploy_password", "deploy_project_id"]
        headers, url = log_in(*(inputs[name] for name in names))
        path = f"{url}/stacks/{inputs['deploy_stack_id']}/resources/{inputs['deploy_resource_name']}/signal"
        answer = requests.post(path, json=body, headers=headers, timeout=SECONDS)
    else:
        yield f"deployment {deployment['name']} has no way to signal"
        return
    if not answer.ok:
        yield f"deployment {deployment['name']}: Heat answered {answer.status_code}"
