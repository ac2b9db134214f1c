#!/usr/bin/python3
"""run.py - measures podop against its limits: the memory server in front of it, wrk asking nginx
behind it. Called by scripts/bench; README.md beside this file has the method."""
import argparse
import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = ("hits", "misses", "slow", "latency", "reload", "instructions", "memory", "start")
KEYS = 10000
HIT_PAIRS = 3
# The cores of podop, the memory server or wrk; of nginx; of the load generator.
LAYOUTS = {"two": (0, 1, 1), "one": (0, 0, 0), "apart": (0, 1, 0)}
SHAPES = {"16": (16, 1), "64": (64, 1), "256": (256, 1), "16x16": (16, 16)}
IDLE_CLIENTS = 2000
BURST = 2000
POOL = 2048
POOL_IDLE_SECONDS = 10
PODOP_CONF = """
log = {{ level = "{level}"; }};
pool = {{ max_connections = {pool}; idle_timeout = {idle}; }};
listen = ( {{ socket = "{socket}"; }} );
tables = (
  {{ name = "hit"; type = "url"; param = "http://127.0.0.1:{port}/k/§"; cache = {{ ttl = 3600; }}; }},
  {{ name = "miss"; type = "url"; param = "http://127.0.0.1:{port}/k/§"; }},
  {{ name = "unix"; type = "url"; param = "http://localhost/k/§"; unix_socket = "{http}"; }},
  {{ name = "slow"; type = "url"; param = "http://127.0.0.1:{port}/slow/§"; }}
);
"""


def fail(why):
    sys.exit(f"scripts/bench: {why}")


def can_connect(address):
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as s:
        return s.connect_ex(address if family == socket.AF_INET else str(address)) == 0


def wait_for(process, address):
    for _ in range(1000):
        if can_connect(address):
            return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    fail(f"{process.args[0]} does not answer on {address}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def schedstat_us(pid):
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


def memory_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB", text, re.M))
    return {"dirty": int(sizes["Private_Dirty"]) + int(sizes["Shared_Dirty"]),
            "rss": int(sizes["Rss"]), "pss": int(sizes["Pss"])}


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.programs = options.build / "tests/bench"
        self.podop_program = options.podop or options.build / "podop"
        self.port = free_port()
        self.processes = {}
        self.runs = {}

    # Servers

    def start(self, name, command, address, **more):
        process = subprocess.Popen([str(part) for part in command], **more)
        self.processes[name] = process
        wait_for(process, address)
        return process

    def stop(self, name):
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self):
        for name in list(self.processes):
            self.stop(name)

    def socket_of(self, name):
        return self.directory / f"{name}.sock"

    def podop_command(self, name, pool, level="warning"):
        conf = self.directory / f"{name}.conf"
        conf.write_text(PODOP_CONF.format(
            level=level, pool=pool, idle=POOL_IDLE_SECONDS, socket=self.socket_of(name),
            port=self.port, http=self.directory / "http.sock"))
        return [self.podop_program, "-c", conf]

    def start_podop(self, name, pool=POOL, level="warning", **more):
        return self.start(name, self.podop_command(name, pool, level), self.socket_of(name), **more)

    def start_nginx(self):
        conf = self.directory / "nginx.conf"
        text = (HERE / "nginx.conf.in").read_text()
        modules = next(path for path in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
                       if os.path.exists(path))
        for place, value in ("MODULES", modules), ("PORT", self.port), ("DIR", self.directory):
            text = text.replace(f"@{place}@", str(value))
        conf.write_text(text)
        self.start("nginx", ["nginx", "-e", "stderr", "-p", f"{self.directory}/", "-c", conf],
                   ("127.0.0.1", self.port))

    def start_all(self):
        self.start_nginx()
        self.start("memory", [self.programs / "memory", self.socket_of("memory"), "/k/"],
                   self.socket_of("memory"))
        self.start_podop("podop")
        self.start_podop("pool64", pool=64)
        self.load("podop", "hit", "--in-turn", "--count", str(KEYS))  # from here on all are hits

    # Runs

    def pin(self, name, core):
        os.sched_setaffinity(self.processes[name].pid, {core})

    def load(self, server, table, *arguments, core=1, prefix="/k/"):
        command = ["taskset", "-c", str(core), self.programs / "load",
                   "--socket", self.socket_of(server), "--table", table, "--value", prefix,
                   "--keys", str(KEYS), "--server", str(self.processes[server].pid), *arguments]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, timeout=120)
        if done.returncode != 0:
            fail(f"the load generator failed: {' '.join(str(part) for part in command)}")
        return json.loads(done.stdout)

    def lookups(self, server, table, connections, in_flight=1, protocol="socketmap", layout="two",
                prefix="/k/", duration=None):
        core, nginx_core, load_core = LAYOUTS[layout]
        self.pin(server, core)
        self.pin("nginx", nginx_core)
        return self.load(server, table, "--protocol", protocol, "--connections", str(connections),
                         "--in-flight", str(in_flight), "--warm-up", "0.2",
                         "--duration", str(duration or self.options.duration), core=load_core,
                         prefix=prefix)

    def wrk(self, connections, layout="two", path="/k/user000001%40bench.example"):
        core, nginx_core, _ = LAYOUTS[layout]
        self.pin("nginx", nginx_core)
        nginx = self.processes["nginx"].pid
        before_us = schedstat_us(nginx)
        seconds = max(1, round(self.options.duration))
        text = subprocess.run(
            ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
             "--latency", f"http://127.0.0.1:{self.port}{path}"],
            check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout
        units = {"us": 1, "ms": 1e3, "s": 1e6}
        quantiles = {share: float(number) * units[unit]
                     for share, number, unit in re.findall(r"(\d+)% +([\d.]+)(us|ms|s)\n", text)}
        requests = int(re.search(r"(\d+) requests in", text)[1])
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        return {"per_second": float(re.search(r"Requests/sec: +([\d.]+)", text)[1]),
                "p50_us": quantiles["50"], "p99_us": quantiles["99"],
                "cpu_us": (schedstat_us(nginx) - before_us) / requests,
                "bad_share": int(bad[1]) / requests if bad else 0.0}

    def keep(self, name, result):
        self.runs.setdefault(name, []).append(result)
        if result.get("bad_share", 0) > 0:
            print(f"  {name}: {100 * result['bad_share']:.2f} % wrong", file=sys.stderr)

    def round_hits(self):
        """Short runs in turn: they differ by less than the machine does from second to second."""
        for protocol, (shape, (connections, in_flight)) in itertools.product(
                ("socketmap", "dict"), SHAPES.items()):
            for _ in range(HIT_PAIRS):
                for server, table in ("memory", "x"), ("podop", "hit"):
                    self.keep(f"{protocol} {shape} {server}",
                              self.lookups(server, table, connections, in_flight, protocol,
                                           duration=self.options.duration / 2))

    def round_misses(self):
        for layout in "two", "one":
            for c in 16, 64:
                name = f"{layout} {c}"
                self.keep(f"{name} wrk", self.wrk(c, layout))
                self.keep(f"{name} miss", self.lookups("podop", "miss", c, layout=layout))
                self.keep(f"{name} unix", self.lookups("podop", "unix", c, layout=layout))
                self.keep(f"{name} memory", self.lookups("memory", "x", c, layout=layout))

    def round_slow(self):
        """The backend has a core of its own, whoever asks: podop and its load generator share the
        other one, as wrk has it. And for comparison with nginx beside the load generator."""
        for c in 64, 256:
            self.keep(f"slow {c} wrk", self.wrk(c, path="/slow/user000001%40bench.example"))
            for name, layout in ("podop", "apart"), ("crowded", "two"):
                self.keep(f"slow {c} {name}",
                          self.lookups("podop", "slow", c, layout=layout, prefix="/slow/"))
        self.keep("slow 256 pool64",
                  self.lookups("pool64", "slow", 256, layout="apart", prefix="/slow/"))

    def round_latency(self):
        self.keep("one 1 wrk", self.wrk(1, "one"))
        for name, server, table in (("memory", "memory", "x"), ("hit", "podop", "hit"),
                                    ("miss", "podop", "miss")):
            self.keep(f"one 1 {name}", self.lookups(server, table, 1, layout="one"))

    def round_reload(self):
        """Hits while podop reloads every 100 ms, and while it does not."""
        log = self.directory / "reload.log"
        with open(log, "w", encoding="utf-8") as stderr:
            podop = self.start_podop("reload", level="info", stderr=stderr)
            try:
                self.load("reload", "hit", "--in-turn", "--count", str(KEYS))
                self.keep("reload none", self.lookups("reload", "hit", 16))
                command = [self.programs / "load", "--socket", self.socket_of("reload"),
                           "--table", "hit", "--keys", str(KEYS), "--duration", "1"]
                with subprocess.Popen(["taskset", "-c", "1", *map(str, command)],
                                      stdout=subprocess.PIPE) as load:
                    time.sleep(0.1)
                    for _ in range(8):
                        podop.send_signal(signal.SIGHUP)
                        time.sleep(0.1)
                    out = load.communicate(timeout=60)[0]
                result = json.loads(out) if load.returncode == 0 else {"lookups": 0, "wrong": 1,
                                                                       "bad_share": 1.0}
            finally:
                self.stop("reload")
        result["reloads"] = len(re.findall(r"event=reload", log.read_text(encoding="utf-8")))
        self.keep("reload", result)

    def round_start(self):
        command = self.podop_command("start", 64)
        for _ in range(3):
            out = subprocess.run([self.programs / "start", self.socket_of("start"), "miss", "/k/",
                                  *command], check=True, stdout=subprocess.PIPE, timeout=60).stdout
            self.keep("start", json.loads(out))

    # What is measured once

    def instructions(self):
        """Of podop, user, for one lookup: those of a run, less those of a shorter one."""
        found = {}
        short, long = 1000, 21000  # few keys, many hits: the misses before them vary by a tenth
        lookups = ("hit", "socketmap"), ("hit", "dict"), ("miss", "socketmap")
        with contextlib.ExitStack() as stack:
            for table, protocol in lookups:
                running = [self.start_valgrind(stack, table, protocol, n) for n in (long, short)]
                more, less = (finish() for finish in running)
                found[f"{table}, {protocol}"] = (more - less) / (
                    (long - short) / (1 if table == "hit" else 4))
        return found

    def start_valgrind(self, stack, table, protocol, count):
        name = f"valgrind-{table}-{protocol}-{count}"
        command = ["valgrind", "--tool=callgrind",
                   f"--callgrind-out-file={self.directory / name}.out",
                   *self.podop_command(name, 64)]
        log = stack.enter_context(open(self.directory / f"{name}.log", "w+", encoding="utf-8"))
        self.start(name, command, self.socket_of(name), stderr=log)
        self.pin(name, 1)  # with the load generator: they take turns, so wake-ups are alike

        def finish():
            every = ["--protocol", protocol, "--keys", "20", "--connections", "16"]
            if table == "hit":
                self.load(name, table, "--in-turn", "--count", "20", *every)
            self.load(name, table, "--count", str(count if table == "hit" else count // 4), *every)
            self.stop(name)
            log.seek(0)
            return int(re.search(r"Collected : (\d+)", log.read())[1])
        return finish

    def memory(self):
        """Dirty kB: at start, for an idle client, and after bursts."""
        start = self.start_podop("lean")
        self.start_podop("burst", pool=POOL)
        self.start_podop("burst64", pool=64)
        pids = {name: self.processes[name].pid for name in ("lean", "burst", "burst64")}
        begin = {name: memory_kb(pid) for name, pid in pids.items()}
        for name in "burst", "burst64":
            self.load(name, "slow", "--connections", str(BURST), "--count", str(5 * BURST),
                      prefix="/slow/")
        peak = {name: memory_kb(pids[name]) for name in ("burst", "burst64")}
        request = b"20:hit user@example.com,"
        with contextlib.ExitStack() as stack:
            clients = []
            for _ in range(IDLE_CLIENTS):
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.connect(str(self.socket_of("lean")))
                s.sendall(request)
                clients.append(s)
            for s in clients:
                s.recv(4096)
            time.sleep(0.5)
            idle = memory_kb(start.pid)
        time.sleep(POOL_IDLE_SECONDS * 1.5 + 1)
        after = {name: memory_kb(pids[name]) for name in ("burst", "burst64")}
        for name in pids:
            self.stop(name)
        return {
            "start": begin["lean"],
            "per_idle_client_kb": (idle["dirty"] - begin["lean"]["dirty"]) / IDLE_CLIENTS,
            "burst_peak_kb": {n: peak[n]["dirty"] - begin[n]["dirty"] for n in peak},
            "burst_after_kb": {n: after[n]["dirty"] - begin[n]["dirty"] for n in after},
        }


class Report:
    """Rows: what, value, how the rounds differ, what is wanted, whether it is met, the goal."""

    def __init__(self, runs):
        self.runs = runs
        self.rows = []

    def row(self, what, value, low, high, need=None, at_most=False, goal=None, unit=""):
        met = None if need is None else (value <= need if at_most else value >= need)
        self.rows.append({"what": what, "value": value, "low": low, "high": high, "need": need,
                          "at_most": at_most, "met": met, "goal": goal, "unit": unit})

    def ratio(self, what, ours, theirs, field, **more):
        if ours not in self.runs or theirs not in self.runs:
            return
        a = [run[field] for run in self.runs[ours]]
        b = [run[field] for run in self.runs[theirs]]
        each = [x / y for x, y in zip(a, b)]
        self.row(what, statistics.median(each), min(each), max(each), **more)

    def all_ratios(self):
        for protocol in "socketmap", "dict":
            for shape in SHAPES:
                pair = f"{protocol} {shape} podop", f"{protocol} {shape} memory"
                is_one = shape != "16x16"
                self.ratio(f"hits / memory server, {protocol}, C={shape}: lookups/s", *pair,
                           "per_second", need=.85 if is_one else .4, goal=.95 if is_one else .6)
                self.ratio(f"hits / memory server, {protocol}, C={shape}: CPU", *pair, "cpu_us",
                           need=1.2 if is_one else None, goal=1.1 if is_one else None,
                           at_most=True)
        for layout, goal in ("two", .48), ("one", .60):
            for c in 16, 64:
                name = f"{layout} {c}"
                cores = "two cores" if layout == "two" else "one core"
                self.ratio(f"misses / wrk, TCP, {cores}, C={c}: lookups/s", f"{name} miss",
                           f"{name} wrk", "per_second", need=.30, goal=goal)
                self.ratio(f"misses / wrk, unix backend, {cores}, C={c}: lookups/s", f"{name} unix",
                           f"{name} wrk", "per_second",
                           goal=(.55 if c == 16 else .65) if layout == "two" else None)
                cpu_goal = {"two 16": 3.6, "one 16": 3.8}.get(name)
                self.ratio(f"misses / memory server, {cores}, C={c}: CPU", f"{name} miss",
                           f"{name} memory", "cpu_us", goal=cpu_goal, at_most=True)
        for c in 64, 256:
            pair = f"slow {c} podop", f"slow {c} wrk"
            self.ratio(f"5 ms backend / wrk, C={c}: lookups/s", *pair, "per_second", need=.98,
                       goal=1.0)
            self.ratio(f"5 ms backend / wrk, C={c}: p50", *pair, "p50_us", need=1.02, goal=1.0,
                       at_most=True)
            self.ratio(f"5 ms backend / wrk, C={c}: p99", *pair, "p99_us",
                       goal=1.1 if c == 64 else None, at_most=True)
            crowded = f"slow {c} crowded", f"slow {c} wrk"
            self.ratio(f"the same, backend beside the load generator, C={c}: lookups/s", *crowded,
                       "per_second")
            self.ratio(f"the same, backend beside the load generator, C={c}: p50", *crowded,
                       "p50_us", at_most=True)
        self.ratio("5 ms backend, pool of 64, C=256 / C=64 without queue: lookups/s",
                   "slow 256 pool64", "slow 64 podop", "per_second")
        self.ratio("5 ms backend, pool of 64, C=256 / wrk at C=64: lookups/s",
                   "slow 256 pool64", "slow 64 wrk", "per_second")
        for name, other, field, goal in (
                ("miss", "wrk", "p50_us", 2.0), ("miss", "memory", "p99_us", 4.2),
                ("hit", "memory", "p99_us", 1.15), ("hit", "memory", "cpu_us", None)):
            self.ratio(f"one core, C=1: {name} / {other}: {field[:-3]}", f"one 1 {name}",
                       f"one 1 {other}", field, goal=goal, at_most=True)

    def reload(self):
        runs = self.runs.get("reload")
        if runs is None:
            return
        reloads = sum(run["reloads"] for run in runs)
        failed = [run["wrong"] for run in runs]
        stall = [run.get("max_us", 0) / 1000 for run in runs]
        quiet = [run["max_us"] / 1000 for run in self.runs["reload none"]]
        self.row(f"reload under load ({reloads} reloads told in the log): lookups failed",
                 max(failed), min(failed), max(failed), need=0 if reloads else None, at_most=True)
        self.row("reload under load: longest stall", statistics.median(stall), min(stall),
                 max(stall), need=20 if reloads else None, at_most=True, goal=3, unit="ms")
        self.row("the same without reload", statistics.median(quiet), min(quiet), max(quiet),
                 unit="ms")

    def start(self):
        took = [run["ms"] for run in self.runs.get("start", [])]
        if took:
            self.row("start to first answer", statistics.median(took), min(took), max(took),
                     need=15, goal=8, at_most=True, unit="ms")

    def wrong(self):
        shares = [run.get("bad_share", 0) for runs in self.runs.values() for run in runs]
        if shares:
            self.row("wrong answers, largest share in any run", max(shares), min(shares),
                     max(shares), need=0, at_most=True)

    def single(self, what, value, **more):
        self.row(what, value, value, value, **more)

    def once(self, singles):
        instructions = singles.get("instructions")
        if instructions:
            for lookup, count in instructions.items():
                is_hit = lookup.startswith("hit")
                self.single(f"user instructions, {lookup}", count, need=2500 if is_hit else None,
                            goal=1600 if is_hit else 9000, at_most=True)
        memory = singles.get("memory")
        if memory:
            self.single("dirty memory at start", memory["start"]["dirty"] / 1024, need=3, goal=1.8,
                        at_most=True, unit="MB")
            self.single("RSS at start", memory["start"]["rss"] / 1024, goal=10.7, at_most=True,
                        unit="MB")
            self.single("dirty memory per idle client", memory["per_idle_client_kb"], need=1,
                        goal=.25, at_most=True, unit="kB")
            for name, text in ("burst", f"pool {POOL}"), ("burst64", "pool 64"):
                self.single(f"dirty memory when a burst of {BURST} has just ended, over start, "
                            f"{text}", memory["burst_peak_kb"][name] / 1024, unit="MB")
                self.single(f"the same, {POOL_IDLE_SECONDS * 1.5:.0f} s later (pool idle timeout "
                            f"{POOL_IDLE_SECONDS} s)", memory["burst_after_kb"][name] / 1024,
                            need=4, goal=2, at_most=True, unit="MB")

    def print(self):
        def number(value, sign=""):
            return "" if value is None else sign + f"{value:.4g}"
        print(f"{'':80} {'value':>9} {'rounds':>17} {'wanted':>9} {'':5} {'goal':>8}")
        for r in self.rows:
            sign = "<=" if r["at_most"] else ">="
            met = {None: "", True: "met", False: "MISS"}[r["met"]]
            spread = f"{r['low']:.4g} - {r['high']:.4g}" if r["low"] != r["high"] else ""
            what = r["what"] + (f" [{r['unit']}]" if r["unit"] else "")
            print(f"{what:80} {number(r['value']):>9} {spread:>17} {number(r['need'], sign):>9} "
                  f"{met:5} {number(r['goal'], sign):>8}")

    def print_context(self):
        print(f"\n{'medians (absolute: context only)':36} {'/s':>9} {'p50 us':>9} {'p99 us':>9} "
              f"{'CPU us':>8}")
        for name, runs in self.runs.items():
            if not all("per_second" in run for run in runs):
                continue
            middle = {field: statistics.median(run[field] for run in runs)
                      for field in ("per_second", "p50_us", "p99_us", "cpu_us")}
            print(f"{name:36} {middle['per_second']:9.0f} {middle['p50_us']:9.0f} "
                  f"{middle['p99_us']:9.0f} {middle['cpu_us']:8.2f}")


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split(".")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--podop", type=pathlib.Path, help="measure this program instead")
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("-d", "--duration", type=float, default=0.8, help="seconds of each run")
    parser.add_argument("-o", "--only", default=",".join(GROUPS),
                        help="some of " + ",".join(GROUPS))
    parser.add_argument("-j", "--json", type=pathlib.Path, help="write to this file "
                        "(default: results.json in the build directory)")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if not set(options.only) <= set(GROUPS) or options.rounds < 1:
        parser.error("--only names groups, and there is at least one round")
    return options


def measure(bench, options):
    singles = {}
    bench.start_all()
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for group in options.only:
            if hasattr(bench, f"round_{group}"):
                getattr(bench, f"round_{group}")()
    for group, take in (("instructions", bench.instructions), ("memory", bench.memory)):
        if group in options.only:
            print(group, file=sys.stderr)
            singles[group] = take()
    return singles


def main():
    options = parse_options()
    if len(os.sched_getaffinity(0) & {0, 1}) < 2:
        fail("cores 0 and 1 are needed")
    os.environ["PATH"] += ":/usr/sbin"
    begin, load_before = time.monotonic(), os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="podop-bench-") as directory:
        bench = Bench(options, pathlib.Path(directory))
        try:
            singles = measure(bench, options)
        finally:
            bench.stop_all()
    report = Report(bench.runs)
    report.all_ratios()
    report.reload()
    report.start()
    report.wrong()
    report.once(singles)
    report.print()
    report.print_context()
    path = options.json or options.build / "results.json"
    path.write_text(json.dumps({"rows": report.rows, "runs": bench.runs, "singles": singles,
                                "load_average_before": load_before}, indent=1) + "\n")
    print(f"\n{time.monotonic() - begin:.0f} s; load average before: {load_before[0]:.1f}; "
          f"all of it as JSON: {path}")


main()
