"""Fenced blocks of the documents, which their readers paste into files and shells."""

import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUIDE = ("docs", "admin-guide.md")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(*path):
    """Returns the language ("" for none) and the text of each fenced block of a document, in order."""
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return FENCED.findall(file.read())


def block(*path, begin):
    """Returns the text of the first fenced block that begins like this."""
    return next(text for _, text in fenced(*path) if text.startswith(begin))
