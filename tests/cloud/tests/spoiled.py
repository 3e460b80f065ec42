"""That the node player is able to fail: each value of a node, once spoiled and once left out, is a finding."""

from player import kinds, scripts, userdata, values


def every_wrong_value_is_found(story, view, worker):
    """For the first master and the first worker of a cluster, whose servers are named after `worker`."""
    names = {f"{story.stack}-master-0", f"{story.stack}-{worker}-0"}
    servers = [view.server(identity) for identity, name in view.active().items() if name in names]
    assert len(servers) == 2, names
    for server in servers:
        data = userdata.unpack(values.decode(server))
        parameters = scripts.parameters(data.written())
        kind = kinds.kind(data, parameters)
        facts = values.gather(server, view)
        facts.cloud = Remembering(view)
        assert list(values.findings(parameters, facts, kind)) == []
        free = {"SWIFT_REGION", *values.FREE, *(name for name in parameters if name.endswith("_OPTIONS"))}
        for name in set(parameters) - free:
            spoiled = values.findings({**parameters, name: "192.0.2.1 @SPOILED@"}, facts, kind)
            assert any(finding.startswith(name) for finding in spoiled), f"{facts.role}: nobody saw that {name} is wrong"
        for left_out in ("MASTER_ADDRESSES", "WAIT_CURL"):
            without = {name: value for name, value in parameters.items() if name != left_out}
            assert f"{left_out} is missing" in list(values.findings(without, facts, kind))
        for script in data.all_scripts():
            assert list(scripts.findings([script + "\necho $NOT_SET @NOT_REPLACED@ ("], parameters))


class Remembering:
    """A view that asks each question once."""

    def __init__(self, view):
        self.view = view
        self.answers = {}

    def __getattr__(self, name):
        def ask(*words):
            if (name, words) not in self.answers:
                self.answers[name, words] = getattr(self.view, name)(*words)
            return self.answers[name, words]

        return ask
