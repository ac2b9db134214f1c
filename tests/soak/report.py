"""What a run prints at its end, and its exit status."""

from faults import Faults
from ledger import Ledger
from mail import Podop
from watch import Watch

JUDGED_MINUTES = 4  # of the last podop, below which its growth says nothing
GROWTH_SHARE, GROWTH_KIB = 0.05, 1024  # from the second third of its time to the last one
GROWTH_DESCRIPTORS = 8


class Minutes:
    """The table of the minutes, which is printed while they pass."""

    def __init__(self, watch: Watch, faults: Faults) -> None:
        self.watch, self.faults = watch, faults
        self.shown = 0
        print("minute  mails  lookups  faults  rss KiB  descriptors  podop", flush=True)

    def show(self, is_end: bool = False) -> None:
        """Prints the minutes that are over; at the end, also the last one."""
        rows = self.watch.minutes()
        for minute, before, last in rows[self.shown:len(rows) if is_end else -1]:
            print(f"{minute:6} {last.mails - before.mails:6} {last.lookups - before.lookups:8} "
                  f"{self.faults.minutes[minute]:7} {last.rss_kib:8} {last.descriptors:12} {last.start:6}", flush=True)
            self.shown += 1


def judge_growth(watch: Watch, ledger: Ledger) -> None:
    """Compares the thirds of the time of the last podop."""
    thirds = watch.thirds()
    lasted = [sample.second for sample in watch.samples if sample.start == watch.samples[-1].start]
    print(f"\nthirds of the last podop's {(lasted[-1] - lasted[0]) / 60:.1f} minutes: memory "
          + ", ".join(f"{memory:.0f}" for memory, _ in thirds) + " KiB, descriptors "
          + ", ".join(str(number) for _, number in thirds))
    (before, some), (after, more) = thirds[1:]
    if lasted[-1] - lasted[0] < 60 * JUDGED_MINUTES:
        return
    if after > before * (1 + GROWTH_SHARE) + GROWTH_KIB:
        ledger.violation(f"memory grows: {before:.0f} KiB, then {after:.0f} KiB")
    if more > some + GROWTH_DESCRIPTORS:
        ledger.violation(f"descriptors grow: {some}, then {more}")


def report(ledger: Ledger, watch: Watch, faults: Faults, podop: Podop) -> int:
    """Prints all but the minutes. Returns the exit status."""
    judge_growth(watch, ledger)
    print("\nlookups: " + ", ".join(f"{table} {number}" for table, number in sorted(watch.lookups.items())))
    print("faults: " + ", ".join(f"{name} {number}" for name, number in sorted(faults.counts.items())))
    print(f"podop: started {podop.starts} times; its log: "
          + ", ".join(f"{event} {number}" for event, number in podop.events.most_common(12)))
    for what, number in sorted(ledger.counts.items()):
        print(f"  {number:8} {what}")
    for text in ledger.violations:
        print("VIOLATION:", text)
    lost = sum(ledger.counts[what] for what in ("mails lost", "mails bounced", "writes lost", "last values lost"))
    print(f"{ledger.counts['mails']} mails, {sum(watch.lookups.values())} lookups, {faults.counts.total()} faults, "
          f"lost {lost}, {len(ledger.violations)} violations")
    return 1 if ledger.violations else 0
