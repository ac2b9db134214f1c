"""The captured transcripts below captures/: how a file is read, and what podop does in another way than its server."""

import os
import re

from dict import UNESCAPED

METHODS = {"S": "POST", "U": "DELETE", "A": "PATCH"}
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "captures")

# Steps that are not replayed, by the kind of the capture; (step, n) is the n-th connection of a step.
SKIP = {
    "dict-commands": {
        "dict name with space, tab, colon; empty dict name": "tables that podop cannot have",
        ("user name with tab and newline and 0x01", 1):
            "this client sends the user's tab and newline unescaped, which is another line",
    },
    "dict-idle": {
        "server reads the request and closes without a reply: the lookup fails":
            "the server closes instead of a reply, or gives none",
    },
    "dict-multiplex": {
        "plain commit replies in the wrong order: the id in the reply is not looked at, "
        "C1 gets the O2 reply, C2 gets the F1 reply":
            "a form of reply that podop never sends",
        "server closes with two lookups pending": "the server closes instead of a reply, or gives none",
    },
    "dict-replies-commit": {
        "O without id": "a form of reply that podop never sends",
        "O with a wrong id": "a form of reply that podop never sends",
        "F + text without id: the text is lost": "a form of reply that podop never sends",
        "A + O + id (async commit reply, only for D of old clients)": "a form of reply that podop never sends",
        "unknown letter": "a form of reply that podop never sends",
        "empty line": "a form of reply that podop never sends",
        "N, id (set)": "N to a transaction without an increment",
        "reply sent to B (must not be)": "a reply too many",
        "server closes after C, no reply": "the server closes instead of a reply, or gives none",
    },
    "dict-replies-get": {
        "O, invalid UTF-8": "a value that podop refuses: not UTF-8",
        "O, value, extra field that is no timing": "a form of reply that podop never sends",
        "O, unescaped tab in the value: silently cut at the tab": "a form of reply that podop never sends",
        "M, several values (double-escaped list)": "a form of reply that podop never sends",
        "M, single value": "a form of reply that podop never sends",
        "M, empty": "a form of reply that podop never sends",
        "M, timing": "a form of reply that podop never sends",
        "W (not a lookup reply)": "a form of reply that podop never sends",
        "W with fields": "a form of reply that podop never sends",
        "A (not a lookup reply)": "a form of reply that podop never sends",
        "unknown letter": "a form of reply that podop never sends",
        "empty line": "a form of reply that podop never sends",
        "a line of one tab": "a form of reply that podop never sends",
        "lower-case o": "a form of reply that podop never sends",
        "async form, M": "a form of reply that podop never sends",
        "+id without *id": "a form of reply that podop never sends",
        "*id, +other id": "a form of reply that podop never sends",
        "*id, +id without reply part": "a form of reply that podop never sends",
        "O, value with escaped NUL: cut at the NUL by the C string": "a value that podop refuses: NUL",
        "O, value with raw NUL": "bytes that podop escapes or refuses",
        "O, raw CR before LF is taken as line end CRLF": "bytes that podop escapes or refuses",
        "two replies to one request": "a reply too many",
        "server answers to H (it must not): a stray line is taken as the reply of the first request":
            "a reply too many",
        "server sends a line at once after H, before the client has sent anything else": "a reply too many",
        "*id with 0": "a broken async id",
        "*id twice": "a broken async id",
        "*id not a number": "a broken async id",
        "*id beyond 32 bits": "a broken async id",
        "reply without LF, then close": "the server closes instead of a reply, or gives none",
    },
    "dict-replies-iter": {
        "key outside of the asked prefix": "a row that was not asked for",
        "key equal to the prefix": "a row that was not asked for",
        "row with several values": "a form of reply that podop never sends",
        "row without a value field at all: broken": "a form of reply that podop never sends",
        "-V: rows without a value field: broken": "a form of reply that podop never sends",
        "N": "a form of reply that podop never sends",
        "M row": "a form of reply that podop never sends",
        "F after a row, then an empty line too many": "a reply too many",
        "two empty lines": "a reply too many",
        "server closes before the finish line": "the server closes instead of a reply, or gives none",
        "server closes before any row": "the server closes instead of a reply, or gives none",
    },
    "imap-login": {
        ("last_login: commit answered with N / W", 1): "N to a transaction without an increment",
        ("last_login: commit answered with N / W", 3): "N to a transaction without an increment",
    },
    "imap-metadata": {
        "iteration: a row outside of the prefix": "a row that was not asked for",
        "commit answered with N": "N to a transaction without an increment",
    },
    "postmap": {
        "OK, data not UTF-8": "a value that podop refuses: not UTF-8",
        ("map names: with dots, dashes, empty, with a colon", 2): "a table that podop cannot have",
        "NOTFOUND without space": "a status or form that podop never sends here",
        "NOTFOUND with text": "a status or form that podop never sends here",
        "OK without space: not found": "a status or form that podop never sends here",
        "OK, data with NUL: cut": "a value that podop refuses: NUL",
        "ok in lower case": "a status or form that podop never sends here",
        "TEMP alone": "a status or form that podop never sends here",
        "TIMEOUT with reason": "would be a matter of time",
        "unknown status": "a status or form that podop never sends here",
        "empty netstring": "a status or form that podop never sends here",
        "space only": "a status or form that podop never sends here",
        "reply of 100001 bytes": "over what Postfix takes; podop answers PERM",
        "no netstring at all": "no netstring",
        "leading zeros in the length": "no netstring",
        "length without digits": "no netstring",
        "huge length": "no netstring",
        "format error for the first of three keys on stdin": "no netstring",
        "wrong terminator": "no netstring, or one too many",
        "length too short": "no netstring, or one too many",
        "two replies to one request, second key reads the left-over": "no netstring, or one too many",
        "server closes without a reply: one retry on a new connection":
            "the server closes instead of a reply, or gives none",
        "server closes every time: error after the second try": "the server closes instead of a reply, or gives none",
        "server closes in the middle of the reply": "the server closes instead of a reply, or gives none",
    },
    "smtpd-connections": {
        ("server closes instead of a reply, once", 2): "the server closes instead of a reply, or gives none",
        ("server closes instead of a reply, always", 3):
            "the server closes instead of a reply, or gives none",
        ("server closes instead of a reply, always", 2): "the server closes instead of a reply, or gives none",
    },
    "dict-auth": {
        "iteration: row outside of the prefix": "a row that was not asked for",
    },
    "imap-acl": {
        "iteration: row key equal to the prefix": "a row that was not asked for",
    },
}

# Steps before which a value that the client wrote was removed or changed at the captured server.
CHANGED = {
    "dict-replies-commit": {"N, id (inc)", "N, id, timing (inc)"},
    "quota-dict": {"increment answered with N: recalculation follows in the same session",
                   "negative number stored: recalculated",
                   "stored value is no number: treated as unknown, recalculated",
                   "stored value JSON string with quotes"},
}


class Special(Exception):
    """The captured server did something that podop never does."""


# --- reading the captures -------------------------------------------------------------------------------------------


def decode(text):
    """Decodes bytes in the notation of the captures."""
    if match := re.fullmatch(r"(.*)\.\.\.\[([0-9]+) bytes in all\]\.\.\.(.*)", text):
        head, tail = decode(match[1]), decode(match[3])
        return head + head[-1:] * (int(match[2]) - len(head) - len(tail)) + tail
    escapes = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}
    return re.sub(rb"\\(x([0-9a-f]{2})|.)",
                  lambda match: bytes([int(match[2], 16)]) if match[2] else escapes[match[1]], text.encode())


def lenient(field):
    """Decodes a field as Dovecot reads it, even if the captured server escaped it in another way than podop."""
    return re.sub(rb"\x01(.?)", lambda match: UNESCAPED.get(match[0], match[1]), field, flags=re.DOTALL)


class Capture:
    """The steps of a file: (title, events), where an event is (what, connection, bytes)."""

    def __init__(self, name):
        self.name = name
        self.kind = re.sub(r"-(dovecot|postfix)[0-9.]+\.txt$", "", name)
        self.steps = [("", [])]
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            for text in file:
                self._read(text.rstrip("\n"))

    def _read(self, text):
        if text.startswith("## "):
            self.steps.append((text[3:], []))
            return
        text = re.sub(r"^\[ *[0-9.]+\] ", "", text)
        events = self.steps[-1][1]
        if match := re.match(r"([0-9]+)(?: [a-z-]+)? -- (client|server) (connected|closed|closes)", text):
            events.append((match[2] + " " + match[3], match[1], b""))
        elif match := re.match(r"([0-9]+)(?: [a-z-]+)? (>\+|>|<) (.*)", text):
            events.append((match[2], match[1], decode(match[3])))
        elif match := re.match(r"([0-9]+) [a-z-]+: (.*) -> (.*)", text):
            events.extend(((">", match[1], decode(match[2])), ("<", match[1], decode(match[3]))))
        elif match := re.match(r"([0-9]+) !!", text):
            events.append(("error", match[1], b""))
        elif not re.match(r"$|[#$|=]|==|log\||(imap|smtp|lmtp) [CS]:|  \.\.\. ", text):
            raise AssertionError(f"{self.name}: what is {text!r}")
