"""The model of allowed answers: the store with its history, writes with their outcomes, and time that was lost.

All instants are time.monotonic() of this process. Nothing here does I/O.
"""

import bisect
import collections
import time

now = time.monotonic
MISS = None  # a key without a value


class Violations:
    """Broken promises, with a short transcript each."""

    SHOWN = 8  # of each kind

    def __init__(self):
        self.counts = collections.Counter()
        self.texts = collections.defaultdict(list)
        self.start = now()

    def add(self, kind, text):
        self.counts[kind] += 1
        if len(self.texts[kind]) < self.SHOWN:
            self.texts[kind].append(f"{now() - self.start:8.2f}s {text}")

    def report(self):
        for kind, number in self.counts.most_common():
            print(f"\nVIOLATION {kind}: {number}")
            for text in self.texts[kind]:
                print("  " + text)


class Lost:
    """Time that could not be used: podop was stopped, or podop or this process had no CPU."""

    def __init__(self):
        self.spans = collections.deque(maxlen=20000)  # (from, to, seconds lost, kind), by their ends
        self.totals = collections.Counter()
        self.stop_began = None

    def add(self, start, end, seconds, kind):
        self.spans.append((start, end, seconds, kind))
        self.totals[kind] += seconds

    def stopped(self, start, end):
        """Returns True if podop was stopped at some time from start to end."""
        return self.stop_began is not None or any(
            kind == "stop" and since <= end and until >= start for since, until, _, kind in list(self.spans)[-500:])

    def seconds(self, start, end, kinds=("stop", "podop", "world")):
        """Returns how much of the time from start to end was lost at most."""
        total = 0.0
        for since, until, seconds, kind in reversed(self.spans):
            if until < start - 0.5:  # a span is added when it ends
                break
            if since <= end and until >= start and kind in kinds:
                total += seconds
        if "stop" in kinds and self.stop_began is not None:
            total += max(0.0, end - self.stop_began)
        return total


class Item:
    """The values of one key in the store, each with the time from which it was there."""

    __slots__ = ("times", "values")

    def __init__(self, value=MISS):
        self.times, self.values = [0.0], [value]

    @property
    def value(self):
        return self.values[-1]

    def put(self, value):
        self.times.append(now())
        self.values.append(value)
        if len(self.times) > 400:
            del self.times[:200], self.values[:200]

    def between(self, start, end):
        """Returns all values that the key had at some time from start to end."""
        first = max(0, bisect.bisect_right(self.times, start) - 1)
        last = bisect.bisect_right(self.times, end)
        return self.values[first:last]


def table_is_held(ledger, kind):
    """Returns True if such a change may be pending, so that only the last of several is made."""
    return ledger.table.is_ever_held and kind != "inc"


class Op:
    """One change of one key by one client."""

    __slots__ = ("index", "kind", "value", "tx", "sent", "done", "result", "applied", "applied_at", "asked",
                 "answered", "after")

    def __init__(self, index, kind, value, tx):
        self.index, self.kind, self.value, self.tx = index, kind, value, tx
        self.sent, self.done = now(), None
        self.result = None  # O, N, F, W, or "lost" with the connection
        self.applied, self.applied_at = 0, 0.0
        self.asked = False  # whether the store got the request, made or not
        self.answered = True  # whether the store's last answer to it was a plain success
        self.after = None  # the values that may be there after it

    def apply(self, value):
        if self.kind == "set":
            return self.value
        if self.kind == "unset":
            return MISS
        return value if value is MISS else str(int(value) + self.value)


class Tx:
    """A transaction."""

    def __init__(self, number, table):
        self.number, self.table, self.ops = number, table, []
        self.result = None

    def __str__(self):
        return f"tx {self.number}"


class Ledger:
    """The writes of one key, which one client at a time makes through one table."""

    def __init__(self, table, name, value=MISS):
        self.table, self.name = table, name
        self.ops = []
        self.first = {value}  # what may be there before all of them
        self.closed_until = 0.0  # a write of unknown fate may still be made until then

    def issue(self, kind, value, tx):
        op = Op(self.ops[-1].index + 1 if self.ops else 0, kind, value, tx)
        self.ops.append(op)
        tx.ops.append((self, op))
        self.resolve()
        return op

    def _before(self, position):
        return self.ops[position - 1].after if position else self.first

    def resolve(self):
        """Computes the possible values after each operation, and drops old operations."""
        for position, op in enumerate(self.ops):
            before = self._before(position)
            made = {op.apply(value) for value in before}
            if op.result == "O":
                op.after = made
            elif op.result == "F" and len(op.tx.ops) == 1:
                op.after = before
            elif op.result == "N" and op.kind == "inc" and len(op.tx.ops) == 1:
                op.after = {value for value in before if value is MISS}
            else:
                op.after = before | made
        while len(self.ops) > 60 and self.ops[1].done is not None and self.ops[1].done < now() - 60:
            self.first = self.ops.pop(0).after

    def allowed(self, start, end):
        """Returns the possible results of a lookup sent at start and answered at end, and the last write it
        must reflect."""
        known = -1
        for position, op in enumerate(self.ops):
            if op.done is not None and op.done < start:
                known = position
        values = set(self._before(known + 1))
        for op in self.ops[known + 1:]:
            if op.sent <= end:
                values |= op.after
        return values, self.ops[known] if known >= 0 else None

    def last_acked(self):
        return next((op for op in reversed(self.ops) if op.result == "O"), None)


class Books:
    """All ledgers and transactions, and what the store did for each."""

    def __init__(self, violations, was_broken):
        self.violations = violations
        self.was_broken = was_broken  # whether an answer to a table's backend's request may not have arrived
        self.txs = {}
        self.ledgers = {}  # by (space, name)
        self.number = 0

    def ledger(self, table, name, value=MISS):
        return self.ledgers.setdefault((table.space, name), Ledger(table, name, value))

    def begin(self, table):
        self.number += 1
        tx = self.txs[self.number] = Tx(self.number, table)
        return tx

    def find(self, space, name, kind, value, number):
        """Returns the operation that a request of podop belongs to; reports a violation if there is none."""
        ledger = self.ledgers.get((space, name))
        if ledger is None:
            return None, None
        found = [op for op in ledger.ops if (number is None or op.tx.number == number) and op.kind == kind
                 and (kind != "set" or op.value == value) and (kind != "inc" or op.value == value)]
        if not found:
            self.violations.add("a write that nobody made",
                                f"{kind} {space}/{name} = {value} of tx {number}; known: "
                                + ", ".join(f"{op.kind} {op.value} of {op.tx}" for op in ledger.ops[-4:]))
            return ledger, None
        if number is None and table_is_held(ledger, kind):
            # the first after the last that was made, as pending writes may be skipped
            made = max((op.index for op in ledger.ops if op.applied), default=-1)
            newer = [op for op in found if op.index > made]
            found = [op for op in newer if op.result != "F"][:1] or newer[:1] or found
        elif number is None:  # of several equal ones, the first whose request has not come
            waiting = [op for op in found if not op.asked]
            found = ([op for op in waiting if op.result is None][:1]
                     or [op for op in waiting if op.result in ("lost", "W")] or found)
        found[-1].asked = True
        return ledger, found[-1]

    def applied(self, space, name, kind, value, number, is_answered=True):
        """Notes that the store made a change."""
        ledger, op = self.find(space, name, kind, value, number)
        if op is None:
            return
        what = f"{kind} {space}/{name} = {str(value)[:20]} of {op.tx}"
        later = [other for other in ledger.ops if other.index > op.index and other.applied]
        if later:
            self.violations.add("an older write after a newer one", f"{what}, after that of {later[-1].tx}")
        is_held = table_is_held(ledger, kind)
        if op.applied and not is_held:
            self.violations.add("a write made twice", what)
        if op.applied and is_held and op.answered and not self.was_broken(ledger.table, op.applied_at):
            self.violations.add("a held write made again after it was done",
                                f"{now() - op.applied_at:.3f}s after, {what}")
        if op.result == "F" and (len(op.tx.ops) == 1 or op.tx.table.is_atomic):
            self.violations.add("a write made after F", what)
        op.applied += 1
        op.applied_at = now()
        op.answered = is_answered

    def done(self, tx, result, reason=""):
        """Notes the answer to the client, or that it will never come (result "lost")."""
        tx.result = result
        for ledger, op in tx.ops:
            op.result, op.done = result, now()
            if result == "O" and not ledger.table.is_ever_held and not op.applied:
                self.violations.add("O, but not made", f"{op.kind} {ledger.name} of {tx} in {ledger.table.name}")
        applied = [bool(op.applied) for _, op in tx.ops]
        if result == "F":
            if all(applied) or (tx.table.is_atomic and any(applied)) or sorted(applied, reverse=True) != applied:
                self.violations.add("F, but made", f"{tx} in {tx.table.name}: made {applied}, told {reason!r}")
                for _, op in tx.ops:  # its consequences are not reported
                    op.result = "W"
        for ledger in {ledger for ledger, _ in tx.ops}:
            ledger.resolve()
        if len(self.txs) > 5000:
            for number in [n for n, old in self.txs.items() if old.result is not None][:2500]:
                del self.txs[number]
