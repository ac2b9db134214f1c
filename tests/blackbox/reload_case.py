"""The base of tests of a reload."""

import signal

import harness
from dict import DictCase
from harness import conf_file, echo, url_table


class Reload(DictCase):
    def setUp(self):
        super().setUp()
        self.http = self.backend(default=echo)

    def configure(self, *tables, listen=None, **settings):
        """Writes podop.conf, which a running podop reads at reload()."""
        return self.write("podop.conf", conf_file(
            listen=listen or [{"socket": self.socket}], tables=list(tables) or [url_table(self.http)], **settings))

    def start(self, *tables, args=(), **settings):
        podop = self.podop("-c", self.configure(*tables, **settings), *args)
        podop.reloads = 0
        return podop

    def reload(self, podop):
        """Sends SIGHUP and waits until podop has reloaded."""
        podop.reloads += 1
        podop.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.told(podop, "event=reload ")) == podop.reloads, "a reload")

    def fail_to_reload(self, podop):
        """Sends SIGHUP and returns the faults that were logged."""
        before = len(self.told(podop, "event=reload_failed "))
        podop.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.told(podop, "event=reload_failed ")) > before, "a failed reload")
        return self.told(podop, "event=reload_failed ")[before:]

    @staticmethod
    def told(podop, what):
        return [line for line in list(podop.log) if what in line]

    def ask(self, client, key, answer, table="t"):
        self.check_payload(client.ask(table, key), answer)
