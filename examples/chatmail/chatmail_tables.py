"""chatmail's dict proxies as tables of podop: chatmail_tables.py TABLE CONFIG, in the virtual environment of chatmaild.

Each proxy is set up by its own main(), but answers podop instead of listening on a socket. docs/chatmail.md has the
rest.
"""

import importlib
import sys

from chatmaild.dictproxy import DictProxy
from podop_table import Permanent, Temporary, serve

MODULES = {"auth": "doveauth", "metadata": "metadata", "lastlogin": "lastlogin"}  # of chatmaild, by the table


class Dict:
    """A table that asks a dict proxy by its methods for the fields of Dovecot's lines."""

    def __init__(self, proxy):
        self.proxy = proxy

    def get(self, key, user=None):
        reply = self.proxy.handle_lookup([name_of(key, user), user or ""])
        if reply.startswith("O"):
            return reply[1:].removesuffix("\n")
        if reply.startswith("N"):
            raise KeyError(key)
        raise Temporary(reply[1:] or "chatmaild cannot answer")

    def set(self, key, value, user=None):
        if not self.proxy.handle_set(user or "", ["", name_of(key, user), value]):
            raise Permanent("chatmaild does not store this key")

    def iterate(self, path, user=None):
        start = "O" + name_of(path, user)
        rows = self.proxy.handle_iterate(["0", "0", start[1:], user or ""]) or ""
        for row in rows.split("\n"):
            if row.startswith(start):
                yield row.removeprefix(start).partition("\t")[0], ""


def name_of(key, user):
    """Returns a key as Dovecot writes it."""
    return ("shared/" if user is None else "priv/") + key


def main():
    table, _config = sys.argv[1:]
    DictProxy.serve_forever_from_socket = lambda proxy, _socket: serve({table: Dict(proxy)})
    sys.exit(importlib.import_module("chatmaild." + MODULES[table]).main())


if __name__ == "__main__":
    main()
