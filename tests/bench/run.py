#!/usr/bin/python3
"""Measures podop against its limits: a server that answers from memory, and wrk asking nginx itself.

Called by scripts/bench; README.md beside this file has the method.
"""

import argparse
import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from report import BURST, POOL, POOL_IDLE_SECONDS, SHAPES, Report

HERE = pathlib.Path(__file__).resolve().parent
GROUPS = ("hits", "misses", "slow", "latency", "reload", "scrape", "instructions", "memory", "start")
KEYS = 10000
HIT_PAIRS = 3
# The cores of podop, the memory server or wrk; of nginx; of the load generator.
LAYOUTS = {"two": (0, 1, 1), "one": (0, 0, 0), "apart": (0, 1, 0)}
IDLE_CLIENTS = 2000
SCRAPED_TABLES = 1000  # each with a backend of its own
SCRAPES = 16           # connections of the flood: as many as podop serves at a time
NGINX_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
ECHO_MODULE = "ngx_http_echo_module.so"
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
    """Ends the program with a message."""
    sys.exit(f"scripts/bench: {why}")


def can_connect(address):
    """Returns True if a server takes connections at the address."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as s:
        return s.connect_ex(address if family == socket.AF_INET else str(address)) == 0


def wait_for(process, address):
    """Waits until a process takes connections; fails if it ends before."""
    for _ in range(1000):
        if can_connect(address):
            return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    fail(f"{process.args[0]} does not answer on {address}")


def reserve_port():
    """Returns a bound socket: no other process gets its port, but nginx, which sets SO_REUSEADDR, may listen."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def find_nginx_modules():
    """Returns the directory of nginx's modules; fails if it does not have the echo module."""
    found = [directory for directory in NGINX_MODULES if os.path.exists(f"{directory}/{ECHO_MODULE}")]
    if not found:
        fail(f"nginx's {ECHO_MODULE} is neither in {' nor in '.join(NGINX_MODULES)}: install nginx and its echo "
             "module (Debian: nginx-light, libnginx-mod-http-echo)")
    return found[0]


def schedstat_us(pid):
    """Returns the CPU time of a process in microseconds."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


def memory_kb(pid):
    """Returns the dirty, resident and proportional memory of a process in kB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB", text, re.M))
    return {"dirty": int(sizes["Private_Dirty"]) + int(sizes["Shared_Dirty"]),
            "rss": int(sizes["Rss"]), "pss": int(sizes["Pss"])}


class Bench:
    """The servers, and the results of each run by its name."""

    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.programs = options.build / "tests/bench"
        self.podop_program = options.podop or options.build / "podop"
        self.port_holder = reserve_port()
        self.port = self.port_holder.getsockname()[1]
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
        self.port_holder.close()

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
        for place, value in ("MODULES", find_nginx_modules()), ("PORT", self.port), ("DIR", self.directory):
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
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, timeout=120,
                              check=False)
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
        """Alternates short runs of both servers, as the machine itself changes from second to second."""
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
        """Runs against a backend that takes 5 ms: on a core of its own, and beside the load generator.

        On its own core it is asked by wrk, or by podop and its load generator, from the other core.
        """
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
        """Measures hits while podop reloads every 100 ms, and while it does not."""
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

    def start_scraped(self):
        """Starts podop with many tables and the HTTP listener. Returns the port of that."""
        holder = reserve_port()
        port = holder.getsockname()[1]
        command = self.podop_command("scraped", POOL)
        conf = command[-1]
        more = "".join(f'  ,{{ name = "table{i:04}"; type = "url"; param = "http://127.0.0.2:{20000 + i}/§"; '
                       'cache = { ttl = 3600; }; }\n' for i in range(SCRAPED_TABLES))
        text = conf.read_text()
        end = text.rindex(");")
        conf.write_text(f'{text[:end]}{more}{text[end:]}http = {{ socket = "127.0.0.1:{port}"; }};\n')
        self.start("scraped", command, self.socket_of("scraped"))
        holder.close()
        return port

    def round_scrape(self):
        """Measures hits one at a time while /metrics is asked for without a pause, and while it is not.

        The flood is on the core of the load generator, and has what that leaves.
        """
        port = self.start_scraped()
        try:
            self.load("scraped", "hit", "--in-turn", "--count", str(KEYS))
            self.keep("scrape none", self.lookups("scraped", "hit", 1))
            with subprocess.Popen(["chrt", "-o", "0", "taskset", "-c", "1", sys.executable,
                                   str(HERE / "scrape.py"), str(port), str(SCRAPES)],
                                  stdout=subprocess.PIPE, text=True) as flood:
                assert flood.stdout
                flood.stdout.readline()  # it has begun
                result = self.lookups("scraped", "hit", 1)
                flood.terminate()
                result["scrapes"] = json.loads(flood.communicate(timeout=60)[0])
            self.keep("scrape", result)
        finally:
            self.stop("scraped")

    def round_start(self):
        command = self.podop_command("start", 64)
        for _ in range(3):
            out = subprocess.run([self.programs / "start", self.socket_of("start"), "miss", "/k/",
                                  *command], check=True, stdout=subprocess.PIPE, timeout=60).stdout
            self.keep("start", json.loads(out))

    # What is measured once

    def instructions(self):
        """Counts podop's user instructions for one lookup: those of a run, less those of a shorter one."""
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
                   *self.podop_command(name, 64), "--set", "sandbox=false"]  # valgrind writes its file at the end
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
        """Measures dirty memory in kB: at start, for an idle client, and after bursts."""
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
            time.sleep(0.5)  # podop may release what the last answers took
            idle = memory_kb(start.pid)
        time.sleep(POOL_IDLE_SECONDS * 1.5 + 1)  # what is measured: memory after the pool's idle timeout
        after = {name: memory_kb(pids[name]) for name in ("burst", "burst64")}
        for name in pids:
            self.stop(name)
        return {
            "start": begin["lean"],
            "per_idle_client_kb": (idle["dirty"] - begin["lean"]["dirty"]) / IDLE_CLIENTS,
            "burst_peak_kb": {n: peak[n]["dirty"] - begin[n]["dirty"] for n in peak},
            "burst_after_kb": {n: after[n]["dirty"] - begin[n]["dirty"] for n in after},
        }


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
    report.scrape()
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


if __name__ == "__main__":
    main()
