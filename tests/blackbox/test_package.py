"""The Debian package that cpack makes, in a fresh Debian; and what "cmake --install" does to a configuration.

The package is built for the Debian that the tests run on, and installed into another root of the same release. That
root is kept, under the names of what the package depends on.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

import debian
import documents
import harness

SOURCE = documents.SOURCE
ENV = {**os.environ, "PATH": debian.PATH, "LC_ALL": "C"}
NOT_OURS = re.compile(r"^/(proc|tmp|var/(cache|log|lib/(dpkg|systemd))"
                      r"|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"  # podop's user stays after a purge
                      r"|etc/\.pwd\.lock$|etc/ld\.so\.cache$)")


def call(*command, fail=True, **options):
    """Runs a command; a failure shows its output."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**ENV, **options.pop("env", {})}, check=False, **options)
    if fail and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done


def release():
    """Returns the code name of this Debian, or ""."""
    with contextlib.suppress(OSError):
        with open("/etc/os-release", encoding="utf-8") as file:
            found = re.search(r"(?m)^VERSION_CODENAME=(\w+)", file.read())
            return found[1] if found else ""
    return ""


class Built(unittest.TestCase):
    """A release build for /usr, and its package."""

    top: str
    build: str
    deb: str
    original: str

    @classmethod
    def setUpClass(cls):
        for program in ("cmake", "ninja"):
            harness.need(shutil.which(program), program)
        cls.top = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        os.chmod(cls.top, 0o755)
        cls.build = os.path.join(cls.top, "build")
        call("cmake", "-S", SOURCE, "-B", cls.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
             "-DPODOP_HARDEN=ON", "-DBUILD_TESTING=OFF", "-DCMAKE_INSTALL_PREFIX=/usr")
        call("cmake", "--build", cls.build)


class Install(Built):
    def install(self):
        call("cmake", "--install", self.build, env={"DESTDIR": self.root})

    def test_edited_configuration_stays(self):
        self.root = os.path.join(self.top, "root")
        conf, local = self.root + "/etc/podop.conf", self.root + "/etc/podop/local.json"
        self.install()
        for path in (conf, local, self.root + "/usr/sbin/podop"):
            with self.subTest(path=path):
                self.assertTrue(os.path.isfile(path), path)
        with open(conf, "a", encoding="utf-8") as file:
            file.write("# edited\n")
        os.unlink(local)
        os.unlink(self.root + "/usr/sbin/podop")
        self.install()
        with open(conf, encoding="utf-8") as file:
            self.assertTrue(file.read().endswith("# edited\n"))
        self.assertFalse(os.path.exists(local), "what was removed comes back")
        self.assertTrue(os.path.exists(self.root + "/usr/sbin/podop"))


class Root:
    """A Debian in a directory, for one test."""

    def __init__(self, place):
        self.place = place

    def run(self, *command, **options):
        """Runs a command in it, with /proc."""
        return call(*self.into(), *command, **options)

    def into(self):
        return [*debian.private_mounts(), "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
                self.place]

    def path(self, name):
        return self.place + name

    def files(self):
        """Returns every path in it that a package could leave, with a hash of the content."""
        found = {}
        for folder, folders, files in os.walk(self.place):
            for name in folders + files:
                path = os.path.join(folder, name)
                if not NOT_OURS.search(path[len(self.place):]):
                    info = os.lstat(path)
                    found[path[len(self.place):]] = (info.st_mode, info.st_uid, info.st_gid,
                                                     0 if stat.S_ISDIR(info.st_mode) else info.st_size)
        return found


class Package(Built):
    @classmethod
    def setUpClass(cls):
        harness.need(os.geteuid() == 0, "root, to install a package into a root directory")
        for program in ("cpack", "dpkg-deb", "dpkg-shlibdeps"):
            harness.need(shutil.which(program), program)
        super().setUpClass()
        mask = os.umask(0o077)  # the package does not depend on it
        try:
            call("cpack", cwd=cls.build)
        finally:
            os.umask(mask)
        cls.deb, = glob.glob(os.path.join(cls.build, "*.deb"))
        cls.original = cls.chroot()

    @classmethod
    def chroot(cls):
        """Returns a fresh Debian with the dependencies of the package, which is made once."""
        harness.need(shutil.which("debootstrap", path=debian.PATH), "debootstrap, for a fresh Debian")
        harness.need(release(), "a Debian")
        depends = call("dpkg-deb", "-f", cls.deb, "Depends").stdout
        packages = sorted({re.split(r"[ (|:]", part.strip())[0] for part in depends.split(",")} | {"systemd", "procps"})
        digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
        os.makedirs(debian.CACHE, mode=0o755, exist_ok=True)
        stem = os.path.join(debian.CACHE, release() + "-package")
        place = f"{stem}-{digest}"
        with open(stem + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(place):
                for old in glob.glob(stem + "-*"):
                    shutil.rmtree(old)
                try:
                    debian.build_chroot(release(), packages, place)
                except AssertionError as failure:
                    harness.need(False, str(failure))
        return place

    def fresh(self):
        """Returns a copy of that Debian for one test."""
        place = tempfile.mkdtemp(prefix="root-", dir=self.top)
        self.addCleanup(shutil.rmtree, place)
        call("cp", "-a", "--reflink=auto", self.original + "/.", place)
        shutil.copy(self.deb, place + "/podop.deb")
        return Root(place)

    def check_runs(self, root):
        """Checks that podop runs there with its installed configuration, as its own user."""
        podop = Inside(root)
        self.addCleanup(podop.stop)
        podop.wait_ready()
        done = root.run("podopctl", "get", "local", "postmaster@example.com")
        self.assertEqual(done.stdout, "root@localhost\n")
        uid = root.run("id", "-u", "podop").stdout.strip()
        self.assertEqual(set(podop.status_field("Uid")), {uid})
        podop.stop()
        self.assertFalse(os.path.exists(root.path("/run/podop/podop.sock")))

    def test_lintian(self):
        harness.need(shutil.which("lintian"), "lintian")
        done = call("lintian", "--fail-on", "error,warning", self.deb)
        self.assertNotRegex(done.stdout, r"(?m)^[EW]: ")

    def test_life_of_the_package(self):
        """It is installed, run, edited, installed again, removed and purged."""
        root = self.fresh()
        before = root.files()
        root.run("dpkg", "-i", "/podop.deb")
        for path in ("/etc/podop.conf", "/usr/sbin/podop", "/usr/bin/podopctl", "/usr/share/man/man8/podop.8.gz",
                     "/usr/share/man/man7/podop-url.7.gz", "/usr/share/doc/podop/docs/admin-guide.md",
                     "/usr/share/doc/podop/docs/postfix-keys.md",
                     "/usr/share/doc/podop/copyright", "/usr/share/doc/podop/changelog.Debian.gz",
                     "/usr/lib/sysusers.d/podop.conf", "/usr/lib/tmpfiles.d/podop.conf",
                     "/lib/systemd/system/podop.service", "/lib/systemd/system/podop.socket"):
            with self.subTest(path=path):
                self.assertTrue(os.path.isfile(root.path(path)), path)
        self.assertEqual(root.run("stat", "-c", "%U:%G %a", "/run/podop").stdout, "podop:podop 755\n")
        self.assertEqual(root.run("getent", "passwd", "podop").stdout.split(":")[5:],
                         ["/nonexistent", "/usr/sbin/nologin\n"])
        wanted = root.path("/etc/systemd/system/multi-user.target.wants/podop.service")
        self.assertTrue(os.path.islink(wanted))
        self.assertFalse(os.path.lexists(root.path("/etc/systemd/system/sockets.target.wants/podop.socket")))
        self.check_runs(root)

        with open(root.path("/etc/podop.conf"), "a", encoding="utf-8") as file:
            file.write("# edited\n")
        root.run("systemctl", "disable", "podop.service")
        root.run("dpkg", "-i", "/podop.deb")
        with open(root.path("/etc/podop.conf"), encoding="utf-8") as file:
            self.assertTrue(file.read().endswith("# edited\n"))
        self.assertFalse(os.path.lexists(wanted), "it is enabled again")

        root.run("dpkg", "--remove", "podop")
        self.assertTrue(os.path.exists(root.path("/etc/podop.conf")))
        root.run("dpkg", "--purge", "podop")
        after = root.files()
        self.assertEqual(sorted(path for path in after if path not in before), [])
        self.assertEqual(sorted(path for path in before if path not in after), [])

    def test_without_systemd(self):
        """Without systemd, the user and the directory are created all the same."""
        root = self.fresh()
        root.run("dpkg", "--purge", "--force-depends", "systemd")
        root.run("sh", "-c", "! command -v systemd-sysusers")
        root.run("dpkg", "-i", "/podop.deb")
        self.assertEqual(root.run("stat", "-c", "%U:%G %a", "/run/podop").stdout, "podop:podop 755\n")
        self.check_runs(root)
        root.run("dpkg", "--purge", "podop")
        self.assertFalse(os.path.exists(root.path("/run/podop")))

    def test_units(self):
        """systemd-analyze has no complaint, and rates what the service may do."""
        root = self.fresh()
        root.run("dpkg", "-i", "/podop.deb")
        done = root.run("systemd-analyze", "verify", "--man=no", "podop.service", "podop.socket")
        self.assertEqual([line for line in done.stdout.splitlines() if "podop" in line], [], done.stdout)
        done = root.run("systemd-analyze", "security", "--offline=yes", "--threshold=15", "podop.service")
        rating = re.search(r"exposure level for podop\.service: (\d+\.\d+)", done.stdout)
        self.assertIsNotNone(rating, done.stdout)
        self.assertLessEqual(float(rating[1]), 1.5)


class Unit(Package):
    """The configuration of the administrator's guide under the package's unit, as systemd would start it."""

    def setUp(self):
        self.root = self.fresh()
        self.root.run("dpkg", "-i", "/podop.deb")
        self.root.run("useradd", "--system", "postfix")
        with open(self.root.path("/lib/systemd/system/podop.service"), encoding="utf-8") as file:
            self.unit = re.findall(r"(?m)^(\w+)=(.*)$", file.read())
        text = documents.block(*documents.GUIDE, begin="user = ")
        holder = harness.reserve()
        self.addCleanup(holder.close)
        port = harness.number(holder)
        self.write("/etc/podop/local.json", documents.block(*documents.GUIDE, begin="{\n"))
        self.write("/etc/podop.conf", text.replace("127.0.0.1:9100", f"127.0.0.1:{port}"))

    def write(self, name, text):
        with open(self.root.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def setting(self, name):
        """Returns the words of a setting of the unit."""
        return " ".join(value for key, value in self.unit if key == name).split()

    def begin(self):
        """Starts podop with the user and the capabilities of the unit, without waiting."""
        caps = {name: ",".join(["-all", *("+" + cap.lower().removeprefix("cap_") for cap in self.setting(name))])
                for name in ("CapabilityBoundingSet", "AmbientCapabilities")}
        return Inside(self.root, "setpriv", "--no-new-privs", "--reuid", *self.setting("User"), "--regid",
                       *self.setting("Group"), "--init-groups", "--inh-caps", caps["AmbientCapabilities"],
                       "--ambient-caps", caps["AmbientCapabilities"], "--bounding-set", caps["CapabilityBoundingSet"])

    def start(self):
        podop = self.begin()
        self.addCleanup(podop.stop)
        podop.wait_ready()
        return podop

    def check_access(self, user, group, status):
        """Checks podopctl's exit status as this user and group: 0 with an answer, 75 if it may not connect."""
        done = self.root.run("setpriv", "--reuid", user, "--regid", group, "--clear-groups", "podopctl", "get", "local",
                             "postmaster@example.com", fail=False)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertIn("bob@example.com" if status == 0 else "Permission denied", done.stdout)

    def test_guide_configuration(self):
        """It has no warning, podop starts with it, also after a crash, and a reload applies another group."""
        done = self.root.run("podop", "-t")
        self.assertEqual(done.stdout, "configuration OK\n")
        podop = self.start()
        self.assertEqual(set(podop.status_field("CapEff")), {"0000000000000000"})
        for user, group, status in (("postfix", "postfix", 0), ("games", "mail", 0), ("podop", "podop", 0),
                                    ("games", "games", 75), ("games", "podop", 75)):
            with self.subTest(user=user, group=group, status=status):
                self.check_access(user, group, status)

        podop.signal(signal.SIGKILL)
        podop.process.wait(harness.GUARD)
        podop = self.start()
        self.check_access("postfix", "postfix", 0)

        with open(self.root.path("/etc/podop.conf"), encoding="utf-8") as file:
            self.write("/etc/podop.conf", file.read().replace('group = "mail"', 'group = "games"'))
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        for user, group, status in (("postfix", "postfix", 0), ("games", "mail", 75), ("daemon", "games", 0)):
            with self.subTest(user=user, group=group, status=status):
                self.check_access(user, group, status)

    def test_second_podop(self):
        """A podop that finds the socket in use leaves it alone."""
        self.start()
        second = self.begin()
        self.assertEqual(second.wait(), 71)
        self.assertIn("another process answers on /run/podop/podop.sock", second.stderr)
        self.check_access("postfix", "postfix", 0)

    def test_system_calls(self):
        """The filter allows the system calls that podop needs to give others access."""
        allowed = set()
        for name, value in self.unit:
            if name == "SystemCallFilter":
                calls = set().union(*(self.calls(word) for word in value.lstrip("~").split()))
                allowed = allowed - calls if value.startswith("~") else allowed | calls
        self.assertLessEqual({"lsetxattr", "fchmod", "rename", "unlink", "listen", "close_range"}, allowed)
        self.assertNotIn("setresuid", allowed)
        self.assertNotIn("mount", allowed)

    def calls(self, word):
        """Returns the system calls that a word in a filter stands for."""
        if not word.startswith("@"):
            return {word}
        lines = self.root.run("systemd-analyze", "syscall-filter", word).stdout.splitlines()
        words = [line.strip() for line in lines[1:] if line.strip() and not line.strip().startswith("#")]
        return set().union(*map(self.calls, words))


class Inside(harness.Podop):
    """The podop of a package, in a root directory."""

    def __init__(self, root, *through):
        super().__init__("-v", through=[*root.into(), *through], program="/usr/sbin/podop")


if __name__ == "__main__":
    harness.main()
