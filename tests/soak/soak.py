"""Runs podop for a long time between real servers that are restarted, and accounts for every mail and every write.

See README.md beside this file. scripts/soak is the usual way to start it.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "blackbox"))

import dovecot  # noqa: E402
import harness  # noqa: E402
import load  # noqa: E402
import mail  # noqa: E402
import soak_service  # noqa: E402
from account import Account  # noqa: E402
from faults import Faults  # noqa: E402
from ledger import Ledger  # noqa: E402
from report import Minutes, report  # noqa: E402
from threads import thread_errors  # noqa: E402
from watch import Watch  # noqa: E402
from web import Web  # noqa: E402

SKIP = 77
RESTARTS_SHARE = 0.4  # of the run, in which podop is stopped and started; after it, one podop is watched
USERS = 24
SETTLE_S = 180  # the longest wait for the queue to become empty at the end


def arguments() -> argparse.Namespace:
    """Returns the options."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description="podop between real servers for a long time")
    parser.add_argument("minutes", type=float, nargs="?", default=10, help="how long (10)")
    parser.add_argument("--mails", type=float, default=10, help="mails a second (10)")
    parser.add_argument("--fault-every", type=float, default=8, help="mean seconds between two faults (8)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"), help="of the faults")
    return parser.parse_args()


def need() -> None:
    """Skips where something is missing."""
    harness.need(os.geteuid() == 0, "root, to run Postfix and Dovecot")
    harness.need(shutil.which("postfix", path="/usr/sbin:/usr/bin"), "Postfix")
    harness.need(dovecot.installed_version(), "Dovecot with IMAP, LMTP and Sieve")
    harness.need(Web.is_installed(), "nginx and gunicorn")


class Run:
    """One run, from its start to its verdict."""

    def __init__(self, options: argparse.Namespace, stack: contextlib.ExitStack) -> None:
        self.options, self.ledger = options, Ledger()
        self.folder = tempfile.mkdtemp(prefix="podop-soak-", dir="/tmp")
        stack.callback(shutil.rmtree, self.folder)
        self.names = mail.users(USERS)
        database = os.path.join(self.folder, "database")
        soak_service.make_database(database, mail.entries(self.names))
        self.web = Web(self.folder, database)
        stack.callback(self.web.stop)
        self.system = mail.MailSystem()
        stack.callback(self.system.stop)
        self.podop = mail.Podop(self.folder, self.system.socket, self.web)
        stack.callback(self.podop.stop)
        self.account = Account(self.ledger, self.system, database, self.names)
        self.watch = Watch(self.podop, self.ledger)
        self.faults = Faults(self.web, self.podop, options.fault_every,
                             time.monotonic() + RESTARTS_SHARE * 60 * options.minutes, options.seed)
        self.clients = self._clients()
        self.minutes = Minutes(self.watch, self.faults)
        stack.callback(self.break_off)

    def _clients(self) -> list[load.Client]:
        port, imap = self.system.postfix.port, self.system.dovecot.imap_port
        half = USERS // 2
        senders = [load.Sender(f"sender{number}", self.ledger, self.options.mails / 4, port, self.names)
                   for number in range(4)]
        return [*senders,
                load.Reader("reader0", self.ledger, 0.7, imap, self.names[:half]),
                load.Reader("reader1", self.ledger, 0.7, imap, self.names[half:]),
                load.Writer("writer0", self.ledger, 4, self.podop.socket, "quota"),
                load.Writer("writer1", self.ledger, 4, self.podop.socket, "meta"),
                load.Writer("writer2", self.ledger, 4, self.podop.socket, "lastlogin")]

    def start(self) -> None:
        """Starts all servers, and then the load."""
        self.web.start()
        self.podop.configure()
        self.podop.start()
        self.system.start()
        for thread in (self.watch, *self.clients, self.faults):
            thread.start()

    def last(self) -> None:
        """Waits until the time is over, or something has failed."""
        end = time.monotonic() + 60 * self.options.minutes
        while time.monotonic() < end and self.faults.failure is None:
            time.sleep(0.2)
            thread_errors.check()
            self.minutes.show()

    def break_off(self) -> None:
        """Ends what still runs after a failure, before the servers are stopped."""
        self.watch.ends.set()
        self.faults.ends.set()
        for client in self.clients:
            client.is_broken_off = True
            client.ends.set()
        for thread in (self.watch, self.faults, *self.clients):
            if thread.is_alive():
                thread.join(harness.GUARD)

    def finish(self) -> None:
        """Ends faults and load, lets all mails arrive, and stops podop, which writes what is pending."""
        self.faults.ends.set()
        self.faults.join()
        for client in self.clients:
            client.ends.set()
        for client in self.clients:
            client.join()
        if self.faults.failure is not None:
            self.ledger.violation(f"the faults ended early: {self.faults.failure!r}")
        self._settle()
        self._last_round()
        self._settle()
        self.watch.ends.set()
        self.watch.join()
        self.watch.look()
        self.minutes.show(is_end=True)
        self.podop.stop()

    def _settle(self) -> None:
        """Waits until Postfix has delivered all that it can."""
        end = time.monotonic() + SETTLE_S
        while self.system.queued() and time.monotonic() < end:
            time.sleep(1)

    def _last_round(self) -> None:
        """Logs each user in once more, and then sends one more mail to each, so that logins and quotas are the latest
        ones. Not at the same time: a Dovecot whose mailbox is opened meanwhile may tell the number of mails before."""
        sender = load.Sender("last", self.ledger, 1, self.system.postfix.port, self.names)
        reader = load.Reader("last", self.ledger, 1, self.system.dovecot.imap_port, self.names)
        for name in self.names:
            reader.visit(name)
        for number, name in enumerate(self.names):
            sender.send(f"<last.{number}@sender.example>", name, {name})
        sender.finish()


def interrupt(_number: int, _frame: object) -> None:
    """Ends the run in good order."""
    raise SystemExit(1)


def main() -> int:
    """Returns the exit status."""
    options = arguments()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        need()
    except unittest.SkipTest as missing:
        print(f"skipped: {missing} is missing")
        return SKIP
    print(f"{options.minutes:g} minutes, {options.mails:g} mails a second, seed {options.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        run = Run(options, stack)
        run.start()
        run.last()
        run.finish()
        run.account.check(run.podop)
        status = report(run.ledger, run.watch, run.faults, run.podop)
    return status  # after everything has ended, and podop's and Dovecot's ends were checked


if __name__ == "__main__":
    sys.exit(main())
