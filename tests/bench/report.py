"""The report of a benchmark: ratios of the measured values, with the required value and the goal of each."""

import statistics

SHAPES = {"16": (16, 1), "64": (64, 1), "256": (256, 1), "16x16": (16, 16)}  # connections, lookups under way on each
BURST = 2000
POOL = 2048
POOL_IDLE_SECONDS = 10


class Report:
    """A table of rows: what, value, its range over the rounds, what is required, whether that is met, the goal."""

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

    def scrape(self):
        runs = self.runs.get("scrape")
        if runs is None:
            return
        scrapes = sum(run["scrapes"]["answers"] for run in runs)
        bad = sum(run["scrapes"]["bad"] for run in runs)
        for field, name, need in ("p99_us", "p99", 1), ("max_us", "longest", None):
            added = [(run[field] - quiet[field]) / 1000
                     for run, quiet in zip(runs, self.runs["scrape none"])]
            self.row(f"flood of scrapes, 1000 tables ({scrapes} answers, {bad} bad): added {name} of a hit",
                     statistics.median(added), min(added), max(added), need=need if scrapes else None,
                     at_most=True, goal=.5 if need else None, unit="ms")

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
                            goal=1450 if is_hit else 9000, at_most=True)
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
