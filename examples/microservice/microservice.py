#!/usr/bin/env python3
"""A small mail database as a backend of podop: every request that a backend can get, in one page.

    GET    /alias/bob@example.com   200 and the value, any JSON, or 404
    GET    /auth/userdb/            lists what is below: 200 and an array of names for userdb/,
                                    an object of names and values for every other path
    POST   /meta/some/key           stores the body, any JSON: 204
    DELETE /meta/some/key           204, whether there was a value or not
    PATCH  /quota/messages          {"inc": 5} adds 5: 204; 404 without a value, 409 if it is not a number

A key of one user is PATH/USER with the header "Podop-User: USER", and a list of such keys is PATH/ with
that header. The entries of a user are separate from those that all users share.
"""
import argparse
import json
import sqlite3
from contextlib import suppress
from functools import partialmethod
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Lock
from urllib.parse import unquote, unquote_to_bytes

FIRST_ENTRIES = {  # exact keys in lower case: podop makes them of what Postfix asks for
    "domain/example.com": "example.com",
    "domain/example.org": "example.org",
    "domain/xn--bcher-kva.example": "bücher.example",
    "mailbox/alice@example.com": "example.com/alice/",
    "mailbox/bob@example.com": "example.com/bob/",
    "alias/bob@example.com": "bob@example.com",
    "alias/team@example.com": ["alice@example.com", "bob@example.com"],
    "alias/@example.org": "alice@example.com",
    "alias/info@xn--bcher-kva.example": "bob@example.com",
    "login/alice@example.com": "alice@example.com",
    "login/bob@example.com": "bob@example.com",
    "login/team@example.com": ["alice@example.com", "bob@example.com"],
    "auth/passdb/alice@example.com": {"password": "{PLAIN}wonderland"},
    "auth/passdb/bob@example.com": {"password": "{PLAIN}secret"},
    "auth/userdb/alice@example.com": {"quota_rule": "*:bytes=2048000000", "quota_storage_size": "2048000000"},
    "auth/userdb/bob@example.com": {"quota_rule": "*:bytes=1024000000", "quota_storage_size": "1024000000"},
    "sieve/sieve/name/first": "nothing",
    "sieve/sieve/data/nothing": "# nothing is done before a user's own script\n",
}
FOR_ALL = "sieve/"  # below it, a user without an entry gets the entry that all users share


def open_database(file):
    db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'entry'").fetchone():
        db.execute("CREATE TABLE entry (user TEXT, path TEXT, value TEXT, PRIMARY KEY (user, path))")
        for path, value in FIRST_ENTRIES.items():
            store(db, "", path, json.dumps(value))
    return db


def lookup(db, user, path, _body=""):
    entries = "SELECT path, value FROM entry WHERE user = ? AND path "
    if not path.endswith("/"):
        row = db.execute(entries + "= ?", [user, path]).fetchone()
        if row is None and user and path.startswith(FOR_ALL):
            return lookup(db, "", path)
        return (200, row[1]) if row else (404, "")
    end = path[:-1] + "0"  # "0" comes after "/", so this comes after every path below
    rows = db.execute(entries + "> ? AND path < ?", [user, path, end])
    below = {json.dumps(name.removeprefix(path)): value for name, value in rows}
    if path.endswith("/userdb/"):
        return 200, "[" + ", ".join(below) + "]"
    return 200, "{" + ", ".join(f"{name}: {value}" for name, value in below.items()) + "}"


def store(db, user, path, body):
    json.loads(body, parse_constant=int)  # raises if it is not JSON; NaN and Infinity are not
    db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", [user, path, body])  # stored unchanged
    return 204, ""


def remove(db, user, path, _body):
    db.execute("DELETE FROM entry WHERE user = ? AND path = ?", [user, path])
    return 204, ""


def increment(db, user, path, body):
    status, value = lookup(db, user, path)
    if status == 404:
        return 404, ""
    if type(json.loads(value)) not in (int, float):
        return 409, ""
    return store(db, user, path, json.dumps(json.loads(value) + json.loads(body)["inc"]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep connections open,
    wbufsize = -1  # send headers and body together,
    disable_nagle_algorithm = True  # and without delay
    lock = Lock()  # one request at a time uses the database

    def answer(self, operation):
        length = int(self.headers.get("Content-Length", 0))
        self.wfile.flush()  # it may contain a "100 Continue" that the client waits for
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the client has disconnected, and a part of a value is useless
        path = unquote(self.path.partition("?")[0], errors="surrogateescape").removeprefix("/")
        user = unquote_to_bytes(self.headers.get("Podop-User", "").encode("latin-1"))
        user = user.decode(errors="surrogateescape")
        path = path.removesuffix("/" + user) if user else path
        try:
            with self.lock:
                status, text = operation(self.db, user, path, body.decode())
        except UnicodeEncodeError:  # a path that is not UTF-8, which has no entry
            status, text = 404, ""
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            status, text = 400, ""  # the body is invalid
        self.send_response(status)
        if status != 204:  # which has neither a body nor its length
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET, do_POST = partialmethod(answer, lookup), partialmethod(answer, store)
    do_DELETE, do_PATCH = partialmethod(answer, remove), partialmethod(answer, increment)


class Server(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--listen", "--port", default="127.0.0.1:9101", metavar="[HOST:]PORT")
    options.add_argument("--database", default=":memory:", metavar="FILE", help="default: memory")
    args = options.parse_args()
    host, _, port = args.listen.rpartition(":")
    Handler.db = open_database(args.database)
    with suppress(KeyboardInterrupt), Server((host or "127.0.0.1", int(port)), Handler) as server:
        print("answering on http://%s:%d" % server.server_address, flush=True)
        server.serve_forever()
