"""podop's counters, memory and descriptors over the time of the run."""

import collections
import os
import statistics
import threading
import time
from typing import NamedTuple

from control import ask
from ledger import Ledger
from mail import Podop

EVERY_S = 1.0


class Sample(NamedTuple):
    """What was seen at one moment."""

    second: float  # since the beginning
    start: int  # the number of this podop
    rss_kib: int
    descriptors: int
    mails: int  # so far
    lookups: int


class Watch(threading.Thread):
    """Looks at podop once a second."""

    def __init__(self, podop: Podop, ledger: Ledger) -> None:
        super().__init__(name="watch", daemon=True)
        self.podop, self.ledger = podop, ledger
        self.ends = threading.Event()
        self.samples: list[Sample] = []
        self.began = time.monotonic()
        self.lookups: collections.Counter[str] = collections.Counter()
        self._before: dict[tuple[int, str], int] = {}

    def run(self) -> None:
        """Looks until it is told to stop."""
        while not self.ends.wait(EVERY_S):
            self.look()

    def look(self) -> None:
        """Takes one sample; there is none while podop does not run."""
        pid, start = self.podop.pid, self.podop.starts
        try:
            stats = ask(self.podop.control, command="stats")
            descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        except (OSError, ValueError):
            return
        for table in stats["tables"]:
            key = start, table["table"]
            before = self._before.get(key, 0)
            # a table whose settings have changed counts from zero
            self.lookups[key[1]] += table["lookups"] - (before if table["lookups"] >= before else 0)
            self._before[key] = table["lookups"]
        self.samples.append(Sample(time.monotonic() - self.began, start, stats["rss_bytes"] // 1024, descriptors,
                                   self.ledger.counts["mails"], sum(self.lookups.values())))

    def minutes(self) -> list[tuple[int, Sample, Sample]]:
        """Returns each minute with the last sample before it and the last one in it."""
        last: dict[int, Sample] = {int(sample.second / 60): sample for sample in self.samples}
        numbers = sorted(last)
        before = [Sample(0.0, 0, 0, 0, 0, 0), *(last[number] for number in numbers)]
        return [(number, earlier, last[number]) for number, earlier in zip(numbers, before)]

    def thirds(self) -> list[tuple[float, int]]:
        """Returns the mean of the memory in KiB and the median of the descriptors in each third of the last podop's
        time."""
        rows = [sample for sample in self.samples if sample.start == self.samples[-1].start]
        size = max(1, len(rows) // 3)
        parts = [rows[i * size:(i + 1) * size] or rows for i in range(3)]
        return [(statistics.mean(row.rss_kib for row in part), int(statistics.median(row.descriptors for row in part)))
                for part in parts]
