"""json tables with `watch`: the file is read again when it changes."""

import json
import os
import signal

import harness
from dict import DictCase
from harness import conf_file


class Watch(DictCase):
    def put(self, content, name="t.json"):
        """Replaces the file in one step."""
        with open(self.path("new"), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        os.rename(self.path("new"), self.path(name))

    def table(self, name="t", **settings):
        return {"name": name, "type": "json", "param": self.path("t.json"), "watch": True, **settings}

    def start(self, content, *tables):
        self.put(content)
        return self.serve(*(tables or [self.table()]))

    def renewed(self, podop, number=1, table="t"):
        podop.wait_lines(number, f"event=json_renewed table={table}")

    def test_changes(self):
        podop = self.start({"k": "1"})
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK 1")
        self.put({"k": "2", "new": "n"})
        self.renewed(podop)
        self.check_payload(client.ask("t", "k"), "OK 2")
        self.check_payload(client.ask("t", "new"), "OK n")
        self.write("t.json", '{"k": "3"}')
        self.renewed(podop, 2)
        self.check_payload(client.ask("t", "k"), "OK 3")
        self.check_payload(client.ask("t", "new"), "NOTFOUND ")
        self.assertIn("event=json_renewed table=t keys=2", podop.stderr)

    def test_without_watch(self):
        podop = self.start({"k": "1"}, self.table(watch=False), self.table("other"))
        self.put({"k": "2"})
        self.renewed(podop, table="other")
        self.check_payload(self.client().ask("t", "k"), "OK 1")
        self.check_payload(self.client().ask("other", "k"), "OK 2")

    def test_cache_is_dropped(self):
        podop = self.start({"k": "1"}, self.table(cache={"ttl": 1000, "negative_ttl": 1000, "stale": 1000}))
        client = self.client()
        self.check_payload(client.ask("t", "k"), "OK 1")
        self.check_payload(client.ask("t", "new"), "NOTFOUND ")
        self.put({"new": "2"})
        self.renewed(podop)
        self.check_payload(client.ask("t", "k"), "NOTFOUND ")
        self.check_payload(client.ask("t", "new"), "OK 2")

    def test_broken(self):
        """What was read stays in use, and each reason is logged once."""
        podop = self.start({"k": "1"})
        client = self.client()
        for number, (content, reason) in enumerate([
                ('{"k": "2",\n  oh}', "line 2, column 3"), ("[]", "not a JSON object"), ("", "the text is empty"),
                ('{"a": 1, "a": 2}', 'duplicate key')], 1):
            with self.subTest(content=content):
                self.put(content)
                line = podop.wait_lines(number, "event=json_kept table=t")[number - 1]
                self.assertIn(self.path("t.json"), line)
                self.assertIn(reason, line)
                self.check_payload(client.ask("t", "k"), "OK 1")
        os.unlink(self.path("t.json"))
        self.assertIn("No such file", podop.wait_lines(5, "event=json_kept table=t")[4])
        self.put({"k": "2"})
        self.renewed(podop)
        self.check_payload(client.ask("t", "k"), "OK 2")
        self.assertEqual(len(podop.lines("event=json_kept")), 5)

    def test_tables_share_a_file(self):
        podop = self.start({"k": "1"}, self.table("a"), self.table("b"))
        client = self.client()
        for number in (2, 3):
            self.put({"k": str(number)})
            for table in ("a", "b"):
                self.renewed(podop, number - 1, table)
                # a file that has just been written may be read twice, so the line may be of the content before
                harness.wait_until(lambda table=table: client.ask(table, "k") != b"OK %d" % (number - 1), "new answers")
                self.check_payload(client.ask(table, "k"), f"OK {number}")

    def test_iteration_under_way(self):
        """All rows of an iteration are from one version of the file."""
        count = 20_000
        podop = self.start({f"p/{number}": "old" for number in range(count)})
        dovecot = self.dict()
        request = dovecot.iterate("shared/p/", 1)
        while not request.rows:
            dovecot.read()
        self.put({f"p/{number}": "new" for number in range(count)})
        self.renewed(podop)
        dovecot.wait(request)
        self.assertEqual({value for _, value in request.rows}, {b"old"})
        self.assertEqual(len(request.rows), count)
        self.assertEqual({value for _, value in dovecot.rows("shared/p/", 1)}, {b"new"})

    def test_reload_at_the_same_time(self):
        """Whichever reads a version first, the last one counts, and a cached answer is never older."""
        podop = self.start({"k": "0"}, self.table(cache={"ttl": 1000}))
        client = self.client()
        for number in range(1, 8):
            client.ask("t", "k")
            podop.signal(signal.SIGHUP)
            self.put({"k": str(number)})
            podop.wait_lines(number, "event=reload ")
            harness.wait_until(lambda number=number: client.ask("t", "k") == b"OK %d" % number, "the new value")

    def test_watch_begins_and_ends_with_a_reload(self):
        podop = self.start({"k": "1"}, self.table(watch=False))
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=[self.table()]))
        podop.signal(signal.SIGHUP)
        podop.wait_lines(1, "event=reload ")
        self.put({"k": "2"})
        self.renewed(podop)
        self.write("podop.conf", conf_file(listen=[{"socket": self.socket}], tables=[self.table(watch=False),
                                                                                      self.table("other")]))
        podop.signal(signal.SIGHUP)
        podop.wait_lines(2, "event=reload ")
        self.put({"k": "3"})
        self.renewed(podop, table="other")
        self.check_payload(self.client().ask("t", "k"), "OK 2")

    def test_descriptors_and_threads_stay(self):
        """Reloads and changes leave nothing behind."""
        podop = self.start({"k": "0"})
        client = self.client()

        def used():
            return len(os.listdir(f"/proc/{podop.pid}/fd")), len(os.listdir(f"/proc/{podop.pid}/task"))

        def change(number):
            podop.signal(signal.SIGHUP)
            podop.wait_lines(number, "event=reload ")
            self.put({"k": str(number)})
            harness.wait_until(lambda: client.ask("t", "k") == b"OK %d" % number, "the new value")

        change(1)
        self.put({"k": "x"})
        harness.wait_until(lambda: client.ask("t", "k") == b"OK x", "the new value")
        before = used()
        for number in range(2, 8):
            change(number)
        harness.wait_until(lambda: used()[1] <= before[1], "the threads have ended")
        self.assertLessEqual(used()[0], before[0])

    def test_stop_while_a_large_file_is_read(self):
        podop = self.start({"k": "0"})
        self.put({f"user{number}@example.com": "x" * 50 for number in range(200_000)})
        podop.stop()


if __name__ == "__main__":
    harness.main()
