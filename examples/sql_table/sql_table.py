#!/usr/bin/env python3
"""Tables for Postfix and Dovecot in one SQL database, by any module with Python's DB-API."""

import contextlib
import importlib
import threading

from podop_table import Permanent, Uncertain, serve

DATABASE = "sqlite3", "/var/lib/podop/mail.db"  # PostgreSQL: "psycopg2", "dbname=mail connect_timeout=3"

PAGE = 500  # rows of a long list in one query
WORKERS = 4  # threads, and so connections, of one process; podop runs two processes for each table


class Here(threading.local):
    """The state of one thread."""

    connection = None  # opened when it is needed
    is_open = False  # a transaction
    has_begun = False  # it has run a statement that other connections cannot see yet


class Database:
    """A connection for each thread, which is replaced after the database was restarted."""

    def __init__(self, module, address):
        self.module, self.address = importlib.import_module(module), address
        self.mark = "?" if self.module.paramstyle == "qmark" else "%s"
        self.here = Here()

    @contextlib.contextmanager
    def transaction(self):
        """Makes all of the statements within it, or none. A transaction within another is a part of that one."""
        here = self.here
        if here.is_open:
            yield
            return
        here.is_open, here.has_begun = True, False
        is_committing = False
        try:
            yield
            is_committing = here.has_begun
            if here.connection is not None:
                here.connection.commit()
        except BaseException as error:
            if not self.is_alive() and is_committing:
                raise Uncertain(f"{type(error).__name__}: {error}") from error
            raise
        finally:
            here.is_open = False

    def is_alive(self):
        """Rolls back what was not committed. If that fails, drops the connection and returns False."""
        connection = self.here.connection
        try:
            if connection is not None:
                connection.rollback()
            return True
        except self.module.Error:
            self.here.connection = None
            with contextlib.suppress(self.module.Error):
                connection.close()
            return False

    def execute(self, sql, values):
        """Runs a statement, on a new connection if the old one has broken since the last transaction."""
        here = self.here
        was_open = here.connection is not None
        if not was_open:
            here.connection = self.module.connect(self.address)
        try:
            cursor = here.connection.cursor()
            cursor.execute(sql.replace("?", self.mark), values)
        except (self.module.DataError, ValueError) as error:
            raise Permanent(f"{type(error).__name__}: {error}") from error
        except self.module.Error:
            if not was_open or here.has_begun or self.is_alive():
                raise
            return self.execute(sql, values)
        here.has_begun = True
        return cursor

    def rows(self, sql, *values):
        """Returns the rows of a query."""
        with self.transaction():
            return self.execute(sql, values).fetchall()

    def change(self, sql, *values):
        """Returns how many rows a statement changed."""
        with self.transaction():
            return self.execute(sql, values).rowcount


db = Database(*DATABASE)


class Domain:
    """Postfix's virtual_mailbox_domains."""

    def get(self, key):
        return next((name for name, in db.rows("SELECT name FROM domain WHERE name = ?", key)), None)


class Mailbox:
    """Postfix's virtual_mailbox_maps."""

    def get(self, key):
        for address, in db.rows("SELECT address FROM mailbox WHERE address = ?", key):
            name, _, domain = address.rpartition("@")
            return f"{domain}/{name}/"
        return None


class Alias:
    """Postfix's virtual_alias_maps. A mailbox is an alias of itself, so that a catch-all does not get its mail."""

    def get(self, key):
        with db.transaction():
            found = db.rows("SELECT destination FROM alias WHERE address = ? ORDER BY destination", key)
            found = found or db.rows("SELECT address FROM mailbox WHERE address = ?", key)
            return [destination for destination, in found] or None


class Auth:
    """Dovecot's passdb and userdb; their fields are for Dovecot 2.3."""

    def get(self, key):
        kind, _, user = key.partition("/")
        for password, quota in db.rows("SELECT password, quota FROM mailbox WHERE address = ?", user):
            if kind == "passdb":
                return {"password": password}
            if kind == "userdb":
                return {"quota_rule": f"*:bytes={quota}"} if quota else {}  # 2.4: "quota_storage_size": quota
        return None

    def iterate(self, path):
        last = ""
        while path == "userdb/" and (page := db.rows(
                "SELECT address FROM mailbox WHERE address > ? ORDER BY address LIMIT ?", last, PAGE)):
            yield from (address for address, in page)
            last = page[-1][0]


class Entries:
    """Values that Dovecot stores: the entries of each user, and those that all users share."""

    WHERE = "WHERE dict = ? AND owner = ? AND path = ?"

    def __init__(self, name):
        self.name = name

    def transaction(self):
        return db.transaction()

    def get(self, key, user=None):
        found = db.rows(f"SELECT value FROM entry {self.WHERE}", self.name, user or "", key)
        return found[0][0] if found else None

    def set(self, key, value, user=None):
        db.change("INSERT INTO entry (dict, owner, path, value) VALUES (?, ?, ?, ?) "
                  "ON CONFLICT (dict, owner, path) DO UPDATE SET value = excluded.value",
                  self.name, user or "", key, value)

    def unset(self, key, user=None):
        if not db.change(f"DELETE FROM entry {self.WHERE}", self.name, user or "", key):
            raise KeyError(key)

    def inc(self, key, by, user=None):
        with db.transaction():
            # This changes nothing, but locks the row: other transactions wait until this one has ended.
            if not db.change(f"UPDATE entry SET value = value {self.WHERE}", self.name, user or "", key):
                raise KeyError(key)
            value = self.get(key, user)
            try:
                self.set(key, str(int(value) + by), user)
            except ValueError as error:
                raise Permanent(f"{key} is not a number") from error

    def iterate(self, path, user=None):
        """Reads one page in each query, because another thread may read the next one."""
        last = ""
        while page := db.rows("SELECT path, value FROM entry WHERE dict = ? AND owner = ? AND path > ? "
                              "AND substr(path, 1, ?) = ? ORDER BY path LIMIT ?",
                              self.name, user or "", last, len(path), path, PAGE):
            yield from ((key.removeprefix(path), value) for key, value in page)
            last = page[-1][0]


class Sieve(Entries):
    """Scripts: the user's own, or that of all users, or one without effect, without which Dovecot 2.4 defers mail."""

    NOTHING = {"sieve/name/first": "nothing", "sieve/data/nothing": "# nothing is done before a user's own script\n"}

    def get(self, key, user=None):
        for owner in (user, None):
            if (value := super().get(key, owner)) is not None:
                return value
        return self.NOTHING.get(key)


serve({"domain": Domain(), "mailbox": Mailbox(), "alias": Alias(), "auth": Auth(), "sieve": Sieve("sieve"),
       **{name: Entries(name) for name in ("meta", "quota", "lastlogin", "acl")}}, workers=WORKERS)
