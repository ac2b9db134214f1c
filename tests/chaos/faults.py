"""The kinds of faults, when each begins and how long it lasts, by the seed."""

import asyncio

import nuisances
from clients import Dict
from model import MISS, now
from names import MODES
from scene import HTTP_PORT, MOVING, STATIC
from wire import Ended
from world import Span

RELOADS = "unchanged", "timeout", "urls", "cache", "write_behind", "json", "large", "log", "faulty"
KEY_KINDS = ("500", "503", "500", "503", "hang", "close", "reset", "truncate", "drip")


class Faults:
    """All kinds of faults. Each method does one fault, and ends when it is over."""

    def __init__(self, world, podop):
        self.world, self.podop, self.random = world, podop, world.random
        self.is_calm = False  # while podop is to stop and start again
        self.running = set()  # of names
        self.reloading = asyncio.Lock()
        self.bulks = set()
        # name: the fault, mean seconds between two of them
        self.kinds = {
            "refuse": (self.refuse, 6), "freeze": (self.freeze, 9), "all500": (self.all_500, 12),
            "key": (self.key, 0.6), "kept": (self.kept, 4), "latency": (self.latency, 15), "dns": (self.dns, 5),
            "move": (self.move, 11), "reload": (self.reload, 3), "table": (self.table, 9), "stop": (self.stop, 13),
            "clock": (self.clock, 7), "log": (self.log, 12), "program": (self.program, 38),
            "restart": (self.restart, 25), "bulk": (self.bulk, 17)}
        for name, nuisance in nuisances.ALL.items():
            self.kinds[name] = (lambda nuisance=nuisance: nuisance(world), 2 if name == "leave" else 4)

    def start(self, names, rate):
        """Starts the faults of these names."""
        return [asyncio.create_task(self._repeat(name, *self.kinds[name], rate)) for name in names]

    async def _repeat(self, name, fault, mean, rate):
        while True:
            await asyncio.sleep(self.random.expovariate(1) * mean / rate)
            if self.is_calm or self.world.is_over:
                continue
            self.running.add(name)
            try:
                await fault()
            finally:
                self.running.discard(name)

    def _any(self):
        return self.random.choice(list(self.world.backends.values()))

    # backends

    async def refuse(self):
        seconds = self.random.choice((0.01, 0.05, 0.2, 0.5, 0.9, 3))
        await self._any().restart(seconds, is_gone=self.random.random() < 0.5)

    async def freeze(self):
        await self._any().freeze(self.random.choice((0.1, 0.4, 0.8, 3)))

    async def all_500(self):
        await self._any().fail(self.random.choice((0.1, 0.5, 1.5)))

    async def key(self):
        world = self.world
        table = self.random.choice([table for table in world.tables.values() if table.type != "json"])
        name = world.choose_name(table)
        kind = self.random.choice(KEY_KINDS) if table.type == "url" else self.random.choice(("500", "hang"))
        if table.type == "dns":
            kind = "hang"
        if kind in ("hang", "drip") and table.type == "program" and any(
                fault.meets(now() - 10, now()) for fault in world.table_faults[table.name]):
            return  # two that hang might have both processes killed
        longest = 1.5 if table.is_ever_held else 4
        backend = self.random.choice(table.backends) if len(table.backends) > 1 else None
        world.break_key(table, name, kind, self.random.uniform(0.3, longest), backend)

    async def kept(self):
        backend = self._any()
        backend.kept_fault_rate = self.random.choice((0.02, 0.1, 0.3))
        await asyncio.sleep(self.random.uniform(0.5, 4))
        backend.kept_fault_rate = 0.0

    async def latency(self):
        backend = self._any()
        backend.latency = self.random.choice((0.01, 0.05, 0.15))
        self.world.happens("backend slow")
        await asyncio.sleep(self.random.uniform(1, 5))
        backend.latency = 0.0

    async def program(self):
        if self.world.programs:
            self.random.choice(sorted(self.world.programs, key=id)).die()

    async def change(self):
        """Somebody else changes a value in the store: no fault, but goes on all the time."""
        table = self.world.tables[self.random.choice(("plain", "cached", "multi", "unixt", "named", "two"))]
        value = MISS if self.random.random() < 0.2 else f'"v{now():.6f}"'
        self.world.put(table.space, f"s{self.random.randrange(STATIC)}", value)

    async def bulk(self, table=None):
        """One client with hundreds of changes in a transaction, and more behind them."""
        world = self.world
        table = table or world.tables[self.random.choice(("held", "heldc", "plain", "commit", "prog"))]
        client = Dict(world, table, (3, 2), f"bulk{self.random.randrange(3)}")
        if client.user in self.bulks:
            return
        self.bulks.add(client.user)
        world.happens("bulk of changes", table.name)
        await client.connect()
        changes = 400 if table.write_behind or table.is_atomic else 100  # one after the other, within the timeout
        ledgers = [world.books.ledger(table, f"b{number}/{client.user}") for number in range(changes)]
        if all(ledger.closed_until < now() for ledger in ledgers):
            for _ in range(3 if table.write_behind else 1):
                client.commit([(ledger, "set", None) for ledger in ledgers])
            for request in client.pending:
                request.factor = 100
            client.flush()
            txs = [request.tx for request in client.pending]
            try:
                await client.answers()
            except (Ended, ValueError) as fault:
                client.ended(fault)
            client.close_keys(txs)
        client.wire.close()
        self.bulks.discard(client.user)

    # names

    async def dns(self):
        servers = self.world.name_servers
        chosen = servers if self.random.random() < 0.25 else [self.random.choice(servers)]
        if any(server.mode for server in chosen):
            return
        for server in chosen:
            await server.turn(self.random.choice(sorted(MODES)))
        await asyncio.sleep(self.random.choice((0.2, 1, 3, 6)))
        for server in chosen:
            await server.turn(None)

    async def move(self):
        """The service of svc.chaos.test gets another address, and leaves the old one soon."""
        world, backend = self.world, self.world.c
        if not backend.servers or "refuse" in self.running:
            return
        old = next(iter(backend.servers))
        new = ([address for address in MOVING if address != old[0]][0], HTTP_PORT)
        world.happens("name moves")
        await backend.listen_at(new)
        world.zone.addresses["svc.chaos.test"] = [new[0]]
        moved_at = now()
        await asyncio.sleep(self.random.choice((0, 0.3, 2)))
        while len(backend.servers) < 2:
            await asyncio.sleep(0.1)  # it is restarting
        backend.leave(old)
        if world.is_dns_out(moved_at, now() + 0.5):
            span = Span("moved")
            world.moved.append(span)
            while world.is_dns_out(now() - 0.5, now()):
                await asyncio.sleep(0.1)
            span.close()

    # podop

    async def reload(self):
        """Unchanged, or with other settings, or with a fault in the file."""
        world, podop = self.world, self.podop
        tables = [table for table in world.tables.values() if table.type == "url"]
        table = self.random.choice(tables)
        kind = self.random.choice(RELOADS)
        if kind == "timeout":
            table.timeout = table.t_max if table.timeout == table.t_min else table.t_min
        elif kind == "urls":
            table = world.tables["multi"]
            table.params.reverse()
        elif kind == "cache":
            cached = self.random.choice([table for table in tables if "cache" in table.settings])
            cached.settings["cache"] = {**cached.settings["cache"], "ttl": self.random.choice(("1s", "2s"))}
        elif kind == "write_behind":
            held = self.random.choice([table for table in world.tables.values() if table.is_ever_held])
            held.write_behind = self.random.choice((0.05, 0.3, 1.0, 1.0, 0))
        elif kind == "json":
            world.write_json(is_changed=True)
        elif kind == "large":
            world.write_large(is_changed=True)
        elif kind == "log":
            podop.log_level = "debug" if podop.log_level == "info" and self.random.random() < 0.5 else "info"
        await self._reload(kind)

    async def _reload(self, kind):
        world, podop = self.world, self.podop
        world.happens("reload " + kind)
        async with self.reloading:
            podop.write_config(is_faulty=kind == "faulty")
            was_taken = await podop.reload(by_signal=self.random.random() < 0.3)
            if kind == "faulty":
                podop.write_config()
        if was_taken == (kind == "faulty") and podop.process.poll() is None:
            world.violations.add("a reload went wrong", f"{kind}: taken {was_taken}: {list(podop.log)[-2:]}")

    async def table(self):
        """A table goes, and is back later."""
        table = self.world.tables[self.random.choice(("gone", "gone", "held", "cached"))]
        span = Span("no such table")
        table.gone.append(span)
        table.is_there = False
        await self._reload("without a table")
        await asyncio.sleep(self.random.uniform(0.1, 2))
        table.is_there = True
        await self._reload("with the table again")
        span.close()

    async def stop(self):
        seconds = self.random.choice((0.2, 0.7, 1.5, 2.5, 4))
        self.world.happens("SIGSTOP", seconds)
        await self.podop.suspend(seconds)

    async def clock(self):
        if self.podop.shim:
            self.world.happens("clock steps")
            self.podop.step_clock(self.random.choice((-3600, 0, 3600)))

    async def log(self):
        self.world.happens("log is not read")
        self.podop.readable.clear()
        await asyncio.sleep(self.random.uniform(0.3, 4))
        self.podop.readable.set()

    async def restart(self):
        """podop stops with writes held, and starts again. Faults go on for a while only."""
        if now() - self.world.start > 0.4 * self.world.options.seconds:
            return  # after that, memory and descriptors are compared without starts
        self.world.happens("restart")
        is_hard = self.random.random() < 0.7
        await self.calm_down(is_hard)
        if is_hard:  # the backends are back in time, but not yet there
            outages = [asyncio.create_task(backend.restart(self.random.uniform(0.5, 3)))
                       for backend in self.world.backends.values() if backend.servers]
            await asyncio.sleep(self.random.uniform(0, 1.2))
        span = Span("restart")
        self.world.restarts.append(span)
        await self.podop.stop()
        if is_hard:
            await asyncio.gather(*outages)
        self.check_store()
        await self.podop.start()
        span.close()
        self.is_calm = False

    async def last_stop(self):
        """Many writes, a backend that is away for two seconds, and SIGTERM."""
        world = self.world
        world.is_over = False  # clients can connect once more
        for name in ("held", "heldc", "gone", "prog"):
            await self.bulk(world.tables[name])
        outage = asyncio.create_task(world.a.restart(2))
        await asyncio.sleep(0)
        world.is_over = True
        await self.podop.stop()
        await outage
        self.check_store()

    async def calm_down(self, at_once):
        """No new faults; returns at once, or when those that are left are over."""
        self.is_calm = True
        if not at_once:
            self.world.mend_keys(everything=True)
        self.podop.readable.set()
        own = {"stop", "reload", "table", "log"}  # these act on podop itself
        while self.running & own or not at_once and self.running - {"restart", "bulk", *nuisances.ALL}:
            await asyncio.sleep(0.05)

    def check_store(self):
        """Checks that all acknowledged writes are in the store after podop has ended in good order."""
        for (space, name), ledger in self.world.books.ledgers.items():
            if not ledger.ops:
                continue
            item = self.world.items.get((space, name))
            value = item.value if item else MISS
            value = value[1:-1] if value is not MISS and value[:1] == '"' else value
            if value not in ledger.ops[-1].after:
                ops = ", ".join(f"{op.kind} {str(op.value)[:12]} of {op.tx} {op.result} applied {op.applied}"
                                for op in ledger.ops[-4:])
                self.world.violations.add("a write told as done is lost",
                                          f"{ledger.table.name} {name}: {str(value)[:30]!r} is stored; {ops}")
                ledger.first, ledger.ops = {value}, []
