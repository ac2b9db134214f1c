"""The service behind podop, for gunicorn: the operations of the example microservice on a database that several
processes share. Each write also adds a row to the table `made`, in the same transaction, so that none is made without
being counted, not even by a process that is killed.

    SOAK_DATABASE=FILE gunicorn --chdir tests/soak soak_service:app
"""

import contextlib
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, os.pardir, "examples", "microservice"))

import microservice  # noqa: E402

OPERATIONS: dict[str, Callable[..., tuple[int, str]]] = {
    "GET": microservice.lookup, "POST": microservice.store, "DELETE": microservice.remove,
    "PATCH": microservice.increment}
REASONS = {200: "200 OK", 204: "204 No Content", 400: "400 Bad Request", 404: "404 Not Found", 409: "409 Conflict"}
PATIENCE_S = 20  # for the lock of another process
local = threading.local()


def make_database(file: str, entries: dict[str, str]) -> None:
    """Makes the database, with entries beside those of the example: {path: JSON}."""
    db = microservice.open_database(file)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE made (user TEXT, path TEXT, value TEXT)")
    for path, text in entries.items():
        microservice.store(db, "", path, text)
    db.close()


def connection() -> sqlite3.Connection:
    """Returns the connection of this thread."""
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(os.environ["SOAK_DATABASE"], timeout=PATIENCE_S, isolation_level=None)
        local.db.execute("PRAGMA synchronous = OFF")  # processes are killed, the machine is not
    db: sqlite3.Connection = local.db
    return db


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Makes all of what is in its context, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def answer(method: str, path: str, user: str, body: str) -> tuple[int, str]:
    """Does what a request wants."""
    db = connection()
    operation = OPERATIONS[method]
    if method == "GET":
        return operation(db, user, path)
    with transaction(db):
        result = operation(db, user, path, body)
        db.execute("INSERT INTO made VALUES (?, ?, ?)", [user, path, body])
        return result


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers one request of WSGI."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    path = unquote(environ["RAW_URI"].partition("?")[0]).removeprefix("/")
    user = unquote_to_bytes(environ.get("HTTP_PODOP_USER", "").encode("latin-1")).decode()
    path = path.removesuffix("/" + user) if user else path
    try:
        status, text = answer(environ["REQUEST_METHOD"], path, user, body.decode())
    except ValueError:
        status, text = 400, ""  # the body is invalid
    headers = [] if status == 204 else [("Content-Type", "application/json"),
                                        ("Content-Length", str(len(text.encode())))]
    start_response(REASONS[status], headers)
    return [text.encode()]
