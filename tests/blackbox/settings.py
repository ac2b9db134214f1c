"""Configuration files of podop, written from Python values."""

import re
from collections.abc import Mapping
from typing import Any


def conf(value: object) -> str:
    """Writes a value in the syntax of libconfig: a dict as a group, a list of dicts as a list, others as an array."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + " ".join(f"{name} = {conf(item)};" for name, item in value.items()) + " }"
    if isinstance(value, list):
        items = ", ".join(conf(item) for item in value)
        return f"({items})" if any(isinstance(item, Mapping) for item in value) else f"[{items}]"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text) + '"'
    return str(value)


def conf_file(**settings: Any) -> str:
    """Writes a whole configuration file."""
    return "".join(f"{name} = {conf(value)};\n" for name, value in settings.items())
