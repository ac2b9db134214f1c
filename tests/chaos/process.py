"""podop as a process: its configuration, start and end, log, counters, and its use of the machine."""

import asyncio
import collections
import json
import os
import re
import signal
import struct
import subprocess
import threading

from model import now

SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:|LeakSanitizer")
SHUTDOWN_S = 15
GUARD = 60


def conf(value):
    """Writes a Python value in libconfig's syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + " ".join(f"{name} = {conf(item)};" for name, item in value.items()) + " }"
    if isinstance(value, list):
        items = ", ".join(map(conf, value))
        return f"({items})" if any(isinstance(item, dict) for item in value) else f"[{items}]"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else str(value)


class Podop:
    """The process under test, started again after each stop."""

    def __init__(self, world, program, helpers):
        self.world, self.program = world, program
        self.shim, self.probe_program = helpers
        self.process = self.probe = None
        self.log_level = "info"
        self.log = collections.deque(maxlen=400)
        self.reports = []  # of sanitizers
        self.events = collections.Counter()
        self.readable = threading.Event()
        self.readable.set()
        self.reader = None
        self.samples = []  # (time, start of this process, rss, descriptors, children)
        self.turns = collections.Counter()  # by their upper bound in ms, of all processes together
        self.turns_now = None
        self.slow_turns = []
        self.slow_answers = []  # of the probe: (from, to, seconds unexplained, text)
        self.clock_file = world.path("clock")
        with open(self.clock_file, "wb") as file:
            file.write(bytes(8))
        self.started_at = 0.0

    # configuration

    def write_config(self, is_faulty=False):
        world = self.world
        settings = {
            "shutdown_timeout": f"{SHUTDOWN_S}s", "log": {"level": self.log_level},
            "listen": [{"socket": world.socket_path}, {"socket": "%s:%d" % world.inet}],
            "control": {"socket": world.path("control.sock")},
            "tables": [table.config() for table in world.tables.values() if table.is_there]}
        text = "".join(f"{name} = {conf(value)};\n" for name, value in settings.items())
        with open(world.path("podop.conf"), "w", encoding="utf-8") as file:
            file.write(text + ("tables = nothing" if is_faulty else ""))

    # start and end

    async def start(self):
        """Starts podop and waits until it serves."""
        self.write_config()
        env = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
        env["ASAN_OPTIONS"] = ("verify_asan_link_order=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:"
                               "allocator_release_to_os_interval_ms=500:" + env.get("ASAN_OPTIONS", ""))
        if self.shim:
            env.update(LD_PRELOAD=self.shim, SET_CLOCK_FILE=self.clock_file)
        self.world.starts.append(now())
        self.events["ready"] = 0
        self.process = subprocess.Popen([self.program, "-c", self.world.path("podop.conf")], env=env,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.started_at = now()
        self.reader = threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        await self.wait(lambda: self.events["ready"] or self.process.poll() is not None, "podop serves")
        if self.process.poll() is not None:
            raise SystemExit("podop does not start:\n" + "\n".join(self.log))
        if self.probe_program:
            self._start_probe()

    async def wait(self, fact, what, seconds=GUARD):
        deadline = now() + seconds
        while not fact():
            if now() > deadline:
                return self.world.violations.add("never happened", what)
            await asyncio.sleep(0.02)
        return True

    async def stop(self):
        """Stops it in good order; says whether it ended as it should."""
        self.readable.set()
        self._keep_turns()
        began = now()
        self.process.send_signal(signal.SIGTERM)
        if not await self.wait(lambda: self.process.poll() is not None, "podop ends", SHUTDOWN_S + 20):
            self.process.kill()
        self.process.wait()
        self.reader.join(GUARD)
        if self.probe:
            self.probe.wait()
        took = now() - began - self.world.lost.seconds(began, now())
        if self.process.returncode != 0:
            last = " | ".join(list(self.log)[-12:])
            self.world.violations.add("a bad end", f"status {self.process.returncode}: {last}")
        if took > SHUTDOWN_S + 3:
            self.world.violations.add("a long stop", f"{took:.1f}s")

    def kill(self):
        """Ends all processes when the run is broken off."""
        for process in (self.process, self.probe):
            if process and process.poll() is None:
                process.kill()

    # the log

    def _read_log(self, pipe):
        with open(self.world.path("podop.log"), "ab") as copy:
            buffered = b""
            while True:
                self.readable.wait()
                data = os.read(pipe.fileno(), 65536)
                copy.write(data)
                *lines, buffered = (buffered + data).split(b"\n")
                for text in map(lambda line: line.decode("utf-8", "replace"), lines):
                    self._take_line(text)
                if not data:
                    return

    def _take_line(self, text):
        event = re.search(r"event=(\S+)", text)
        self.events[event[1] if event else "no event"] += 1
        if event is None or " level=debug" not in text:
            self.log.append(text)
        if SANITIZER.search(text):
            self.reports.append(text)
            self.world.violations.add("a sanitizer reported", text)
        if event and event[1] == "write_lost":
            self.world.violations.add("write_lost", text)

    # the control socket

    async def order(self, **order):
        """Sends an order and returns the answer, or None when podop is gone."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.world.path("control.sock"), limit=1 << 22)
            writer.write(json.dumps(order).encode() + b"\n")
            answer = await asyncio.wait_for(reader.readline(), GUARD)
            writer.close()
            return json.loads(answer)
        except (OSError, ValueError, asyncio.TimeoutError):
            return None

    async def reload(self, by_signal=False):
        """Has the configuration read anew, and returns when that is done: whether it was taken."""
        if not by_signal:
            answer = await self.order(command="reload")
            return answer is not None and bool(answer.get("ok"))
        before = await self.order(command="stats")
        if before is None:
            return False
        self.process.send_signal(signal.SIGHUP)
        count = self._reloads(before)
        while now() and self.process.poll() is None:
            stats = await self.order(command="stats")
            if stats is not None and self._reloads(stats) != count:
                return stats["reloads"]["failed"] == before["reloads"]["failed"]
            await asyncio.sleep(0.02)
        return False

    @staticmethod
    def _reloads(stats):
        return stats["reloads"]["done"] + stats["reloads"]["failed"]

    # clocks and stops

    def step_clock(self, seconds):
        with open(self.clock_file, "r+b") as file:
            file.write(struct.pack("q", seconds))

    async def suspend(self, seconds):
        self.world.lost.stop_began = now()
        self.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)
        self.world.lost.add(self.world.lost.stop_began, now(), now() - self.world.lost.stop_began, "stop")
        self.world.lost.stop_began = None

    # its use of the machine

    def sample(self):
        """Notes the current memory, descriptors and children."""
        pid = self.process.pid
        try:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
                rss = next(int(text.split()[1]) for text in status if text.startswith("VmRSS"))
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                children = len(file.read().split())
            self.samples.append((now(), self.started_at, rss, len(os.listdir(f"/proc/{pid}/fd")), children))
        except (OSError, StopIteration):
            pass

    def run_delay(self):
        """Returns the seconds in which podop was ready to run and had no CPU."""
        try:
            with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, IndexError):
            return None

    def take_turns(self, stats):
        """Counts the turns of the loop that took more than 50 ms since the last call, and whether that was
        podop's own work."""
        loop, at, delay = stats.get("loop"), now(), self.run_delay()
        if not isinstance(loop, dict) or delay is None:
            return
        before, before_at, before_delay = self.turns_now or (loop, at, delay)
        slow = [new["count"] - old["count"] for new, old in zip(loop["turns"], before["turns"])]
        self.turns_now = loop, at, delay
        floor_ms = 0
        for turn, number in zip(loop["turns"], slow):
            if number > 0 and floor_ms >= 50:
                longest_ms = loop["longest_us"] / 1000 if loop["longest_us"] != before["longest_us"] else floor_ms + 1
                excuse_ms = 1000 * (delay - before_delay)
                is_stopped = self.world.lost.stopped(before_at - 0.5, at)
                self.slow_turns.append((at, number, longest_ms, excuse_ms, is_stopped))
                if not is_stopped and longest_ms - self.contention(excuse_ms) > self.world.options.turn_ms:
                    self.world.violations.add("a long turn of the loop", f"{number} of more than {floor_ms} ms, the "
                                              f"longest {longest_ms:.0f} ms, without a CPU for {excuse_ms:.0f} ms")
            floor_ms = turn["ms_at_most"] if turn.get("ms_at_most") else floor_ms

    @staticmethod
    def contention(delay):
        """Returns how much of a delay waiting for a CPU explains, also that of others that podop waited for,
        such as the kernel."""
        return delay if delay < 5 else 5 * delay

    def _keep_turns(self):
        for turn in self.turns_now[0]["turns"] if self.turns_now else ():
            self.turns[turn.get("ms_at_most") or "more"] += turn["count"]
        self.turns_now = None

    # the probe

    def _start_probe(self):
        self.probe = subprocess.Popen(
            [self.probe_program, self.world.socket_path, "json s1", str(self.process.pid), "5", "40"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        threading.Thread(target=self._read_probe, args=(self.probe.stdout,), daemon=True).start()

    def _read_probe(self, pipe):
        for text in pipe:
            start, end, podop_delay, own_delay, cpu = (int(word) / 1e9 for word in text.split())
            lost = self.world.lost
            own = end - start - podop_delay - own_delay
            is_stopped = lost.stopped(start - 0.3, end)
            self.slow_answers.append((own, is_stopped))
            own_ms = 1000 * own if cpu > own / 2 else \
                1000 * (end - start - own_delay) - self.contention(1000 * podop_delay)
            if not is_stopped and own_ms > 2 * self.world.options.turn_ms:  # it may wait for two turns
                self.world.violations.add(
                    "podop stood still", f"an answer of a json table took {1000 * (end - start):.0f} ms; without a CPU "
                    f"{1000 * podop_delay:.0f} ms, the probe {1000 * own_delay:.0f} ms; on the CPU {1000 * cpu:.0f} ms")
