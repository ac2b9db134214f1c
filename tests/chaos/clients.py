"""Clients of both protocols that judge each answer."""

import asyncio

from model import now
from wire import Ended, Wire, line, netstring, unescape

SECONDS = 1700000000  # of every transaction; its microseconds are its number


class Client:
    """The common part of the clients of both protocols."""

    how = "?"

    def __init__(self, world):
        self.world, self.random = world, world.random
        self.wire = None
        self.pending = []

    def ended(self, fault):
        """Handles the end of the connection: no answer may be due, unless podop was told to stop."""
        world = self.world
        if not self.pending or world.is_over:
            return
        first = min(request.sent for request in self.pending)
        if any(span.meets(first - 0.5, now()) and first > span.start - 0.5 for span in world.restarts):
            return
        ended_at = self.wire.ended_at
        if ended_at is not None and ended_at <= first \
                and any(span.meets(ended_at, ended_at) for span in world.restarts):
            return  # podop stopped while no request was under way
        world.violations.add("an answer is owed", f"{self.how}: {fault}; {len(self.pending)} owed, the first sent "
                             f"{now() - first:.2f}s ago: {self.pending[0]}")

    def unasked(self):
        """Reports bytes that came while no answer is due."""
        if self.wire.data and not self.pending:
            self.world.violations.add("an answer that nobody asked for", f"{self.how}: {bytes(self.wire.data[:80])!r}")
            self.wire.close()

    def mutate(self, answers):
        """Takes two answers and returns them as a mutant of the clients would, for tests of the checks."""
        mutant = self.world.options.mutant
        if self.random.random() > 0.01:
            return answers
        if mutant == "reorder":
            return answers[::-1]
        if mutant == "drop":
            return answers[1:]
        return answers[:1] + answers if mutant == "double" else answers


class Request:
    """A lookup, an iteration or a transaction whose answer has not come yet."""

    __slots__ = ("kind", "table", "name", "sent", "number", "answer", "rows", "tx", "factor", "behind")

    def __init__(self, kind, table, name, tx=None, factor=1):
        self.kind, self.table, self.name, self.tx, self.factor = kind, table, name, tx, factor
        self.sent = now()
        self.number = self.answer = None
        self.rows = []
        self.behind = set()  # keys of earlier transactions that it waits for

    def wait_for(self, earlier, names):
        """Notes the earlier transactions on the connection that change one of these keys."""
        for other in earlier:
            own = {ledger.name for ledger, _ in other.tx.ops} if other.tx else set()
            if own & names:
                self.behind |= own | other.behind

    def __str__(self):
        return f"{self.kind} {self.table.name} {self.name}"


class Socketmap(Client):
    """A client as Postfix: one netstring for each request, answered in order."""

    how = "postfix"

    def judge(self, request, payload):
        word, _, text = payload.decode("utf-8", "replace").partition(" ")
        status = {"OK": "ok", "NOTFOUND": "miss", "TEMP": "fail", "TIMEOUT": "fail", "PERM": "fail"}.get(word)
        if status is None:
            self.world.violations.add("no answer of socketmap", repr(payload[:80]))
            return
        if word == "PERM" and request.name.startswith(("huge", "escaped")):
            self.world.answers["postfix PERM"] += 1
            return
        text = f"{word} {text}" if status == "fail" else text
        self.world.judge_lookup(request.table, request.name, request.sent, now(), status, text, self.how)

    async def ask(self, asked, is_timed=True):
        """Sends all requests at once, in pieces perhaps, and reads their answers."""
        data = b"".join(netstring(f"{table.name} {name}") for table, name in asked)
        cut = self.random.randrange(len(data)) if self.random.random() < 0.1 else 0
        self.pending = [Request("lookup", table, name) for table, name in asked]
        self.world.requests["postfix lookup"] += len(asked)
        if cut:
            self.wire.write(data[:cut])
            await asyncio.sleep(0.02)
        self.wire.write(data[cut:])
        slowest = max((request.table for request in self.pending), key=lambda table: table.t_max)
        while self.pending:
            answers = [await self.wire.netstring()]
            if self.world.options.mutant and len(self.pending) > 1:
                answers = self.mutate([*answers, await self.wire.netstring()])
            for answer in answers:
                if not self.pending:
                    return
                request = self.pending.pop(0)
                if is_timed:
                    self.world.judge_time(slowest, request.sent, now(), 1, f"postfix {request.name}")
                self.judge(request, answer)
        self.unasked()

    async def session(self, rounds):
        """Connects, asks a while, and leaves."""
        self.wire = await Wire.connect(self.world)
        try:
            for _ in range(rounds):
                number = 1 if self.random.random() < 0.6 else self.random.randrange(2, 9)
                await self.ask([self.world.choose_lookup() for _ in range(number)])
                if self.world.is_over:
                    break
                await asyncio.sleep(self.random.random() * self.world.pause)
        except (Ended, ValueError) as fault:
            self.ended(fault)
        self.pending = []
        self.wire.close()


class Dict(Client):
    """A client as one of the versions of Dovecot."""

    def __init__(self, world, table, version, user):
        super().__init__(world)
        self.table, self.version, self.user = table, version, user
        self.how = f"dovecot {version[0]}.{version[1]}"
        self.out = bytearray()
        self.id = 0

    async def connect(self):
        self.wire = await Wire.connect(self.world)
        self.out = bytearray(line("H", *self.version, 0, self.user if self.version[0] == 2 else "", self.table.name))

    def _user(self):
        return () if self.version[0] == 2 else (self.user,)

    def _owed(self, request):
        self.pending.append(request)
        self.world.requests[f"dovecot {request.kind}"] += 1
        return request

    def path_of(self, name):
        """Returns the key as Dovecot names it: a key of the user's own has two names."""
        own = "/" + self.user
        if name.endswith(own) and self.table.type != "program" \
                and self.world.has_two_names and self.random.random() < 0.5:
            return "priv/" + name[:-len(own)]
        return "shared/" + name

    def lookup(self, name, factor=1):
        self.out += line("L", self.path_of(name), *self._user())
        request = Request("lookup", self.table, name, factor=factor)
        request.wait_for(self.pending, {name})
        return self._owed(request)

    def iterate(self, name, flags):
        limit = () if self.version == (2, 0) else (0,)
        self.out += line("I", flags, *limit, "shared/" + name, *self._user())
        return self._owed(Request("iterate", self.table, (name, flags)))

    def commit(self, changes):
        """Sends a transaction of (ledger, kind, value)."""
        self.id += 1
        tx = self.world.books.begin(self.table)
        self.out += line("B", self.id, *self._user(), *((0,) if self.version[0] >= 4 else ()))
        self.out += line("T", self.id, SECONDS, 1000 * tx.number)
        for ledger, kind, value in changes:
            letter = {"set": "S", "unset": "U", "inc": "A"}[kind]
            if kind == "set" and value is None:
                value = f"w{tx.number}.{len(tx.ops)}-" + "x" * self.random.choice((3, 30, 300))
            ledger.issue(kind, value, tx)
            self.out += line(letter, self.id, self.path_of(ledger.name), *(() if kind == "unset" else (value,)))
        self.out += line("C", self.id)
        request = Request("commit", self.table, str(self.id), tx)
        request.wait_for(self.pending, {ledger.name for ledger, _, _ in changes})
        return self._owed(request)

    def flush(self):
        """Sends the collected requests."""
        sent = now()
        for request in self.pending:
            request.sent = sent
            for _, op in request.tx.ops if request.tx else ():
                op.sent = sent
        if len(self.out) > 4 and self.random.random() < 0.1:
            cut = self.random.randrange(len(self.out))
            self.wire.write(bytes(self.out[:cut]))
            asyncio.get_running_loop().call_later(0.02, self.wire.write, bytes(self.out[cut:]))
        else:
            self.wire.write(bytes(self.out))
        self.out.clear()

    async def answers(self):
        """Reads until nothing is owed, and judges."""
        while self.pending:
            text = await self.wire.line()
            if not self.take(text):
                self.world.violations.add("no answer of dict", f"{self.how} {text[:80]!r}; owed: {self.pending[:1]}")
                raise Ended("not understood")
        self.unasked()

    def take(self, text):
        """Hands one line to the request that it answers."""
        if text[:1] == b"*":
            owner = next((request for request in self.pending if request.number is None), None)
            if owner is None or self.version == (2, 0):
                return False
            owner.number = int(text[1:])
            return True
        if text[:1] == b"+":
            number, _, text = text[1:].partition(b"\t")
            owner = next((request for request in self.pending if request.number == int(number)), None)
            if owner is None:
                return False
        else:
            owner = self.pending[0]
        return self.answer(owner, text.split(b"\t"))

    def answer(self, request, fields):
        letter, text = chr(fields[0][0]) if fields[0] else "", unescape(fields[0][1:])
        if request.kind == "iterate":
            return self.answer_row(request, letter, text, fields)
        self.pending.remove(request)
        self.world.judge_time(request.table, request.sent, now(), request.factor, f"{self.how} {request}")
        if request.kind == "lookup":
            status = {"O": "ok", "N": "miss", "F": "fail"}.get(letter)
            if status is None:
                return False
            self.world.judge_lookup(request.table, request.name, request.sent, now(), status, text, self.how,
                                    request.behind)
            return True
        if letter not in ("O", "N", "F", "W") or text != request.name:
            return False
        reason = unescape(fields[1]) if len(fields) > 1 else ""
        self.world.judge_write(request.tx, letter, reason, request.sent, now(), self.how, request.behind)
        return True

    def answer_row(self, request, letter, text, fields):
        path, flags = request.name
        path = "shared/" + path
        if letter == "O":
            if len(fields) < 2 or not text.startswith(path) or len(text) <= len(path):
                return False
            request.rows.append((text[len("shared/"):], unescape(fields[1])))
            return True
        self.pending.remove(request)
        self.world.judge_iteration(request, letter, text, now(), self.how, not flags & 8)
        return letter in ("", "F")

    def ended(self, fault):
        super().ended(fault)
        for request in self.pending:
            if request.tx:
                self.world.judge_write(request.tx, "lost", str(fault), request.sent, now(), self.how)
        self.pending = []

    async def session(self, rounds):
        """Lookups and iterations of what others write."""
        await self.connect()
        try:
            for _ in range(rounds):
                for _ in range(1 if self.random.random() < 0.5 else self.random.randrange(2, 12)):
                    self.lookup(self.world.choose_name(self.table))
                if self.table.has_lists and self.random.random() < 0.2:
                    self.iterate("dir/", self.random.choice((0, 1, 8, 9)))
                self.flush()
                await self.answers()
                if self.world.is_over:
                    break
                await asyncio.sleep(self.random.random() * self.world.pause)
        except (Ended, ValueError) as fault:
            self.ended(fault)
        self.wire.close()

    async def write(self, rounds):
        """Transactions on keys that nobody else writes, and lookups right behind them."""
        await self.connect()
        names = [f"k{number}/{self.user}" for number in range(6)] + [f"n{number}/{self.user}" for number in range(2)]
        ledgers = [self.world.books.ledger(self.table, name) for name in names]
        try:
            for _ in range(rounds):
                free = [ledger for ledger in ledgers if ledger.closed_until < now()]
                for _ in range(self.random.choice((1, 1, 1, 2, 3)) if free else 0):
                    self.transaction(free)
                self.flush()
                done = [request.tx for request in self.pending if request.tx]
                await self.answers()
                self.close_keys(done)
                if self.world.is_over:
                    break
                await asyncio.sleep(self.random.random() * self.world.pause * 2)
        except (Ended, ValueError) as fault:
            done = [request.tx for request in self.pending if request.tx]
            self.ended(fault)
            self.close_keys(done)
        self.wire.close()

    def transaction(self, free):
        changes = []
        for _ in range(1 if self.random.random() < 0.8 else self.random.randrange(2, 4)):
            ledger = self.random.choice(free)
            if ledger in (other for other, _, _ in changes):
                continue
            changes.append((ledger, *self.change(ledger)))
        self.commit(changes)
        if self.random.random() < 0.6:
            self.lookup(self.random.choice(changes)[0].name, factor=3)
        for request in self.pending:
            request.factor = 3

    def change(self, ledger):
        dice = self.random.random()
        if ledger.name[0] == "n":
            if dice < 0.2:
                return "set", str(self.random.randrange(1000))
            return ("unset", None) if dice < 0.25 else ("inc", self.random.choice((1, 2, 5, -3)))
        return ("set", None) if dice < 0.8 else ("unset", None)

    def close_keys(self, txs):
        """Ends the use of keys whose writes may still be made, so that none meets a newer write."""
        for tx in txs:
            if tx.result in ("W", "lost") or tx.result == "F" and len(tx.ops) > 1:
                for ledger, _ in tx.ops:
                    ledger.closed_until = now() + self.table.t_max + 1.5
