"""The player's own parts that our templates do not use: multipart user data, and software deployments."""

import base64
import gzip
import json
import threading
import time

import pytest
from player import deployments, userdata, values

SECONDS = 600
TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "parameters": {"image": {"type": "string"}, "flavor": {"type": "string"}, "network": {"type": "string"}},
    "resources": {
        "script": {
            "type": "OS::Heat::SoftwareConfig", "properties": {"group": "ungrouped", "config": "#!/bin/bash\necho booted\n"},
        },
        "files": {
            "type": "OS::Heat::SoftwareConfig",
            "properties": {
                "group": "ungrouped",
                "config": "#cloud-config\nwrite_files:\n- {path: /etc/answer, content: '42'}\nruncmd: [echo 1]\n",
            },
        },
        "boot": {
            "type": "OS::Heat::MultipartMime",
            "properties": {"parts": [{"config": {"get_resource": "script"}}, {"config": {"get_resource": "files"}}]},
        },
        "work": {
            "type": "OS::Heat::SoftwareConfig",
            "properties": {
                "group": "script", "config": "#!/bin/bash\necho \"$word\"\n", "inputs": [{"name": "word"}],
                "outputs": [{"name": "echoed"}],
            },
        },
        "server": {
            "type": "OS::Nova::Server",
            "properties": {
                "image": {"get_param": "image"}, "flavor": {"get_param": "flavor"},
                "networks": [{"network": {"get_param": "network"}}], "user_data_format": "SOFTWARE_CONFIG",
                "software_config_transport": "POLL_SERVER_HEAT", "user_data": {"get_resource": "boot"},
            },
        },
        "deployment": {
            "type": "OS::Heat::SoftwareDeployment",
            "properties": {
                "config": {"get_resource": "work"}, "server": {"get_resource": "server"}, "signal_transport": "HEAT_SIGNAL",
                "input_values": {"word": "hello"},
            },
        },
    },
}


class Listener:
    """As much of a node as software deployments need."""

    def __init__(self):
        self.ended = threading.Event()
        self.findings = []

    def find(self, findings):
        self.findings += findings


@pytest.fixture
def stack(demo, cloud):
    parameters = {"image": cloud["IMAGE"], "flavor": cloud["FLAVOR"], "network": cloud["DEMO_NETWORK_ID"]}
    made = demo.orchestration.create_stack(name="played", template=TEMPLATE, parameters=parameters, timeout_mins=20)
    yield made
    demo.orchestration.delete_stack(made)
    demo.orchestration.wait_for_delete(made, wait=SECONDS)


def server_of(demo, stack):
    """Its server, as soon as Nova has it."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = [one for one in demo.orchestration.resources(stack) if one.name == "server" and one.physical_resource_id]
        if found:
            return found[0].physical_resource_id
        time.sleep(2)
    raise AssertionError(f"no server after {SECONDS} s")


def test_software_deployments_of_multipart_user_data(stack, demo, view):
    server = view.get("compute", f"/servers/{server_of(demo, stack)}", microversion="2.3")["server"]
    data = userdata.unpack(values.decode(server))
    assert data.files["/etc/answer"] == "42"
    assert [script.splitlines()[-1] for script in data.scripts] == ["echo booted", "echo 1"]
    node = Listener()
    threading.Thread(target=deployments.play, args=(node, data.collect), daemon=True).start()
    demo.orchestration.wait_for_status(stack, "CREATE_COMPLETE", failures=["CREATE_FAILED"], wait=SECONDS)
    node.ended.set()
    assert node.findings == []


def test_what_else_nodes_read():
    """Compressed user data, and Ignition with plain, encoded and compressed files."""
    script = "#!/bin/bash\necho hello\n"
    assert userdata.unpack(gzip.compress(script.encode())).scripts == [script]
    packed = base64.b64encode(gzip.compress(b"three\n")).decode()
    contents = [
        {"source": "data:,one%20word"}, {"source": "data:text/plain;base64,dHdvCg=="},
        {"source": f"data:;base64,{packed}", "compression": "gzip"},
    ]
    files = [{"path": f"/etc/{number}", "contents": content} for number, content in enumerate(contents)]
    ignition = json.dumps({"ignition": {"version": "3.3.0"}, "storage": {"files": files}})
    assert userdata.unpack(ignition.encode()).files == {"/etc/0": "one word", "/etc/1": "two\n", "/etc/2": "three\n"}
    for unreadable in [b"{}", b"just text"]:
        with pytest.raises(userdata.Unreadable):
            userdata.unpack(unreadable)
