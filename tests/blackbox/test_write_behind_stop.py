"""At a stop, pending writes are tried until shutdown_timeout is over."""

import signal

import harness
from harness import CLOSE, http
from pending import WriteBehindCase


class Stop(WriteBehindCase):
    def test_some_fail_once(self):
        failed = set()

        def answer(request):
            if request.method == "POST" and request.target.endswith(b"7") and request.target not in failed:
                failed.add(request.target)
                return http(status=500)
            return self.store(request)
        self.http.default = answer
        self.start()
        self.write_keys(200)
        self.server.stop()
        self.assertEqual(len(failed), 20)
        self.check_all(200)
        self.assertEqual(self.logged("write_lost"), [])

    def test_each_fails_in_its_own_way_first(self):
        ways = [http(status=500), http(status=503), (CLOSE,), http(status=429), http(status=401)]
        failed = {}

        def answer(request):
            times = failed[request.target] = failed.get(request.target, 0) + 1
            return self.store(request) if times > 2 else ways[int(request.target[4:]) % len(ways)]
        self.http.default = answer
        self.start(self.table(temporary=["4xx"]))
        self.write_keys(25)
        self.server.stop()
        self.check_all(25)
        self.assertEqual(self.logged("write_lost"), [])

    def test_url_is_suspended_and_back(self):
        self.start(self.table(timeout="1s"))  # as long as each refused lookup waits
        self.write_keys(100)
        self.go_down()
        self.suspend()
        self.come_back()
        self.server.stop()
        self.check_all(100)
        self.assertEqual(self.logged("write_lost"), [])

    def test_backend_comes_back_while_podop_stops(self):
        self.start(self.table(timeout="1s"))
        self.write_keys(100)
        self.go_down()
        self.suspend()
        self.server.signal(signal.SIGTERM)
        self.server.wait_log("event=stopping ")
        self.assertTrue(self.server.is_running)
        self.come_back()
        self.assertEqual(self.server.wait(), 0)
        self.check_all(100)
        self.assertEqual(self.logged("write_lost"), [])

    def test_second_url_has_it(self):
        second = self.backend(default=self.store)
        table = self.table()
        table["param"] = [table["param"], second.url + "/§"]
        self.start(table)
        self.write_keys(20)
        self.go_down()
        self.check_payload(self.client().ask("t", "x"), "NOTFOUND ")
        self.server.stop()
        self.check_all(20)

    def test_backend_stays_away(self):
        """Lost writes are counted and logged with the reason."""
        self.start(shutdown_timeout="300ms")
        self.write_keys(30)
        self.go_down()
        self.server.stop()
        lost = self.logged("write_lost")
        self.assertEqual(len(lost), 1, lost)
        self.assertIn(" table=t writes=30 reason=", lost[0])

    def test_one_key_fails_for_good(self):
        """It affects no other key, and is tried until the time is over."""
        self.http.default = lambda request: http(status=500) if request.target == b"/key3" else self.store(request)
        self.start(shutdown_timeout="1s")
        self.write_keys(50)
        self.server.stop()
        self.assertEqual(len(self.store.values), 49)
        self.assertGreater(len(self.posts("/key3")), 1)
        lost = self.logged("write_lost")
        self.assertEqual(len(lost), 1, lost)
        self.assertIn(" writes=1 ", lost[0])

    def test_only_permanent_failures_end_it_early(self):
        """podop does not wait for shutdown_timeout when only such writes are left."""
        self.http.default = lambda request: http(status=422) if request.target == b"/key3" else self.store(request)
        self.start(shutdown_timeout="1h")
        self.write_keys(10)
        self.server.stop()
        self.assertEqual(len(self.store.values), 9)
        lost = self.logged("write_lost")
        self.assertEqual(len(lost), 1, lost)
        self.assertIn(" writes=1 ", lost[0])
        self.assertIn("422", lost[0])

    def test_more_than_a_turn_of_the_loop(self):
        """Thousands of writes, on few connections."""
        self.start(pool={"max_connections": 2, "max_waiting": 4}, shutdown_timeout="1m")
        self.check_payload(self.dovecot.change(*(("set", f"shared/key{key}", str(key)) for key in range(3000))), "O")
        self.server.stop()
        self.check_all(3000)
        self.assertEqual(self.logged("write_lost"), [])

    def test_newest_value(self):
        """A write under way at the stop is followed by a newer one."""
        gate = self.http.gate()
        self.start(self.table(write_behind="1ms"))
        self.http.on("/k", (gate, http(status=204)),
                     (lambda: self.store.values.update({b"/k": b"2"}) or http(status=204),))
        self.check_payload(self.dovecot.change(("set", "shared/k", "1")), "O")
        self.http.wait_target("/k")
        self.check_payload(self.dovecot.change(("set", "shared/k", "2")), "O")
        self.server.signal(signal.SIGTERM)
        self.server.wait_log("event=stopping ")
        gate.set()
        self.assertEqual(self.server.wait(), 0)
        self.assertEqual(self.posts("/k"), [b"1", b"2"])


if __name__ == "__main__":
    harness.main()
