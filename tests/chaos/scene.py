"""The tables, keys and backends of a run."""

import json
import os

from backends import Backend, Program, Service
from model import MISS, now
from names import NameServer, Zone
from world import Table, World

HTTP_PORT = 8000
STATIC = 100  # keys of each table that podop's clients do not write
NAME_SERVERS = "127.0.0.1", "127.0.0.2"
MOVING = "127.0.0.11", "127.0.0.12"
FULL = "127.0.0.66"  # takes no connection and refuses none
LISTED = [f"dir/e{number}" for number in range(20)]
ESCAPED = "escaped"  # a megabyte of short strings with escapes
LONG = [f"long/e{number:04}" for number in range(200)]


class Scene(World):
    """The world with all tables, keys and backends of a run."""

    def __init__(self, options, directory):
        super().__init__(options)
        self.dir = directory
        self.socket_path, self.inet = os.path.join(directory, "podop.sock"), ("127.0.0.1", 9100)
        self.pause = 0.15
        self.has_two_names = False  # whether a user's own keys are asked for by both of their names
        self.writers = {}  # table: users
        self.service = Service(self)
        self.programs = set()
        self.zone = Zone()
        self._backends()
        self._tables()
        self.asked = [name for name in self.tables if name not in options.without.split(",")]
        self._keys()

    def path(self, name):
        return os.path.join(self.dir, name)

    def _backends(self):
        self.a = Backend("a", self, self.service, [("127.0.0.1", HTTP_PORT)])
        self.b = Backend("b", self, self.service, [], self.path("backend.sock"))
        self.c = Backend("c", self, self.service, [(MOVING[0], HTTP_PORT)], is_named=True)
        self.d = Backend("d", self, self.service, [("127.0.0.4", HTTP_PORT)], is_named=True)
        self.zone.addresses = {"svc.chaos.test": [MOVING[0]], "two.chaos.test": [FULL, "127.0.0.4"],
                               "mail.chaos.test": ["127.0.0.5"]}
        self.zone.addresses6 = {"two.chaos.test": [b"\0" * 15 + b"\1"]}  # at which no server listens
        for address in NAME_SERVERS:
            NameServer(address, self.zone, self)

    def _add(self, table, *urls, **settings):
        table.params = [f"http://{host}/{table.space}/§" for host in urls] or table.params
        table.settings.update(settings)
        table.share = table.share or bool(settings.get("share"))
        self.tables[table.name] = table
        return table

    def _tables(self):
        a, c, d = f"127.0.0.1:{HTTP_PORT}", f"svc.chaos.test:{HTTP_PORT}", f"two.chaos.test:{HTTP_PORT}"
        cache = {"ttl": "2s", "negative_ttl": "1s", "stale": "30s"}
        cached = {"ttl": 3.0, "negative_ttl": 1.0, "stale": 30.0, "share": True}
        unix = {"unix_socket": self.b.path}
        self._add(Table("plain", [self.a], is_writable=True), a)
        self._add(Table("cached", [self.a], is_writable=True, **cached), a, cache=cache, share=True)
        self._add(Table("unixt", [self.b], is_writable=True), "localhost", share=True, **unix)
        self._add(Table("named", [self.c], 4, 5, is_writable=True, is_named=True), c)
        self._add(Table("multi", [self.a, self.c], 4, 5, is_named=True), a, c)
        self._add(Table("two", [self.d], 4, 5, is_named=True), d)
        held = {"is_writable": True, "is_ever_held": True}
        self._add(Table("held", [self.a], write_behind=0.3, **held), a)
        self._add(Table("heldc", [self.b], write_behind=1.0, **held, **cached), "localhost", cache=cache, share=True,
                  **unix)
        self._add(Table("gone", [self.a], write_behind=0.5, **held), a)
        self._add(Table("commit", [self.a], is_writable=True, is_atomic=True), a, commit_url=f"http://{a}/commit-all/x")
        relay = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
        self._add(Table("prog", [], 4, 5, type="program", is_atomic=True, write_behind=0.4, **held,
                        params=[f"python3 -S -E '{relay}' '{self.path('program.sock')}'"]))
        self._add(Table("json", [], type="json", share=True, params=[self.path("table.json")]))
        self._add(Table("large", [], type="json", share=True, params=[self.path("large.json")]))
        self._add(Table("dns", [], 4, 5, type="dns", params=["mail.chaos.test"]))
        for table in self.tables.values():
            table.has_lists = table.type == "url" and not table.is_atomic and len(table.backends) == 1

    def _keys(self):
        for table in self.tables.values():
            for number in range(STATIC):
                name = f"s{number}"
                if table.type != "dns" and number % 10 < 7:
                    self.put(table.space, name, f'"v0-{table.name}-{name}"')
            if table.has_lists:
                for name in LISTED + LONG:
                    self.put(table.space, name, f'"of {name}{"." * 500 if name in LONG else ""}"')
                for number in range(4):
                    self.put(table.space, f"big{number}", '"' + "b" * 60000 + f'{number}"')
                    self.put(table.space, f"huge{number}", '"' + "h" * 300000 + f'{number}"')
                self.put(table.space, ESCAPED, "[" + ", ".join(['"\\u00e9\\n\\t\\"x"'] * 40000) + "]")
        for number in range(STATIC):
            self.put("dns", f"hit{number}.mx.test", f'"hit{number}.mx.test"')
        self.write_json()
        self.filler = ",".join(f'"filler{number:08}": "{"x" * 80}"' for number in range(self.options.json_mib * 9600))
        self.write_large()

    def write_large(self, is_changed=False):
        """Writes a large file for a json table, of which one key changes."""
        if is_changed:
            self.put("large", "s1", f'"v{now():.6f}"')
        values = {name: self.items["large", name].value for name in (f"s{number}" for number in range(STATIC))
                  if self.item("large", name).value is not MISS}
        self.write("large.json", "{" + ",".join([*(f'"{name}": {value}' for name, value in values.items()),
                                                 *filter(None, [self.filler])]) + "}")

    def write_json(self, is_changed=False):
        """Writes the file of the json table with new values."""
        if is_changed:
            for number in range(0, STATIC, 3):
                self.put("json", f"s{number}", f'"v{now():.6f}"')
        self.write("table.json", json.dumps({name: item.value[1:-1] for (space, name), item in self.items.items()
                                             if space == "json" and item.value is not MISS}))

    def write(self, name, text):
        """Replaces a file as a whole, as a reload may read it at any time."""
        with open(self.path(name + ".new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path(name + ".new"), self.path(name))

    async def open(self, loop):
        for backend in self.backends.values():
            await backend.listen()
        for server in self.name_servers:
            await server.listen()
        await loop.create_unix_server(lambda: Program(self, self.service, self.programs), self.path("program.sock"))

    # what clients ask

    def choose_name(self, table):
        """Returns a key of a table, which may exist or not."""
        dice = self.random.random()
        if table.type == "dns":
            return f"{'hit' if dice < 0.6 else 'miss'}{self.random.randrange(STATIC)}.mx.test"
        users = self.writers.get(table.name)
        if users and dice < 0.5:
            kind, number = ("k", 6) if self.random.random() < 0.75 else ("n", 2)
            return f"{kind}{self.random.randrange(number)}/{self.random.choice(users)}"
        if table.has_lists and dice > 0.995:
            return ESCAPED if dice > 0.9995 else f"{'big' if dice < 0.998 else 'huge'}{self.random.randrange(4)}"
        if self.faulty and dice > 0.9:
            names = [name for space, name in self.faulty if space == table.space]
            if names:
                return self.random.choice(names)
        return f"s{self.random.randrange(STATIC)}"

    def choose_lookup(self, is_quick=False):
        names = ("plain", "cached", "unixt", "json") if is_quick else self.asked
        table = self.tables[self.random.choice(names)]
        return table, self.choose_name(table)

    def judge_iteration(self, request, letter, text, end, how, has_values):
        table = request.table
        self.answers[f"{how} iterate {'F' if letter else 'O'}"] += 1
        if letter:
            excuse = self.excuse(table, "dir/", request.sent, end)
            if excuse:
                self.excused["iterate: " + excuse.split(" for ")[0]] += 1
            else:
                self.violations.add("an iteration failed, and nothing was wrong",
                                    f"{how} {table.name}: {text!r} after {end - request.sent:.3f}s")
            return
        expected = sorted((name, f"of {name}" if has_values else "") for name in LISTED)
        if sorted(request.rows) != expected:
            lacks = [row for row in expected if row not in request.rows][:3]
            more = [row for row in request.rows if row not in expected][:3]
            self.violations.add("wrong rows", f"{how} {table.name}: lacks {lacks}, has {more}")
