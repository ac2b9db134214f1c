"""The fenced blocks of the documents, which readers paste, in their order."""

import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUIDE = ("docs", "admin-guide.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(*path: str) -> list[tuple[str, str]]:
    """Returns each fenced block of a document, as its language ("" for none) and its text."""
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return FENCED.findall(file.read())


def block(*path: str, begin: str) -> str:
    """Returns the fenced block that begins like this."""
    return next(text for _, text in fenced(*path) if text.startswith(begin))


def known_metrics() -> dict[str, tuple[str, set[str]]]:
    """Returns the kind and the labels of each metric that docs/monitoring.md lists."""
    with open(os.path.join(SOURCE, "docs", "monitoring.md"), encoding="utf-8") as file:
        rows = re.findall(r"(?m)^\| `((?:podop|process)_\w+)` \| (\w+) \|([^|]*)\| \S", file.read())
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
