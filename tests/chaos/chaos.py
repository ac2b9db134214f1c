"""Runs podop in a world where everything goes wrong, and compares each answer with the allowed ones.

See README.md beside this file. scripts/chaos is the usual way to start it.
"""

import argparse
import asyncio
import contextlib
import fcntl
import gc
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

from clients import Dict, Socketmap
from faults import Faults
from model import now
from process import Podop
from scene import FULL, HTTP_PORT, Scene

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77
MAX_CHILDREN = 12  # of a program table with two processes, and of its predecessors before some reloads
VERSIONS = ((2, 0), (2, 2), (3, 2), (4, 0))
MUTANTS = {  # a violation that each of them must cause
    "swap": "wrong value", "miss": "false miss", "old": "wrong value", "lose": "O, but not made",
    "twice": "a write made twice", "false-f": "F, but made", "reorder": "wrong value", "drop": "wrong value",
    "double": "an answer that nobody asked for"}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/chaos", description="podop in a world where everything goes wrong")
    parser.add_argument("--seconds", type=float, default=120, help="how long faults go on (120)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"), help="repeats a run")
    parser.add_argument("--podop", default=os.environ.get("PODOP"), help="the program under test")
    parser.add_argument("--faults", help="kinds with commas between them; all but some with a ! in front")
    parser.add_argument("--rate", type=float, default=1.0, help="how often faults come, 1 being usual")
    parser.add_argument("--clients", type=float, default=1.0, help="how many clients there are, 1 being usual")
    parser.add_argument("--turn-ms", type=float, default=50, help="the longest turn of the loop (50)")
    parser.add_argument("--rss-mib", type=int, default=256, help="the most memory that podop may take (256)")
    parser.add_argument("--json-mib", type=int, default=16, help="size of the large file of a json table")
    parser.add_argument("--without", default="", help="tables that nobody asks, with commas between them")
    parser.add_argument("--mutant", choices=MUTANTS, help="a world that lies, which the checks have to find")
    parser.add_argument("--mutants", action="store_true", help="runs all of these, each for a short time")
    parser.add_argument("--keep", help="a directory that is kept, with log and configuration")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.podop or not os.access(options.podop, os.X_OK):
        parser.error(f"no program: {options.podop}; see --podop")
    options.podop = os.path.abspath(options.podop)
    return options


# --- a machine of its own ---------------------------------------------------------------------------------------


def enter_namespaces(options):
    """Runs this program again in a mount and a network namespace."""
    command = ["unshare", "--mount", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        print("chaos: no mount and network namespaces here")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIP)
    directory = options.keep or tempfile.mkdtemp(prefix="podop-chaos-")
    os.makedirs(directory, exist_ok=True)
    try:
        sys.exit(subprocess.run([*command, sys.executable, *sys.argv, f"--seed={options.seed}",
                                 f"--podop={options.podop}", f"--inside={directory}"], check=False).returncode)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


def run_mutants(options):
    """Runs each mutant and prints whether the checks find it."""
    missed = 0
    for mutant, violation in MUTANTS.items():
        command = [sys.executable, "-B", os.path.abspath(__file__), "--podop", options.podop, "--seconds", "10",
                   "--faults", "none", "--json-mib", "1", "--mutant", mutant]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, encoding="utf-8")
        is_found = f"VIOLATION {violation}" in done.stdout
        missed += not is_found
        print(f"{mutant:8} {'found' if is_found else 'NOT FOUND'}: {violation}", flush=True)
    sys.exit(1 if missed else 0)


def set_up_machine(directory):
    """Brings up loopback and replaces the files of name servers and hosts."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    texts = {"resolv.conf": "nameserver 127.0.0.1\nnameserver 127.0.0.2\nsearch chaos.test\n",
             "hosts": "127.0.0.1 localhost\n"}
    for name, text in texts.items():
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", os.path.join(directory, name), f"/etc/{name}"], check=True)


def compile_helpers(directory):
    """Compiles the shim of the clock and the probe; returns None for both where there is no compiler."""
    if not shutil.which("cc"):
        print("chaos: no compiler, so the clock is not stepped and the loop not probed")
        return None, None
    shim, probe = os.path.join(directory, "shim.so"), os.path.join(directory, "probe")
    for flags, source, target in ((["-shared", "-fPIC"], "../blackbox/set_clock.c", shim), ([], "probe.c", probe)):
        subprocess.run(["cc", "-O2", *flags, "-o", target, os.path.join(HERE, source)], check=True)
    return shim, probe


def fill_backlog(stack):
    """Fills the backlog of an address, which then neither takes nor refuses connections."""
    listener = stack.enter_context(socket.socket())
    listener.bind((FULL, HTTP_PORT))
    listener.listen(0)
    for _ in range(8):
        filler = stack.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex((FULL, HTTP_PORT))


# --- a run --------------------------------------------------------------------------------------------------------


class Run:
    """One run, from start to report."""

    def __init__(self, options):
        self.options = options
        self.world = Scene(options, options.inside)
        self.podop = Podop(self.world, options.podop, compile_helpers(options.inside))
        self.faults = Faults(self.world, self.podop)

    async def watch_lost_time(self):
        """How long this process and podop go without a CPU."""
        lost, delay, pid = self.world.lost, None, 0
        while True:
            before = now()
            await asyncio.sleep(0.02)
            late = now() - before - 0.02
            if late > 0.02:
                lost.add(before, now(), late, "world")
            new = self.podop.run_delay()
            if pid == self.podop.process.pid and None not in (delay, new) and new - delay > 0.005:
                lost.add(before, now(), new - delay, "podop")
            delay, pid = new, self.podop.process.pid

    async def watch_podop(self):
        """Samples, counters, and that it is there at all."""
        while True:
            await asyncio.sleep(0.25)
            self.podop.sample()
            if not self.faults.is_calm and self.podop.process.poll() is not None:
                self.world.violations.add("podop is gone", f"status {self.podop.process.returncode}: "
                                          + " | ".join(list(self.podop.log)[-20:]))
                return
            if not self.faults.is_calm and (stats := await self.podop.order(command="stats")):
                self.podop.take_turns(stats)

    async def tell_progress(self):
        while True:
            await asyncio.sleep(10)
            world, sample = self.world, (self.podop.samples or [(0, 0, 0, 0, 0)])[-1]
            print(f"{now() - world.start:6.0f}s  {sum(world.answers.values())} answers, {sum(world.excused.values())} "
                  f"excused failures, {sum(world.faults.values())} faults, {sum(world.violations.counts.values())} "
                  f"violations; rss {sample[2] // 1024} MiB, {sample[3]} descriptors, {sample[4]} children; lost "
                  + ", ".join(f"{kind} {seconds:.1f}s" for kind, seconds in world.lost.totals.items()), flush=True)

    async def change_store(self):
        while not self.world.is_over:
            await asyncio.sleep(0.05)
            await self.faults.change()
            self.world.mend_keys()

    async def read(self):
        """A client after the other, of any kind."""
        world = self.world
        while not world.is_over:
            if world.random.random() < 0.5:
                await Socketmap(world).session(world.random.randrange(5, 60))
            else:
                table = world.tables[world.random.choice(world.asked)]
                user = world.random.choice(world.writers.get(table.name, ["bob"]))
                await Dict(world, table, world.random.choice(VERSIONS), user).session(world.random.randrange(5, 60))

    async def write(self, table, user):
        world = self.world
        while not world.is_over:
            await Dict(world, table, world.random.choice(VERSIONS[1:]), user).write(world.random.randrange(10, 80))

    def chosen_faults(self):
        kinds = sorted([*self.faults.kinds, "identity"])
        asked = self.options.faults or "!none"
        names = asked.lstrip("!").split(",")
        unknown = [name for name in names if name not in (*kinds, "none")]
        if unknown:
            raise SystemExit(f"unknown faults {unknown}; there are {kinds}")
        return [name for name in kinds if (name in names) != asked.startswith("!")]

    async def run(self):
        world = self.world
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._note_exception)
        await world.open(loop)
        await self.podop.start()
        watchers = [asyncio.create_task(task) for task in (self.watch_lost_time(), self.watch_podop(),
                                                           self.tell_progress())]
        clients = [asyncio.create_task(self.change_store())]
        for table in world.tables.values():
            if table.is_writable and table.name in world.asked:
                world.writers[table.name] = [f"w{number}-{table.name}" for number in range(2)]
                clients += [asyncio.create_task(self.write(table, user)) for user in world.writers[table.name]]
        clients += [asyncio.create_task(self.read()) for _ in range(round(24 * self.options.clients))]
        chosen = self.chosen_faults()
        world.has_two_names = "identity" in chosen
        faults = self.faults.start([name for name in chosen if name != "identity"], self.options.rate)
        await self._wait_for(world.start + self.options.seconds, clients + faults + watchers[:1])
        await self._wind_up(clients, faults)
        for task in watchers:
            task.cancel()

    def _note_exception(self, loop, context):
        """Reports an exception in a callback of this program, such as that of a backend, which asyncio only logs."""
        loop.default_exception_handler(context)
        self.world.violations.add("an exception in the test itself",
                                  f"{context['message']}: {context.get('exception')!r}")

    async def _wait_for(self, end, tasks):
        while now() < end or self.faults.is_calm:
            await asyncio.sleep(0.2)
            for task in tasks:
                if task.done() and not task.cancelled() and task.exception():
                    raise task.exception()
            if self.podop.process.poll() is not None and not self.faults.is_calm:
                return

    async def _wind_up(self, clients, faults):
        """Faults end, clients leave, and podop ends with what it holds."""
        world = self.world
        world.is_over = True
        world.mend_keys(everything=True)
        _, late = await asyncio.wait(clients, timeout=40)
        for task in late:
            world.violations.add("a client never ended", repr(task)[:200])
            task.cancel()
        await self.podop.wait(lambda: not self.faults.running, "all faults are over", 20)
        self.faults.is_calm = True
        for task in faults:
            task.cancel()
        if self.podop.process.poll() is None:
            await self._check_rest()
            await self.faults.last_stop()

    async def _check_rest(self):
        """What is left of all clients and reloads: nothing."""
        processes = 2

        def is_at_rest():
            self.podop.sample()
            return self.podop.samples[-1][4] == processes
        await self.podop.wait(is_at_rest, f"{processes} children are left of {self.podop.samples[-1][4]}", 15)
        stats = await self.podop.order(command="stats")
        for _ in range(100):
            if stats is None or stats["clients"] <= 2:
                break
            await asyncio.sleep(0.1)
            stats = await self.podop.order(command="stats")
        if stats is not None and stats["clients"] > 2:  # the probe and this one
            self.world.violations.add("clients that are gone are counted", f"{stats['clients']} of them")

    # the report

    def _check_flatness(self):
        """Compares memory and descriptors of the last podop by thirds, after a warm-up."""
        most = [max(sample[index] for sample in self.podop.samples) for index in (2, 3, 4)]
        print(f"\nat most {most[0] // 1024} MiB, {most[1]} descriptors, {most[2]} children")
        if most[0] > self.options.rss_mib * 1024:
            self.world.violations.add("too much memory", f"{most[0] // 1024} MiB")
        if most[2] > MAX_CHILDREN:
            self.world.violations.add("too many children", str(most[2]))
        last = [sample for sample in self.podop.samples if sample[1] == self.podop.started_at]
        last = last[len(last) // 5:]
        third = len(last) // 3
        if third < 40:
            print("\nThe last podop ran for too short a time to compare thirds of it.")
            return
        print("\nthird   rss mean MiB   rss max MiB   descriptors mean   max   children mean   max")
        means = []
        for number in range(3):
            part = last[number * third:(number + 1) * third]
            rss, descriptors, children = ([sample[index] for sample in part] for index in (2, 3, 4))
            means.append((sum(rss) / third / 1024, sum(descriptors) / third))
            print(f"{number + 1:5}   {means[-1][0]:12.1f}   {max(rss) / 1024:11.1f}   {means[-1][1]:16.1f}   "
                  f"{max(descriptors):3}   {sum(children) / third:13.1f}   {max(children):3}")
        if means[2][0] > means[1][0] * 1.15 + 8:
            self.world.violations.add("memory grows", f"{means[1][0]:.1f} to {means[2][0]:.1f} MiB")
        if means[2][1] > means[1][1] * 1.3 + 30:
            self.world.violations.add("descriptors grow", f"{means[1][1]:.1f} to {means[2][1]:.1f}")

    def report(self):
        world, podop = self.world, self.podop
        for title, counts in (("requests", world.requests), ("answers", world.answers), ("faults", world.faults),
                              ("failures with an excuse", world.excused), ("events of the log", podop.events)):
            print(f"\n{title} ({sum(counts.values())}):")
            for name, number in sorted(counts.items()):
                print(f"  {number:8}  {name}")
        print("\nlost time: " + ", ".join(f"{kind} {seconds:.1f}s" for kind, seconds in world.lost.totals.items()))
        self._check_flatness()
        if podop.turns:
            print("\nturns of the loop, by their length in ms at most: "
                  + ", ".join(f"{limit}: {number}" for limit, number in podop.turns.items()))
            print(f"of more than 50 ms: {sum(turn[1] for turn in podop.slow_turns)}, longest of those without a stop: "
                  f"{max((turn[2] for turn in podop.slow_turns if not turn[4]), default=0):.0f} ms")
        else:
            print("\npodop tells nothing of the turns of its loop")
        answers = [own for own, is_stopped in podop.slow_answers if not is_stopped]
        print(f"answers of the json table that took 40 ms or more: {len(podop.slow_answers)}; the longest, without "
              f"stops and waits for a CPU: {1000 * max(answers, default=0):.0f} ms")
        world.violations.report()
        number = sum(world.violations.counts.values())
        print(f"\n{number} violations in {now() - world.start:.0f} s, seed {self.options.seed}: "
              f"{'FAILED' if number else 'passed'}")
        return 1 if number else 0


def main():
    options = arguments()
    if options.mutants:
        run_mutants(options)
    if not options.inside:
        enter_namespaces(options)
    print(f"seed {options.seed}", flush=True)
    set_up_machine(options.inside)
    gc.freeze()
    run = Run(options)
    with contextlib.ExitStack() as stack:
        fill_backlog(stack)
        try:
            asyncio.run(run.run())
        finally:
            run.podop.kill()
    sys.exit(run.report())


if __name__ == "__main__":
    main()
