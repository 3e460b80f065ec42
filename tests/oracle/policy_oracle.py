#!/usr/bin/env python3
"""Writes domain/src/policy/corpus.json: what the real oslo.policy answers.

The Rust test reads that file, so this runs only when cases are added:

    python3 -m venv venv
    venv/bin/pip install oslo.policy pbr
    venv/bin/pip download --no-deps magnum==6.3.0 magnum==22.0.0
    venv/bin/python tests/oracle/policy_oracle.py magnum-6.3.0-*.whl magnum-22.0.0-*.whl > domain/src/policy/corpus.json

Rule sets are taken from the two releases of Magnum themselves. Answers are strings of 0 and 1: for each caller, for each
target, in the order of the file. What a caller or target does not have is left out, not None: there the Rust side
differs on purpose.
"""

import importlib.metadata
import json
import logging
import random
import subprocess
import sys

from oslo_config import cfg
from oslo_policy import policy

LIST_RULES = """
import json, sys
sys.path.insert(0, sys.argv[1])
from magnum.common import policies
json.dump({rule.name: rule.check_str for rule in policies.list_rules()}, sys.stdout)
"""

CALLERS = [
    {"user_id": "u-admin", "user_name": "admin", "user_domain_id": "default", "project_id": "p-admin", "roles": ["Admin", "member", "reader"]},
    {"user_id": "u-owner", "user_name": "owner", "user_domain_id": "default", "project_id": "p-one", "project_name": "one", "project_domain_id": "default", "roles": ["member", "reader"]},
    {"user_id": "u-peer", "user_name": "peer", "user_domain_id": "default", "project_id": "p-one", "roles": ["Member"]},
    {"user_id": "u-reader", "user_name": "reader", "user_domain_id": "default", "project_id": "p-one", "roles": ["reader"]},
    {"user_id": "u-none", "user_name": "none", "user_domain_id": "default", "project_id": "p-one", "roles": []},
    {"user_id": "u-other", "user_name": "other", "user_domain_id": "d-two", "project_id": "p-two", "roles": ["member", "reader"]},
    {"user_id": "u-trustee", "user_name": "c-one_p-one", "user_domain_id": "d-trustee", "roles": []},
    {"user_id": "u-stranger", "user_name": "c-two_p-two", "user_domain_id": "d-trustee", "roles": ["member"]},
    {"user_id": "u-owner", "user_name": "owner", "user_domain_id": "default", "project_id": "p-one", "trust_id": "t-1", "roles": ["member", "x:y"]},
]

TARGETS = [
    {"project_id": "p-one", "user_id": "u-owner", "trustee_user_id": "u-trustee", "trustee_domain_id": "d-trustee"},
    {"project_id": "p-two", "user_id": "u-other", "trustee_user_id": "u-stranger", "trustee_domain_id": "d-trustee"},
    {"project_id": "p-one", "user_id": "u-peer", "trustee_domain_id": "d-trustee"},
    {"project_id": "p-two", "user_id": "u-other"},
    {"trustee_domain_id": "d-trustee"},
    {"project_id": "p-one", "user_id": "u-owner", "trustee_domain_id": "d-trustee", "name": "blue", "public": "True", "role": "Member"},
]

HELPERS = {"a": "role:member", "b": "project_id:%(project_id)s", "c": "not rule:a", "never": "!", "open": "",
           "deep": "((rule:a) or (rule:c)) and (not (rule:never))"}

ATOMS = ["@", "!", "rule:a", "rule:b", "rule:c", "rule:never", "rule:open", "rule:deep", "rule:missing", "role:admin",
         "role:MEMBER", "role:reader", "role:%(role)s", "is_admin:True", "is_admin:False", "user_id:%(user_id)s",
         "user_id:%(trustee_user_id)s", "project_id:%(project_id)s", "domain_id:%(trustee_domain_id)s",
         "project_id:p-one", "user_name:owner", "'blue':%(name)s", "True:%(public)s", "roles:member"]

CHECKS = [
    "", "@", "!", "rule:open", "rule:missing", "not rule:missing", "role:", "role:x:y", "roles:x:y", "roles:MEMBER",
    "is_admin:True or project_id:%(project_id)s", "((rule:a) or (rule:b))", "( rule:a )",
    "((((rule:a))))", "not not rule:a", "not (rule:a and rule:b)", "NOT rule:a AND Rule:b", "rule:a AND rule:b",
    "rule:a or rule:b and rule:c", "rule:a and rule:b or rule:c", "rule:a and rule:b and rule:c",
    "rule:a or rule:b or rule:c", "rule:a or rule:b and rule:c and role:reader or @", "rule:a and not rule:b",
    "rule:a or not rule:b and not rule:c", "  rule:a\n or\trule:b  ", "user_id:%(nothing)s", "not user_id:%(nothing)s",
    "nothing:%(user_id)s", "not nothing:%(user_id)s", "token.user.id:%(user_id)s", "project_id:%(project_id)s ",
    "project_name:one", "project_domain_id:default", "user_domain_id:d-two", "trust_id:t-1", "user_id:u-%(name)s",
    "'p-%%':p-%%", "'blue-p-one':%(name)s-%(project_id)s", "\"blue\":%(name)s", "'blue':blue", "'blue':red",
    "7:7", "7:8", "True:True", "True:true", "False:%(public)s", "None:None", "role:%(nothing)s",
    "is_admin:true", "is_admin:1", "@ and !", "@ or !", "not @", "not !", "(@)", "(! or @) and (rule:a)",
    "rule:", "rule:a:b", "role:member and (project_id:%(project_id)s or user_id:%(user_id)s)",
]

MALFORMED = [
    " ", "rule:a rule:b", "rule:a and", "and rule:a", "(rule:a", "rule:a)", "()", "not", "rule:a or or rule:b",
    "role", "'role:admin'", "\"rule:a\" or rule:b", "rule:a (rule:b)", "rule:a not rule:b", "(rule:a)or rule:b", "(rule:a))",
]

LISTS = [
    [], [["role:member"]], ["role:member"], [["role:member", "role:reader"]], [["role:admin"], ["role:reader"]],
    [["role:member", "user_id:%(user_id)s"], "rule:never", ["is_admin:True"]], [[]], [[], ["@"]], ["@"], [["!"]],
]


def credentials(caller, is_admin):
    creds = dict(caller, domain_id=caller["user_domain_id"], user=caller["user_id"], is_admin=is_admin)
    if "project_id" in caller:
        creds["tenant"] = caller["project_id"]
    return creds


def answers(rules, name):
    enforcer = policy.Enforcer(cfg.ConfigOpts(), use_conf=False)
    enforcer.set_rules(policy.Rules.from_dict(rules, "default"), use_conf=False)
    return "".join(
        str(int(bool(enforcer.enforce(name, dict(target), credentials(caller, "Admin" in caller["roles"])))))
        for caller in CALLERS for target in TARGETS)


def expression(rng, depth):
    pick = rng.random()
    if depth == 0 or pick < 0.25:
        return rng.choice(ATOMS)
    if pick < 0.4:
        return "not " + expression(rng, 0)
    if pick < 0.6:
        return "(" + rng.choice(["", " "]) + expression(rng, depth - 1) + rng.choice(["", " "]) + ")"
    word = rng.choice(["and", "or", "AND", "or"])
    parts = [expression(rng, depth - 1) for _ in range(rng.choice([2, 2, 3]))]
    return f" {word} ".join(parts)


def main():
    logging.disable(logging.CRITICAL)
    sets = {}
    for release, wheel in zip(["queens", "2026.1"], sys.argv[1:3], strict=True):
        out = subprocess.run([sys.executable, "-c", LIST_RULES, wheel], check=True, capture_output=True, text=True)
        rules = json.loads(out.stdout)
        sets[release] = {name: {"rule": rules[name], "answers": answers(rules, name)} for name in sorted(rules)}
    rng = random.Random(2)
    texts = CHECKS + ATOMS + [expression(rng, rng.choice([2, 3])) for _ in range(250)]
    checks = {text: answers(dict(HELPERS, test=text), "test") for text in dict.fromkeys(texts)}
    for text in MALFORMED:
        # The log says it cannot be parsed; the answer is always no.
        assert "1" not in answers(dict(HELPERS, test=text), "test"), text
    fallback = dict(HELPERS, default="role:reader", test="rule:missing or rule:never")
    corpus = {
        "oslo.policy": importlib.metadata.version("oslo.policy"),
        "callers": CALLERS,
        "targets": TARGETS,
        "sets": sets,
        "helpers": HELPERS,
        "checks": checks,
        "malformed": MALFORMED,
        "lists": [{"rule": rule, "answers": answers(dict(HELPERS, test=rule), "test")} for rule in LISTS],
        "with_default_rule": {"rules": fallback, "answers": answers(fallback, "test")},
    }
    json.dump(corpus, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
