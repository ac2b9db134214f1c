"""The base of tests of a reload."""

import signal

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
        self.reloads = 0
        return self.podop("-c", self.configure(*tables, **settings), *args)

    def reload(self, podop):
        """Sends SIGHUP and waits until podop has reloaded."""
        self.reloads += 1
        podop.signal(signal.SIGHUP)
        podop.wait_lines(self.reloads, "event=reload ")

    def fail_to_reload(self, podop):
        """Sends SIGHUP and returns the faults that were logged."""
        before = len(podop.lines("event=reload_failed "))
        podop.signal(signal.SIGHUP)
        return podop.wait_lines(before + 1, "event=reload_failed ")[before:]

    def ask(self, client, key, answer, table="t"):
        self.check_payload(client.ask(table, key), answer)
