"""What can be seen of the node's scripts without running them."""

import re
import subprocess

PARAMETERS = "/etc/sysconfig/heat-params"
# Names between at-signs, and those that begin with a dollar sign where older templates let Heat replace them.
PLACEHOLDER = re.compile(r"@[A-Z][A-Z0-9_]+@")
# Heat makes this password, and may put two at-signs into it.
CREDENTIALS = re.compile(r"^WAIT_CREDENTIALS=.*$", re.MULTILINE)
ASSIGNED = re.compile(r"(?:^|[\s;(])(?:export |local |readonly )?([A-Za-z_][A-Za-z0-9_]*)\+?=", re.MULTILINE)
FOR = re.compile(r"\bfor ([A-Za-z_][A-Za-z0-9_]*) in\b")
READ = re.compile(r"(?<![\\$])\$\{?([A-Z][A-Z0-9_]+)\b(?!:[-+=?]|[-+])")
QUOTED_DOCUMENT = re.compile(r"<<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)
# Set by bash itself, or by files that only the running node has.
AMBIENT = {"BASH_SOURCE", "EUID", "FUNCNAME", "HOSTNAME", "IFS", "LINENO", "PATH", "PIPESTATUS", "PWD", "RANDOM", "SECONDS"}
# What is read only if something else is set, or if it is not; and what a condition asks about before it is read.
GUARDED = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*:?[-+=?][^{}]*\}")
ASKED = re.compile(r"-[nz] \$\{([A-Z][A-Z0-9_]+):-\}")
# One whose closing brace stands alone at the beginning of a line.
FUNCTION = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)\(\) *\{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parameters(files):
    """The parameter file as a dictionary, in the manner of the node's own reader."""
    found = {}
    for line in files.get(PARAMETERS, "").splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            found[name] = value
    return found


def findings(scripts, known):
    """Everything wrong with the scripts of one node, given the names of the parameters."""
    for script in scripts:
        yield from syntax(script)
        yield from placeholders(script)
    yield from unset(scripts, known)


def syntax(script):
    done = subprocess.run(["bash", "-n", "-s"], input=script, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or done.stderr:
        yield f"bash cannot read the script: {done.stderr.strip()}"


def placeholders(text):
    text = CREDENTIALS.sub("", text)
    for name in sorted(set(PLACEHOLDER.findall(text))):
        yield f"nothing was put in the place of {name}"


def unset(scripts, known):
    """Variables that are read and set nowhere; inside a quoted here-document nothing is read, nor in what nobody calls."""
    code = reached("\n".join(QUOTED_DOCUMENT.sub("", script) for script in scripts))
    there = {*known, *AMBIENT, *ASSIGNED.findall(code), *FOR.findall(code)}
    for name in sorted(set(READ.findall(GUARDED.sub("", code))) - there - set(ASKED.findall(code))):
        yield f"a script reads {name}, which is set nowhere"


def reached(code):
    """Without the functions that all nodes have and this one does not call."""
    bodies, parts = dict(FUNCTION.findall(code)), [FUNCTION.sub("", code)]
    for part in parts:
        for name in set(WORD.findall(part)) & set(bodies):
            parts.append(bodies.pop(name))
    return "\n".join(parts)
