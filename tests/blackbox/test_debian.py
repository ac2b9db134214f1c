"""The chroots of the tests: where they come from, that each is made once, and when one goes. Nothing is downloaded."""

import contextlib
import fcntl
import io
import os
import re
import shutil
import unittest
from unittest import mock

import debian
import harness

DAY = 86400


class Mirror(harness.Case):
    def mirror(self, *lines, release="trixie"):
        """Returns what is found when apt has these index files: origin, codename, release, component and URL."""
        self.write("apt-get", "#!/bin/sh\ncat <<'END'\n" + "".join(line + "\n" for line in lines) + "END\n")
        os.chmod(self.path("apt-get"), 0o755)
        with mock.patch.dict(os.environ, PATH=self.dir + ":" + os.environ["PATH"]), \
                mock.patch.object(debian, "codename", lambda: release):
            return debian.mirror()

    def test_mirror(self):
        listed = self.write("mirrors", "# ours\nhttp://a.example/debian/ priority:1\nhttp://b.example/debian/\n")
        for lines, expected in (
                (["Debian|trixie|trixie|main|http://m.example/debian/"], "http://m.example/debian/"),
                (["Debian|trixie|stable|main|http://m.example/debian/"], "http://m.example/debian/"),
                (["||trixie|main|http://m.example/debian/"], "http://m.example/debian/"),
                (["Debian|trixie-security|trixie-security|main|http://s.example/",
                  "Else|trixie|trixie|main|http://e.example/", "Debian|trixie|trixie|contrib|http://c.example/",
                  "Debian|trixie|trixie|main|http://m.example/"],
                 "http://m.example/"),
                (["Debian|bookworm|bookworm|main|http://m.example/debian/"], ""),
                ([f"Debian|trixie|trixie|main|mirror+file:{listed}/"], "http://a.example/debian/"),
                ([], "")):
            with self.subTest(lines=lines):
                self.assertEqual(self.mirror(*lines), expected)

    def test_not_debian(self):
        self.assertEqual(self.mirror("||x|main|http://m.example/", release=""), "")


class Chroots(harness.Case):
    def setUp(self):
        super().setUp()
        self.built = []
        self.failure = None
        for name, value in (("CACHE", self.dir), ("held", {}), ("build_chroot", self.build)):
            patch = mock.patch.object(debian, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        for owner, name, value in ((os, "geteuid", lambda: 0), (shutil, "which", lambda *_, **__: "/x")):
            patch = mock.patch.object(owner, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.addCleanup(self.let_go)

    def let_go(self):
        """As the end of the process does."""
        for lock in debian.held.values():
            os.close(lock)
        debian.held.clear()

    def build(self, suite, packages, place):
        if self.failure:
            raise self.failure
        self.built.append(os.path.basename(place))
        os.mkdir(place)

    def made_before(self, place, seconds):
        """Lets a chroot be one that was last used so many seconds ago."""
        when = os.stat(place + ".lock").st_mtime - seconds
        os.utime(place + ".lock", (when, when))

    def test_made_once_for_each_list(self):
        first = debian.chroot("trixie", ["a", "b"])
        self.assertEqual(debian.chroot("trixie", ["b", "a"]), first)
        self.assertNotEqual(debian.chroot("trixie", ["a"]), first)
        self.assertNotEqual(debian.chroot("bookworm", ["a", "b"]), first)
        self.assertRegex(debian.chroot("trixie", ["a", "b"], "other"), "/other-[0-9a-f]{8}$")
        self.assertRegex(debian.chroot("trixie"), "/trixie-minimal-[0-9a-f]{8}$")
        self.assertEqual(len(self.built), 5)

    def test_one_of_an_old_list_goes_when_nobody_uses_it(self):
        unused, used, recent, other = (debian.chroot("trixie", [name], "n") for name in "abcd")
        self.let_go()
        for place in (unused, used):
            self.made_before(place, 2 * DAY)
        lock = debian.open_lock(used + ".lock", fcntl.LOCK_SH)
        self.addCleanup(os.close, lock)
        elsewhere = debian.chroot("trixie", ["a"], "n-minimal")
        self.let_go()
        self.made_before(elsewhere, 2 * DAY)
        debian.chroot("trixie", ["new"], "n")
        there = [place for place in (unused, used, recent, other, elsewhere) if os.path.exists(place)]
        self.assertEqual(there, [used, recent, other, elsewhere])
        self.assertFalse(os.path.exists(unused + ".lock"))

    def test_used_until_the_process_ends(self):
        place = debian.chroot("trixie", ["a"])
        with self.assertRaises(BlockingIOError):
            os.close(debian.open_lock(place + ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB))
        self.let_go()
        os.close(debian.open_lock(place + ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB))

    def test_used_by_two(self):
        """By another process, or by a test that has executed itself anew: neither waits for the other."""
        place = debian.chroot("trixie", ["a"])
        first = debian.held.pop(place)
        self.addCleanup(os.close, first)

        def refuse_to_wait(number, how):
            flock(number, how | fcntl.LOCK_NB)

        flock = fcntl.flock
        with mock.patch.object(fcntl, "flock", refuse_to_wait):
            self.assertEqual(debian.chroot("trixie", ["a"]), place)
        self.assertEqual(len(self.built), 1)

    def test_removed_by_hand(self):
        place = debian.chroot("trixie", ["a"])
        os.rmdir(place)
        self.assertEqual(debian.chroot("trixie", ["a"]), place)
        self.assertTrue(os.path.isdir(place))

    def test_that_cannot_be_made(self):
        self.failure = AssertionError("no network")
        with mock.patch.dict(os.environ, CI="true"), self.assertRaisesRegex(AssertionError, "no network"):
            debian.chroot("trixie", ["a"])
        with mock.patch.dict(os.environ, CI="false"), self.assertRaisesRegex(unittest.SkipTest, "no network"):
            debian.chroot("trixie", ["a"])
        self.failure = None
        self.assertTrue(os.path.isdir(debian.chroot("trixie", ["a"])))

    def test_peers_of_the_other_release(self):
        with mock.patch.dict(os.environ):
            os.environ.pop(debian.ONLY_INSTALLED, None)
            self.assertTrue(os.path.isdir(debian.with_peers("trixie")))
            os.environ[debian.ONLY_INSTALLED] = "1"
            with self.assertRaises(unittest.SkipTest):
                debian.with_peers("trixie")


class Half(harness.Case):
    def test_nothing_stays_of_one_that_failed(self):
        """Neither of this run, nor of one that was killed."""
        place = self.path("trixie-x")
        os.mkdir(place + ".half")
        with mock.patch.object(debian, "bootstrap", side_effect=KeyboardInterrupt), \
                contextlib.redirect_stderr(io.StringIO()), self.assertRaises(KeyboardInterrupt):
            debian.build_chroot("trixie", [], place)
        self.assertEqual(os.listdir(self.dir), [])


class Lists(harness.Case):
    def test_packages(self):
        sections = [debian.listed_packages(name) for name in ("build", "peers", "here")]
        names = [name for section in sections for name in section]
        self.assertTrue(all(sections))
        self.assertEqual(len(names), len(set(names)), "a package is listed twice")
        self.assertEqual([name for name in names if not re.fullmatch("[a-z0-9][a-z0-9+.-]+", name)], [])


if __name__ == "__main__":
    harness.main()
