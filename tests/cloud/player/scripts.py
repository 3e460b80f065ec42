"""What can be seen of the node's scripts without running them."""

import re
import subprocess

PARAMETERS = "/etc/sysconfig/heat-params"
# Names between at-signs, and those that begin with a dollar sign where older templates let Heat replace them.
PLACEHOLDER = re.compile(r"@[A-Z][A-Z0-9_]+@")
ASSIGNED = re.compile(r"(?:^|[\s;(])(?:export |local |readonly )?([A-Za-z_][A-Za-z0-9_]*)\+?=", re.MULTILINE)
FOR = re.compile(r"\bfor ([A-Za-z_][A-Za-z0-9_]*) in\b")
READ = re.compile(r"(?<![\\$])\$\{?([A-Z][A-Z0-9_]+)\b(?!:[-+=?]|[-+])")
QUOTED_DOCUMENT = re.compile(r"<<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)
# Set by bash itself, or by files that only the running node has.
AMBIENT = {"BASH_SOURCE", "EUID", "FUNCNAME", "HOSTNAME", "IFS", "LINENO", "PATH", "PIPESTATUS", "PWD", "RANDOM", "SECONDS"}

# Read by a function that all nodes have and only masters call.
MASTERS_ONLY = {"FLANNEL_BACKEND", "FLANNEL_NETWORK_CIDR", "FLANNEL_NETWORK_SUBNETLEN"}


def parameters(files):
    """The parameter file as a dictionary, in the manner of the node's own reader."""
    found = {}
    for line in files.get(PARAMETERS, "").splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            found[name] = value
    return found


def findings(script, known):
    """Everything wrong with one script, given the names of the parameters."""
    return [*syntax(script), *placeholders(script), *unset(script, known)]


def syntax(script):
    done = subprocess.run(["bash", "-n", "-s"], input=script, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or done.stderr:
        yield f"bash cannot read the script: {done.stderr.strip()}"


def placeholders(text):
    for name in sorted(set(PLACEHOLDER.findall(text))):
        yield f"nothing was put in the place of {name}"


def unset(script, known):
    """Variables that are read and set nowhere; inside a quoted here-document nothing is read."""
    code = QUOTED_DOCUMENT.sub("", script)
    there = {*known, *AMBIENT, *MASTERS_ONLY, *ASSIGNED.findall(code), *FOR.findall(code)}
    for name in sorted(set(READ.findall(code)) - there):
        yield f"a script reads {name}, which is set nowhere"
