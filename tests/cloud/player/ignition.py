"""Ignition, as a machine reads it at its first boot: files with their modes, and units of which the enabled ones run."""

import base64
import binascii
import gzip
import re
import urllib.parse

from . import errors

VERSION = re.compile(r"3\.[0-4]\.0")
# What Ignition of these versions knows of a document, a file and a unit. It refuses nothing that it does not know.
KNOWN = {
    "document": {"ignition", "storage", "systemd", "passwd"}, "storage": {"files", "directories", "links"},
    "file": {"path", "mode", "overwrite", "contents", "append", "user", "group"},
    "contents": {"source", "compression", "verification", "httpHeaders"},
    "unit": {"name", "enabled", "mask", "contents", "dropins"},
}
RUN = re.compile(r"^Exec(StartPre|Start|StartPost)=([-+!@:]*)(.*)$", re.MULTILINE)
SECRET_MODE = 0o600


def read(config, found):
    """Puts files, their modes and the scripts of enabled units into `found`; everything else is unreadable."""
    _known("document", config)
    if not VERSION.fullmatch(str(config["ignition"].get("version"))):
        raise errors.Unreadable(f"Ignition of version {config['ignition'].get('version')}")
    _known("storage", config.get("storage", {}))
    for entry in config.get("storage", {}).get("files", []):
        _known("file", entry)
        path = entry["path"]
        if path in found.files or not path.startswith("/"):
            raise errors.Unreadable(f"the file {path!r} is there twice, or its path does not begin with /")
        found.files[path] = _contents(path, entry.get("contents", {}))
        # Ignition's own default; a mode is a decimal number in JSON.
        found.modes[path] = entry.get("mode", 0o644)
    for unit in config.get("systemd", {}).get("units", []):
        _known("unit", unit)
        found.units[unit["name"]] = unit
        if unit.get("contents"):
            found.files[f"/etc/systemd/system/{unit['name']}"] = unit["contents"]
        if unit.get("enabled") and not unit.get("mask"):
            found.scripts += commands(unit)


def _known(kind, entry):
    strangers = set(entry) - KNOWN[kind]
    if strangers:
        raise errors.Unreadable(f"Ignition knows no {sorted(strangers)} of a {kind}")


def _contents(path, contents):
    _known("contents", contents)
    source = contents.get("source", "data:,")
    if not source.startswith("data:"):
        raise errors.Unreadable(f"{path}: {source[:60]} is no data: URL")
    head, _, body = source.partition(",")
    if re.search(r"[\s\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})", body):
        raise errors.Unreadable(f"{path}: a data: URL with a character that must not stand in it")
    try:
        content = base64.b64decode(body, validate=True) if head.endswith(";base64") else urllib.parse.unquote_to_bytes(body)
        if contents.get("compression") == "gzip":
            content = gzip.decompress(content)
    except (binascii.Error, OSError, EOFError) as error:
        raise errors.Unreadable(f"{path}: {error}") from error
    return content.decode()


def commands(unit):
    """A unit's commands in the order in which systemd runs them, each as a script."""
    order = {"StartPre": 0, "Start": 1, "StartPost": 2}
    there = sorted(RUN.findall(unit.get("contents", "")), key=lambda one: order[one[0]])
    if not there or "Type=oneshot" not in unit["contents"]:
        raise errors.Unreadable(f"{unit['name']} is enabled and is no unit that runs once")
    return [f"#!/bin/bash\n{command}\n" for _, _, command in there]


def findings(data, secrets):
    """Values and keys are for root alone, whatever the words of Ignition may be."""
    for path in secrets:
        if path in data.modes and data.modes[path] != SECRET_MODE:
            yield f"{path} has mode {data.modes[path]:o}"
    for name, unit in data.units.items():
        if not unit.get("mask") and not unit.get("enabled"):
            yield f"the unit {name} is never started"
