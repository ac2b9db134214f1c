"""The world of podop: tables, faults with their times, and what may excuse a failure."""

import collections
import os
import random
import time

from model import Books, Item, Lost, MISS, Violations, now

PAUSE = 1.0  # how long the only URL of a table may be suspended
PAUSE_OF_SEVERAL = 30.0
SLACK = 1.5  # for the recovery after a fault
FRESH = 1.1  # an entry of a cache lives a tenth longer, at most


class Span:
    """A time in which something was wrong."""

    __slots__ = ("kind", "start", "end")

    def __init__(self, kind, start=None, end=None):
        self.kind, self.start, self.end = kind, now() if start is None else start, end

    def close(self):
        self.end = now()

    def meets(self, start, end, after=0.0):
        """Returns True if it overlaps the time from start to end; its effects last for so long after it."""
        return self.start <= end and (self.end is None or self.end + after >= start)

    def seconds(self, until):
        return (until if self.end is None else min(until, self.end)) - self.start


class KeyFault(Span):
    """A fault of one key, at one backend or at all."""

    __slots__ = ("backend", "table")

    def __init__(self, kind, table, backend=None):
        super().__init__(kind)
        self.table, self.backend = table, backend

    @property
    def is_status(self):
        return self.kind in ("500", "503")


class Table:
    """A table of podop's configuration, with what the model needs to know about it."""

    def __init__(self, name, backends, timeout=2, slow_timeout=3, space=None, **more):
        self.name, self.backends, self.space = name, backends, space or name
        self.t_min, self.t_max, self.timeout = timeout, slow_timeout, timeout
        self.settings = {}  # of podop.conf, besides name, type, param and timeout
        self.type, self.params = "url", []
        self.ttl = self.negative_ttl = self.stale = 0.0  # at most
        self.share = False
        self.write_behind = 0.0
        self.is_ever_held = self.is_atomic = self.is_writable = False
        self.is_named = False
        self.is_there = True
        self.gone = collections.deque(maxlen=50)  # spans without it
        vars(self).update(more)

    def config(self):
        param = self.params if len(self.params) > 1 else self.params[0]
        table = {"name": self.name, "type": self.type, "param": param, "timeout": f"{self.timeout}s"}
        if self.write_behind:
            table["write_behind"] = f"{int(self.write_behind * 1000)}ms"
        return {**table, **self.settings}


class World:
    """Everything around podop."""

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.violations = Violations()
        self.books = Books(self.violations, self.was_broken)
        self.lost = Lost()
        self.items = {}  # by (space, name)
        self.by_directory = collections.defaultdict(set)  # of (space, directory): names in it
        self.tables = {}
        self.backends = {}
        self.key_faults = collections.defaultdict(lambda: collections.deque(maxlen=20))  # by (space, name)
        self.faulty = {}  # the same, those of now
        self.table_faults = collections.defaultdict(lambda: collections.deque(maxlen=400))  # by the table's name
        self.name_servers = []
        self.moved = collections.deque(maxlen=50)  # spans in which podop could not know a new address
        self.starts = collections.deque(maxlen=50)  # when podop was started
        self.restarts = collections.deque(maxlen=50)  # spans without podop
        self.program_deaths = collections.deque(maxlen=100)
        self.requests = collections.Counter()
        self.answers = collections.Counter()
        self.excused = collections.Counter()
        self.faults = collections.Counter()
        self.start = now()
        self.is_over = False
        self.trace = None

    def happens(self, kind, detail=""):
        """Counts a fault, and notes it in a file beside podop's log."""
        self.faults[kind] += 1
        self.note(f"{kind} {detail}")

    def note(self, text):
        if self.trace is None:
            self.trace = open(os.path.join(self.options.inside, "world.log"), "w", encoding="utf-8")
        utc = time.strftime("%H:%M:%S", time.gmtime()) + f"{time.time() % 1:.3f}"[1:]
        self.trace.write(f"{now() - self.start:9.3f} {utc} {text}\n")

    # the store

    def item(self, space, name):
        found = self.items.get((space, name))
        if found is None:
            found = self.items[space, name] = Item()
        return found

    def put(self, space, name, value):
        self.item(space, name).put(value)
        directory = name.rpartition("/")[0]
        names = self.by_directory[space, directory]
        if value is MISS:
            names.discard(name)
        else:
            names.add(name)

    # faults of keys

    def break_key(self, table, name, kind, seconds, backend=None):
        """Breaks a key for a while. At most three keys of a table fail after their request was sent."""
        recent = [fault for fault in self.table_faults[table.name] if not fault.is_status
                  and fault.meets(now() - 6, now())]
        if kind not in ("500", "503") and len(recent) >= 3 or (table.space, name) in self.faulty:
            return None
        fault = KeyFault(kind, table, backend)
        self.key_faults[table.space, name].append(fault)
        self.table_faults[table.name].append(fault)
        self.faulty[table.space, name] = fault
        self.happens("key " + kind, f"{table.name} {name} for {seconds:.2f}s at {backend and backend.name}")
        fault.end = now() + seconds  # known from the start; mend_keys() ends it
        return fault

    def mend_keys(self, everything=False):
        for key, fault in list(self.faulty.items()):
            if everything or fault.end <= now():
                fault.end = min(fault.end, now())
                del self.faulty[key]

    def fault_of(self, space, name, backend):
        fault = self.faulty.get((space, name))
        if fault is None or fault.end <= now() or fault.backend not in (None, backend):
            return None
        return fault.kind

    # excuses

    def is_dns_out(self, start, end):
        return all(any(span.meets(start, end) for span in server.bad) for server in self.name_servers)

    def _outage(self, table, backend, start, end, is_write):
        """Returns why a backend could not answer a request at that time, or None."""
        after = (PAUSE_OF_SEVERAL if len(table.backends) > 1 else PAUSE) + SLACK
        spans = sorted(backend.outages, key=lambda span: span.start)
        merged = []
        for span in spans:
            if merged and span.kind != "5xx" and merged[-1].kind != "5xx" \
                    and (merged[-1].end is None or span.start - merged[-1].end < 0.3):
                last = merged[-1]
                end_of_both = None if None in (last.end, span.end) else max(last.end, span.end)
                merged[-1] = Span(span.kind, last.start, end_of_both)
            else:
                merged.append(Span(span.kind, span.start, span.end))
        for span in merged:
            if span.kind == "5xx":
                if span.meets(start, end, 0.3 if len(table.backends) == 1 else after):
                    return f"{backend.name} answered 5xx"
            elif (is_write or span.seconds(end) >= 0.6 * table.t_min) and span.meets(start, end, after):
                return f"{backend.name} out ({span.kind}) for {span.seconds(end):.2f}s"
        if not is_write and any(start <= at <= end for at in backend.kept_ends) \
                and any(start <= span.start <= end for span in spans):
            return f"{backend.name} ended a kept connection, and cut the next one"
        if table.is_named and backend.is_named:
            for span in self.moved:
                if span.meets(start, end, 3.5):
                    return "moved while no name server answered"
            for began in self.starts:
                if began - 1 < end < began + 30 and self.is_dns_out(began - 1, began + 3) \
                        and (self.is_dns_out(start - 4, end)):
                    return "no name server since the start"
        return None

    def was_broken(self, table, since):
        """Returns True if podop may have missed an answer of that time: connections were cut, podop had no
        CPU, or the request had waited for most of its time while connections were refused."""
        def patience(span):
            return 0.5 if span.seconds(now()) > 0.6 * table.t_min else 0.1
        spans = [span for backend in table.backends for span in backend.outages]
        return any(span.meets(since - patience(span), now()) for span in spans) \
            or table.type == "program" and any(death >= since - 0.1 for death in self.program_deaths) \
            or self.lost.seconds(since, since + table.t_max, ("podop", "world")) > 0.4 * table.t_max

    def excuse(self, table, name, start, end, is_write=False):
        """Returns why a request may have failed, or None."""
        since = start - 0.1
        if table.share or is_write:  # it may have joined or waited for a request that began before podop was stopped
            since -= table.t_max + self.lost.seconds(start - 10, start, ("stop",))
        if is_write and table.is_ever_held:
            since -= 30  # it waits for the pending write of its key
        if self.is_starved(table, start, end):
            return "machine"
        for span in (*table.gone, *self.restarts):
            if span.meets(start, end, 0.2):
                return span.kind
        if self.has_key_fault(table, name, since, end):
            return "key fault"
        if table.type == "dns":
            return "no name server" if self.is_dns_out(since, end) else None
        if table.type == "program":
            deaths = [death for death in self.program_deaths if since - 35 <= death <= end]
            return "programs died" if len(deaths) >= 2 or deaths and is_write else None
        if table.type == "json":
            return None
        reasons = [self._outage(table, backend, since, end, is_write) or
                   self._suspended(table, backend, name, since, end) for backend in table.backends]
        return "; ".join(reasons) if all(reasons) else None

    def is_starved(self, table, start, end):
        """Returns True if the world stood still for long, or if it and podop had hardly any CPU."""
        since = start - table.t_min - PAUSE - SLACK
        return self.lost.seconds(start - 1.5, end, ("world",)) > 0.3 * table.t_min \
            or self.lost.seconds(since, end, ("world", "podop")) > 0.4 * (end - since)

    def has_key_fault(self, table, name, start, end):
        """Returns True if the key was broken at each backend that could be asked."""
        return any(fault.meets(start, end, 0.3) and (fault.backend is None or len(table.backends) == 1)
                   for fault in self.key_faults.get((table.space, name), ()))

    def _suspended(self, table, backend, name, start, end):
        """Returns whether one of several URLs may be suspended: because of keys that another URL answers, or
        for a second after connections were refused, however short that was, as lookups use another URL
        instead of waiting."""
        if len(table.backends) < 2:
            return None
        if any(span.kind in ("refused", "left an address") and span.meets(start, end, PAUSE + SLACK)
               for span in backend.outages):
            return f"{backend.name} may be suspended"
        for fault in self.table_faults[table.name]:
            if fault.backend == backend and fault.meets(start, end, PAUSE_OF_SEVERAL + SLACK):
                return f"{backend.name} may be suspended"
        return None

    # judgement of lookups

    def judge_lookup(self, table, name, start, end, status, value, how, behind=()):
        """Checks an answer: status is ok, miss or fail, value the text or the reason.

        behind is what other keys there are in earlier transactions that it had to wait for."""
        self.answers[f"{how} {status}"] += 1
        ledger = self.books.ledgers.get((table.space, name))
        if status == "fail":
            return self._judge_failure(table, name, ledger, start, end, value, how, behind)
        value = MISS if status == "miss" else value
        if ledger is not None:
            values, known = ledger.allowed(start, end)
        else:
            values, known = self._allowed(table, name, start, end, 0), None
            if value not in values:
                late = self.lost.seconds(start - table.ttl * FRESH - table.t_max, end)
                values = self._allowed(table, name, start, end, late)
        if value in values or name == "escaped" and status == "ok":  # podop writes that value in another form
            return None
        kind = "false miss" if value is MISS else "wrong value"
        if ledger is None and value in self._allowed(table, name, start - table.stale, end, 0):
            kind = "a stale answer, and nothing was wrong"
        if ledger is not None:
            kind += " of a written key"
        short = sorted(str(v)[:30] for v in values)[:6]
        self.violations.add(f"{kind}", f"{how} {table.name} {name}: {str(value)[:40]!r}, sent {start - self.start:.3f} "
                            f"answered {end - self.start:.3f}; allowed {short}"
                            + (f"; knew {known.kind} of {known.tx}, {end - known.done:.2f}s ago" if known else ""))
        return None

    def _allowed(self, table, name, start, end, late):
        """Returns the possible values of a key that no client of podop writes, with so much time lost."""
        item = self.items.get((table.space, name))
        if item is None:
            return {MISS}
        joined = table.t_max if table.share else 0.05
        age = table.ttl * FRESH + late + joined if table.ttl else joined
        if table.type == "json":  # a stopped podop has not read the new file
            age += self.lost.seconds(start - 10, start, ("stop",))
        values = {seen_text(v) for v in item.between(start - age, end)}
        is_out = any(span.meets(start, end, 0.1) for backend in table.backends for span in backend.outages)
        if table.stale and (is_out or self.excuse(table, name, start, end)):  # the lookup does not wait for the backend
            values |= {seen_text(v) for v in item.between(start - age - table.stale, end)}
        if MISS in values and MISS not in item.between(start - table.negative_ttl * FRESH - late - joined, end):
            values.discard(MISS)
        return values

    def _judge_failure(self, table, name, ledger, start, end, reason, how, behind):
        if ledger is not None and table.is_ever_held and self._is_pending(ledger, start) \
                and not any(span.meets(start, end, 0.2) for span in (*table.gone, *self.restarts)):
            self.violations.add("a held write is not found", f"{how} {table.name} {name}: {reason!r}")
            return
        excuse = self.excuse(table, name, start, end) or self._is_behind(table, behind, start, end)
        if excuse:
            self.excused[excuse.split(" for ")[0]] += 1
            return
        kind = "failed, and nothing was wrong"
        if any(span.meets(start - 3, end) for backend in table.backends for span in backend.outages):
            kind = "failed because of a short outage"
        elif any(fault.meets(start - 3, end) for fault in self.table_faults[table.name]):
            kind = "failed because of another key"
        if self.lost.stopped(start - 2, end):
            kind += " (about a stop)"
        self.violations.add(kind, f"{how} {table.name} {name}: {reason!r} after {end - start:.3f}s")

    def _is_behind(self, table, behind, start, end):
        """Returns a reason if a transaction with a broken key took all of the time before it on its connection."""
        if end - start >= 0.8 * table.t_min \
                and any(self.has_key_fault(table, name, start - 0.1, end) for name in behind):
            return "key fault before it"
        return None

    @staticmethod
    def _is_pending(ledger, start):
        """Returns True if the last acknowledged write is pending, and no other write of the key is under way."""
        if ledger.table.type == "program" and ledger.ops[-1].kind == "unset":
            return False  # it has no number, so the model cannot tell which of several was made
        known = [op for op in ledger.ops if op.done is not None and op.done < start]
        return bool(known) and known[-1] is ledger.ops[-1] and known[-1].result == "O" and not known[-1].applied

    def judge_time(self, table, start, end, factor, how):
        """Checks that no request waits longer than the timeout and the time that was lost."""
        limit = table.t_max * factor + SLACK
        if end - start > limit and end - start > (limit := limit + self.lost.seconds(start - 1, end)):
            self.violations.add("waited for too long", f"{how} {table.name}: {end - start:.2f}s, limit {limit:.2f}s")

    def judge_write(self, tx, result, reason, start, end, how, behind=()):
        """Checks the answer to a transaction."""
        self.answers[f"{how} commit {result}"] += 1
        self.books.done(tx, result, reason)
        table = tx.table
        if result in ("O", "lost"):
            return
        names = [ledger.name for ledger, _ in tx.ops]
        if result == "N":
            if not any(op.kind == "inc" and MISS in op.after for _, op in tx.ops):
                self.violations.add("N, but the keys are there", f"{how} {table.name} {names}")
            return
        excuses = [excuse for name in names if (excuse := self.excuse(table, name, start, end, True))]
        if before_it := self._is_behind(table, behind, start, end):
            excuses.append(before_it)
        if excuses:
            self.excused["write: " + excuses[0].split(" for ")[0]] += 1
            return
        self.violations.add(f"a write failed ({result}), and nothing was wrong",
                            f"{how} {table.name} {names}: {reason!r} after {end - start:.3f}s")


def seen_text(value):
    """Returns what a client sees of a stored JSON text."""
    if value is not MISS and value[:1] == '"':
        return value[1:-1]  # this world stores no strings with escapes
    return value
