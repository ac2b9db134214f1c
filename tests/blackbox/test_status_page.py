"""The status page in a browser: what it shows, live and without JavaScript, and that everyone can use it."""

import math
import os
import random
import signal
import unittest

import harness
from basics import wait_until
from browser import Browser, axe_source
from control_case import DOWN, FAILURES
from harness import echo, http, url_table
from status_case import StatusCase

BACKSPACE, ENTER = "\ue003", "\ue007"  # of WebDriver
EVIL = "<img/src=x/onerror=document.title='evil'>"


class PageCase(StatusCase):
    def open(self, **options) -> Browser:
        """Opens the page in a new browser, and waits until its script shows it."""
        browser = Browser(**options)
        self.addCleanup(browser.close)
        browser.driver.get(self.url)
        if options.get("scripts", True):
            self.wait(lambda: browser.text("#fresh") == "Live", "the page is live")
        return browser

    def wait(self, fact, what):
        """Waits for a fact of a page: it asks podop every two seconds."""
        wait_until(fact, what)

    def fail_backend(self, table="t"):
        """Has every URL of the table suspended."""
        client = self.client()
        for i in range(FAILURES):
            client.ask(table, f"k{i}")

    def check_own(self, browser):
        """Fails if the page asked another server, or if its policy forbade something."""
        asked = [url for url in browser.requests() if not url.startswith(("data:", self.url))]
        self.assertEqual(asked, [])
        self.assertEqual([message for message in browser.console() if "favicon" not in message], [])


class Live(PageCase):
    def test_healthy(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}), url_table(self.http, EVIL))
        self.http.on("/miss", http(status=404))
        client = self.client()
        for key in ("a", "a", "a", "miss"):
            client.ask("t", key)
        browser = self.open()
        self.check_own(browser)
        self.assertEqual((browser.text("h1"), browser.driver.title), ("Everything works", "podop"))
        rows = browser.rows("table-list")
        self.assertEqual([row[0] for row in rows], ["t url", EVIL + " url"])
        self.assertEqual((rows[0][1], rows[0][4], rows[0][7:10]), ("ok", "0 %", ["75 %", "25 %", "50 %"]))
        self.assertEqual((rows[1][1], rows[1][4]), ("idle", "\u2013"))
        self.assertEqual(browser.run("return document.querySelectorAll('img, a[href^=\"javascript\"]').length"), 0)
        self.assertEqual(browser.rows("backend-list")[0][:2], [self.http.url, "up"])
        self.assertIn([self.socket, "auto", "1 of 4 096", "1", "0"], browser.rows("listener-list"))
        client.ask("t", "b")
        client.ask(EVIL, "b")
        self.wait(lambda: browser.rows("table-list")[0][7:9] == ["80 %", "20 %"], "the page shows another lookup")
        self.wait(lambda: [row[1] for row in browser.rows("table-list")] == ["ok", "ok"], "the other table is used")
        self.check_own(browser)

    def test_outage_and_failed_reload(self):
        podop = self.start(url_table(self.http, timeout="200ms"), url_table(self.http, "fine"))
        browser = self.open()
        self.http.stop()
        self.fail_backend()
        self.wait(lambda: browser.text("h1") == "Not ready: table 't' has no backend", "the page shows the outage")
        self.assertEqual(browser.driver.title, "(2) podop")
        self.assertEqual(browser.rows("table-list")[0][:2], ["t url", "down"])
        self.assertIn("since", browser.rows("backend-list")[0][-1])
        self.assertIn("backend failed", [row[1] for row in browser.rows("warning-list")])
        self.write("podop.conf", "tabels = ( );\n")
        podop.signal(signal.SIGHUP)
        self.wait(lambda: "unknown setting 'tabels'" in browser.text("#reload"), "the page shows the fault")
        self.assertRegex(browser.text("#reload-text"), "^failed at ")
        self.assertEqual(browser.driver.title, "(3) podop")
        self.assertEqual(browser.run("return document.getElementById('state').dataset.level"), "error")
        self.check_own(browser)

    def test_podop_goes_away_and_comes_back(self):
        podop = self.start()
        browser = self.open()
        self.assertFalse(browser.run("return document.getElementById('gone').checkVisibility()"))
        podop.stop()
        self.wait(lambda: browser.run("return document.getElementById('gone').checkVisibility()"), "the page says so")
        self.assertRegex(browser.text("#gone"), r"podop does not answer since \d\d:\d\d:\d\d\.")
        self.assertRegex(browser.text("#fresh"), r"^no answer for \d+ s$")
        self.assertIn("does not answer", browser.driver.title)
        self.start()
        self.wait(lambda: browser.text("#fresh") == "Live", "the page is live again")
        self.assertFalse(browser.run("return document.getElementById('gone').checkVisibility()"))
        self.assertEqual(browser.driver.title, "podop")

    def test_podop_that_hangs(self):
        podop = self.start()
        browser = self.open()
        podop.freeze()
        self.addCleanup(podop.signal, signal.SIGCONT)
        self.wait(lambda: browser.run("return document.getElementById('gone').checkVisibility()"), "the page says so")
        podop.signal(signal.SIGCONT)
        self.wait(lambda: browser.text("#fresh") == "Live", "the page is live again")

    def test_pause(self):
        self.start()
        browser = self.open()
        browser.driver.find_element("id", "pause").click()
        self.wait(lambda: browser.text("#fresh") == "Paused", "the page pauses")
        self.client().ask("t", "k")
        browser.driver.find_element("id", "pause").click()
        self.wait(lambda: browser.rows("table-list")[0][1] == "ok", "the page goes on")


class Many(PageCase):
    def test_200_tables(self):
        self.http.on("/t150/down", DOWN)
        self.start(*(url_table(self.http, f"t{i}", f"/t{i}/§") for i in range(200)))
        client = self.client()
        client.ask("t150", "down")
        for key in ("a", "b", "c"):
            client.ask("t7", key)
        browser = self.open()
        rows = browser.rows("table-list")
        self.assertEqual((len(rows), rows[0][:2], rows[1][:2]), (200, ["t150 url", "failing"], ["t7 url", "ok"]))
        field = browser.driver.find_element("id", "filter")
        field.send_keys("T15")
        self.assertEqual({row[0] for row in browser.rows("table-list")},
                         {"t15 url", *(f"t15{i} url" for i in range(10))})
        self.assertEqual(browser.text("#tables-count"), "11 of 200")
        field.send_keys(*3 * [BACKSPACE], "none such")
        self.assertEqual(browser.rows("table-list"), [["No table matches."]])
        field.send_keys(*9 * [BACKSPACE])
        browser.driver.find_element("id", "only").click()
        self.assertEqual([row[0] for row in browser.rows("table-list")], ["t150 url"])
        browser.driver.find_element("id", "only").click()
        head = "#table-list th[data-sort=name]"
        browser.driver.find_element("css selector", head + " button").send_keys(ENTER)
        self.assertEqual([row[0] for row in browser.rows("table-list")][:3], ["t0 url", "t1 url", "t10 url"])
        self.assertEqual(browser.run("return document.querySelector(arguments[0]).ariaSort", head), "ascending")
        browser.driver.find_element("css selector", head + " button").send_keys(" ")
        self.assertEqual(browser.rows("table-list")[0][0], "t99 url")
        self.assertEqual(browser.run("return document.activeElement.parentNode.dataset.sort"), "name")
        browser.driver.find_element("css selector", "#table-list th[data-sort=hour] button").click()
        self.assertEqual(browser.rows("table-list")[0][0], "t7 url")


class NoScripts(PageCase):
    def test_same_numbers(self):
        self.http.on("/down", DOWN)
        podop = self.start(url_table(self.http, cache={"ttl": "1h"}), url_table(self.http, EVIL))
        client = self.client()
        for key in ("a", "a", "a", "down"):
            client.ask("t", key)
        self.write("podop.conf", "tabels = ( );\n")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed")
        wait_until(lambda: self.status()["reload"]["failed"], "the reload has failed")
        plain, live = self.open(scripts=False), self.open()
        self.check_own(plain)
        self.assertIn("Reload", plain.text("header"))
        for selector in ("h1", "#faults", "#figures div:nth-child(2)"):
            self.assertEqual(plain.text(selector), live.text(selector))
        rows = {row[0]: row for row in plain.rows("table-list")}
        for row in live.rows("table-list"):
            self.assertEqual((rows[row[0]][1], rows[row[0]][4:]), (row[1], row[4:]))
        for table in ("backend-list", "listener-list"):
            self.assertEqual([row[:2] for row in plain.rows(table)], [row[:2] for row in live.rows(table)])
        warnings = [[row[1:] for row in browser.rows("warning-list")] for browser in (plain, live)]
        self.assertEqual(warnings[0], warnings[1])


class Access(PageCase):
    """What axe-core finds, and what does not fit a small screen."""

    def setUp(self):
        super().setUp()
        self.axe = axe_source()

    def check_page(self, browser):
        for width in (2560, 768, 360):
            browser.resize(width)
            self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), width)
            if width != 768:
                self.assertEqual(browser.axe(self.axe), [])

    def test_healthy(self):
        self.start(url_table(self.http, cache={"ttl": "1h"}))
        self.client().ask("t", "k")
        for dark in (False, True):
            with self.subTest(dark=dark):
                self.check_page(self.open(dark=dark))

    def test_broken(self):
        podop = self.start(url_table(self.http, timeout="200ms"),
                           url_table(self.http, "a-table-with-a-long-name-that-does-not-fit-a-small-screen" * 2),
                           url_table(self.http, "behind", write_behind="1h"))
        self.http.stop()
        self.fail_backend()
        self.write("podop.conf", "tabels = ( );\n")
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload_failed")
        browsers = [self.open(dark=dark) for dark in (False, True)]
        for dark, browser in enumerate(browsers):
            with self.subTest(dark=dark):
                self.check_page(browser)
        podop.stop()
        for dark, browser in enumerate(browsers):
            with self.subTest(dark=dark, gone=True):
                self.wait(lambda b=browser: b.run("return document.body.classList.contains('is-gone')"), "it is gone")
                self.check_page(browser)


class Picture(PageCase):
    """The picture of the README. With PODOP_PICTURE=docs/status-page.png it is made again."""

    def test_picture(self):
        dice = random.Random(7)
        self.hold_clock()

        def slowly(request):
            """Answers after a time that passes for podop alone."""
            self.clock.grant(max(0.0005, dice.lognormvariate(-5.8, 0.8)))
            return echo(request)

        self.http = self.backend(default=slowly)
        second = self.backend(default=slowly)
        self.start(url_table(self.http, "alias", "/alias/§", cache={"ttl": "5m"}),
                   url_table(self.http, "mailbox", "/mailbox/§", cache={"ttl": "2m"}),
                   url_table(second, "auth", "/auth/§"),
                   url_table(second, "quota", "/quota/§", write_behind="1h"))
        client = self.client()
        self.http.on("/alias/none", http(status=404))
        self.http.on("/mailbox/none", http(status=404))
        for minute in range(58):
            is_down = 40 <= minute < 43
            second.on("/auth/alice", DOWN if is_down else http('"{PLAIN}x"'))
            for table, mean in (("alias", 24), ("mailbox", 40), ("auth", 12), ("quota", 5)):
                for _ in range(max(0, round(dice.gauss(mean + mean * math.sin(minute / 9) / 2, mean / 6)))):
                    keys = ("alice", "alice", "bob", f"user{dice.randrange(60)}", "none")
                    client.ask(table, "alice" if is_down and table == "auth" else dice.choice(keys))
            self.clock.advance(60)
        for i in range(7):
            self.dict(name="quota").change(("set", f"shared/u{i}", "1"))
        client.ask("auth", "bob")
        browser = self.open(width=1280, height=727)
        self.assertEqual(browser.text("h1"), "Everything works")
        self.assertRegex(browser.run("return document.querySelector('.spark .all').getAttribute('d')"), "^M.*L.*L")
        self.assertEqual(len(browser.run("return [...document.querySelectorAll('rect.outage')]")), 1)
        browser.run("document.documentElement.style.overflow = 'hidden'")  # no scroll bar
        picture = browser.screenshot()
        self.assertEqual(picture[:8], b"\x89PNG\r\n\x1a\n")
        if os.environ.get("PODOP_PICTURE"):
            with open(os.environ["PODOP_PICTURE"], "wb") as file:
                file.write(picture)


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    harness.main()
