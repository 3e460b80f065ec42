"""User data as cloud-init and Ignition read it: unpacked into scripts that run and files that are written."""

import base64
import email
import gzip
import json
import re
import shlex
from dataclasses import dataclass, field

import yaml

from . import ignition
from .errors import Unreadable

GZIP = b"\x1f\x8b"
HERE_DOCUMENT = re.compile(r"^cat (>>?)(/\S+) <<'?(\w+)'?\n(.*?)^\3$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"#!\s*/\S*(/|\s)(ba)?sh\b")
# Heat's own parts, which prepare folders for what follows.
OTHERS = ("text/cloud-boothook", "text/part-handler", "text/x-cfninitdata")
# How Heat hands software deployments to os-collect-config.
DEPLOYMENT_FILES = ("cfn-init-data", "heat_config.cfg", "os-collect-config.conf")


@dataclass
class UserData:
    """What a node gets: scripts in the order they run, files by path with their modes, units by name (both of Ignition
    only), and what os-collect-config reads."""

    scripts: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    modes: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    collect: dict = field(default_factory=dict)

    def written(self):
        """Files that are there once the parameter parts of the scripts have run."""
        found = dict(self.files)
        for script in self.scripts:
            for how, path, _, text in HERE_DOCUMENT.findall(script):
                found[path] = found.get(path, "") + text if how == ">>" else text
        return found

    def all_scripts(self):
        """Those that run, and those that they call."""
        return [*self.scripts, *(text for text in self.files.values() if SHELL.match(text))]


def unpack(raw):
    """Takes the bytes that Nova keeps, decoded from base64."""
    if raw.startswith(GZIP):
        raw = gzip.decompress(raw)
    text = raw.decode()
    if text.lstrip().startswith("{"):
        return _ignition(json.loads(text))
    if re.match(r"(Content-Type|MIME-Version):", text, re.IGNORECASE):
        return _multipart(email.message_from_string(text))
    found = UserData()
    _part(found, "", "text/plain", text)
    return found


def _multipart(message):
    found = UserData()
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        _part(found, part.get_filename() or "", part.get_content_type(), content.decode())
    return found


def _part(found, name, kind, text):
    if name in DEPLOYMENT_FILES:
        if name == "cfn-init-data":
            found.collect = json.loads(text or "{}").get("os-collect-config", {})
        return
    if kind in OTHERS:
        return
    if SHELL.match(text):
        found.scripts.append(text)
    elif text.startswith("#!"):
        # Heat's own helper in Python, which writes a log.
        return
    elif kind == "text/cloud-config" or text.startswith("#cloud-config"):
        _cloud_config(found, yaml.safe_load(text) or {})
    elif text.strip():
        raise Unreadable(f"a part {name!r} that begins with {text[:30]!r} is neither a script nor a cloud-config")


def _cloud_config(found, config):
    for entry in config.get("write_files", []):
        content = entry.get("content", "")
        if "b64" in entry.get("encoding", "") or "base64" in entry.get("encoding", ""):
            content = base64.b64decode(content).decode()
        found.files[entry["path"]] = content
    for command in config.get("runcmd", []):
        words = command if isinstance(command, str) else shlex.join(map(str, command))
        found.scripts.append(f"#!/bin/sh\n{words}\n")


def _ignition(config):
    if "ignition" not in config:
        raise Unreadable("JSON that is no Ignition")
    found = UserData()
    ignition.read(config, found)
    return found
