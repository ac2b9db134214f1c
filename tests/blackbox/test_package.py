"""The Debian packages that debian/ makes, in a fresh Debian; and "cmake --install" with its uninstall.

They are built twice for the Debian that the tests run on, as different as two builders are, and installed into copies
of a root of the same release.
"""

import functools
import glob
import os
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import unittest

import debian
import documents
import harness

SOURCE = documents.SOURCE
ENV = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
NAMES = ["podop", "podop-dbgsym", "podop-doc", "python3-podop-table"]
NOBODY = 65534
NOT_OURS = re.compile(r"^/(proc|sys|dev|tmp|var/(cache|log|lib/(dpkg|systemd))"
                      r"|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"  # podop's user stays after a purge
                      r"|etc/\.pwd\.lock$|etc/ld\.so\.cache$)")
LINK = re.compile(r"\[[^]]+\]\(([^)#:]+)[^)]*\)")

# A build of a package: as nobody, without a network, with only these programs in /usr/bin and /usr/sbin, and without
# the certificate authorities of the system.
ONLY = """
set -e
ip link set lo up
mount -t tmpfs none /etc/ssl
for folder in bin sbin; do
    mkdir "$0/$folder"
    while read -r name; do
        if [ -L "/usr/$folder/$name" ]; then
            cp -P "/usr/$folder/$name" "$0/$folder"
        elif [ -f "/usr/$folder/$name" ]; then
            : >"$0/$folder/$name"
            mount --bind "/usr/$folder/$name" "$0/$folder/$name"
        fi
    done <"$0/names"
done
mount --rbind "$0/sbin" /usr/sbin
mount --rbind "$0/bin" /usr/bin
umask 077
exec setpriv --reuid nobody --regid nogroup --clear-groups sh -exc "$1"
"""


def call(*command, fail=True, **options):
    """Runs a command; a failure shows its output."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**ENV, **options.pop("env", {})}, check=False, **options)
    if fail and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-4000:]}")
    return done


def source(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def groups(text):
    """Returns each dependency of a field as its alternatives, without versions and architectures."""
    return [[re.split(r"[ (:]", word.strip())[0] for word in group.split("|")]
            for group in re.sub(r"\s+", " ", text).split(",") if group.strip()]


# --- builds -----------------------------------------------------------------------------------------------------------


def once(function):
    """Calls the function at the first call only: later ones return what it has returned, or fail as it has."""
    @functools.cache
    def outcome():
        try:
            return function(), None
        except (AssertionError, OSError, unittest.SkipTest) as failure:
            return None, failure

    @functools.wraps(function)
    def call_once():
        result, failure = outcome()
        if failure is not None:
            raise failure
        return result

    return call_once


@functools.cache
def top():
    """Returns the directory of this test."""
    place = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
    unittest.addModuleCleanup(shutil.rmtree, place)
    os.chmod(place, 0o755)
    return place


@functools.cache
def snapshot():
    """Returns a copy of the source, so that both builds have the same one, whoever edits it meanwhile."""
    place = os.path.join(top(), "source")
    shutil.copytree(SOURCE, place, ignore=shutil.ignore_patterns("build", ".git", "__pycache__", ".*_cache"))
    return place


def copy_source(*names):
    """Returns a copy of the source in this folder below top()."""
    place = os.path.join(top(), *names)
    shutil.copytree(snapshot(), place)
    return place


def build_depends():
    """Returns the packages of Build-Depends, and what dpkg-buildpackage takes for granted."""
    field = re.search(r"(?ms)^Build-Depends:(.*?)^\S", source("debian", "control") + "\n")[1]
    return [["build-essential"], *groups(field)]


def programs():
    """Returns the programs of a minimal Debian with Build-Depends installed."""
    form = "${db:Status-Status}\t${Package}\t${Essential}\t${Priority}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
    depends, provides, todo = {}, {}, []
    for line in call("dpkg-query", "-W", "-f", form).stdout.splitlines():
        status, name, essential, priority, needs, offers = line.split("\t")
        if status == "installed":
            depends[name] = groups(needs)
            for (word, *_) in groups(offers):
                provides.setdefault(word, name)
            if essential == "yes" or priority == "required":
                todo.append(name)

    def first(group):
        return next((name if name in depends else provides[name]
                     for name in group if name in depends or name in provides), "")

    missing = [group[0] for group in build_depends() if not first(group)]
    harness.need(not missing, " ".join(missing))
    todo += map(first, build_depends())
    found = set()
    while todo:
        name = todo.pop()
        if name and name not in found:
            found.add(name)
            todo += map(first, depends[name])
    files = call("dpkg-query", "-L", *sorted(found)).stdout.splitlines()
    names = {os.path.basename(path) for path in files if re.fullmatch(r"(/usr)?/s?bin/[^/]+", path)}
    for name in os.listdir("/usr/bin"):  # of update-alternatives
        path = os.path.join("/usr/bin", name)
        if os.path.islink(path) and os.readlink(path).startswith("/etc/alternatives/") and \
                os.path.basename(os.path.realpath(path)) in names:
            names.add(name)
    return names


def commands(*path):
    """Returns the commands of a document that build packages."""
    return set(re.findall(r"(?m)^dpkg-buildpackage .*-b$", "".join(text for _, text in documents.fenced(*path))))


def need_build():
    harness.need(os.geteuid() == 0 and shutil.which("dpkg-buildpackage"), "root, on a Debian with dpkg-dev")
    harness.need(os.path.islink("/bin"), "a Debian whose /bin is /usr/bin")
    harness.need(call("unshare", "--mount", "--net", "true", fail=False).returncode == 0, "private mounts")


@once
def build():
    """Builds the packages by the documents' command, with the unit tests, and returns the folder of the source."""
    need_build()
    names = programs()
    assert "cmake" in names and "valgrind" not in names
    place = copy_source("one", "podop")
    with open(os.path.join(top(), "names"), "w", encoding="utf-8") as file:
        file.write("\n".join(sorted(names)) + "\n")
    call("chown", "-R", f"{NOBODY}:{NOBODY}", os.path.join(top(), "one"))
    command, = commands("docs", "releasing.md") | commands("README.md")
    done = call("unshare", "--mount", "--net", "sh", "-c", ONLY, top(), f"cd {place}\n{command}\n",
                env={"DEB_BUILD_OPTIONS": f"terse parallel={os.cpu_count()}", "HOME": "/nonexistent"})
    assert re.search(r"100% tests passed, 0 tests failed out of [1-9]\d\d", done.stdout), done.stdout[-4000:]
    warnings = re.findall(r"(?m)^.*warning: .*$", done.stdout.partition("dh_auto_install")[0])
    assert not warnings, "\n".join(warnings)
    return place


@once
def build_again():
    """Builds the source package and the others in another folder, as another user, at another time, in another
    language, without the tests; and returns the folder of the source."""
    need_build()
    version = re.match(r"podop \((.*)-", source("debian", "changelog"))[1]
    folder = os.path.join("a_longer_name", f"podop-{version}")
    place = copy_source("two", folder)
    for path, _, files in os.walk(place):
        for name in files:
            os.utime(os.path.join(path, name), (10 ** 9, 10 ** 9))
    with tarfile.open(os.path.join(os.path.dirname(place), f"podop_{version}.orig.tar.gz"), "w:gz") as archive:
        archive.add(place, os.path.basename(place))
    # Always in the same folder, so that ccache knows the compilations of the last time that this test ran.
    call("unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /mnt; cd "/mnt/$1"; exec dpkg-buildpackage -us -uc',
         os.path.join(top(), "two"), folder,
         env={"DEB_BUILD_OPTIONS": f"nocheck terse parallel={os.cpu_count()}", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo",
              "CMAKE_C_COMPILER_LAUNCHER": "ccache" if shutil.which("ccache") else ""})
    return place


def built(place, kind="deb"):
    """Returns each file that a build has made: the name of the package, and the path."""
    return {os.path.basename(path).partition("_")[0]: path
            for path in glob.glob(os.path.join(os.path.dirname(place), "*." + kind))}


class Build(unittest.TestCase):
    def test_packages(self):
        paths = built(build())
        self.assertEqual(sorted(paths), NAMES)
        self.assertIn(["ca-certificates"], groups(call("dpkg-deb", "-f", paths["podop"], "Recommends").stdout))

    def test_source_package(self):
        self.assertEqual(list(built(build_again(), "dsc")), ["podop"])

    def test_reproducible(self):
        """Whoever builds them, the packages are the same byte by byte."""
        one, other = built(build()), built(build_again())
        self.assertEqual(sorted(one), sorted(other))
        for name in one:
            with self.subTest(name), open(one[name], "rb") as file, open(other[name], "rb") as again:
                self.assertTrue(file.read() == again.read(), f"{one[name]} and {other[name]} differ")

    def test_lintian(self):
        harness.need(shutil.which("lintian"), "lintian")
        changes, = built(build_again(), "changes").values()
        done = call("lintian", "--allow-root", "--fail-on", "error,warning", changes)
        self.assertNotRegex(done.stdout, r"(?m)^[EW]: ")

    def test_documents(self):
        """The links of the installed documents lead to what is installed, and none speaks of what is not."""
        place = os.path.join(top(), "documents")
        for name in ("podop", "podop-doc"):
            call("dpkg-deb", "--extract", built(build())[name], place)
        links = 0
        for path in glob.glob(place + "/usr/share/doc/podop/**/*.md", recursive=True):
            with self.subTest(path), open(path, encoding="utf-8") as file:
                text = file.read()
                found = LINK.findall(text)
                links += len(found)
                self.assertEqual([link for link in found
                                  if not os.path.exists(os.path.join(os.path.dirname(path), link))], [])
                self.assertEqual([line for line in text.splitlines()
                                  if re.search(r"scripts/start|build/release", line) and "source" not in line], [])
        self.assertGreater(links, 10)
        for name in ("docs/admin-guide.md", "docs/postfix-keys.md", "docs/monitoring.md",
                     "examples/microservice/microservice.py",
                     "examples/prometheus/podop.rules.yml", "examples/prometheus/grafana-dashboard.json",
                     "python/README.md", "podop.conf.example", "README.Debian", "changelog.gz"):
            with self.subTest(name):
                self.assertTrue(os.path.isfile(os.path.join(place, "usr/share/doc/podop", name)))
        self.assertFalse(os.path.exists(os.path.join(place, "usr/share/doc/podop/docs/style.md")))
        self.assertTrue(os.path.isfile(os.path.join(place, "usr/share/podop/podop.lua")))


class Home(unittest.TestCase):
    def test_one_place(self):
        """The commands of docs/releasing.md replace every placeholder of the project's address."""
        place = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        self.addCleanup(shutil.rmtree, place)
        shutil.copytree(os.path.join(SOURCE, "debian"), os.path.join(place, "debian"))
        call("sh", "-ec", documents.block("docs", "releasing.md", begin="home="), cwd=place)
        left = call("grep", "-r", "invalid", place, fail=False)
        self.assertEqual(left.stdout, "")
        with open(os.path.join(place, "debian", "control"), encoding="utf-8") as file:
            control = file.read()
        self.assertIn("Homepage: https://git.example.org/mail/podop\n", control)
        self.assertIn("Maintainer: Jane Doe <jane@example.org>\n", control)
        self.assertIn("Jane Doe <jane@example.org>", call("dpkg-parsechangelog", "-S", "Maintainer", cwd=place).stdout)


class Install(unittest.TestCase):
    def setUp(self):
        self.build = os.path.join(build(), "build", "debian")
        self.root = tempfile.mkdtemp(prefix="root-", dir=top())

    def install(self):
        call("cmake", "--install", self.build, env={"DESTDIR": self.root})

    def files(self):
        return sorted(os.path.join(folder, name)[len(self.root):]
                      for folder, _, files in os.walk(self.root) for name in files)

    def test_edited_configuration_stays(self):
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

    def test_uninstall(self):
        """It removes what was installed, and neither the configuration nor what others have put beside it."""
        self.install()
        self.assertGreater(len(self.files()), 20)
        other = self.root + "/usr/share/doc/podop/examples/mine"
        with open(other, "w", encoding="utf-8"):
            pass
        call("cmake", "--build", self.build, "--target", "uninstall", env={"DESTDIR": self.root})
        self.assertEqual(self.files(), ["/etc/podop.conf", "/etc/podop/local.json", other[len(self.root):]])
        self.assertFalse(os.path.exists(self.root + "/usr/share/podop"))
        self.assertTrue(os.path.exists(self.root + "/usr/share/man/man8"))


# --- in a fresh Debian ------------------------------------------------------------------------------------------------


class Root(debian.Copy):
    """A Debian in a directory, with the packages in /debs."""

    def __init__(self):
        paths = built(build())
        depends = [group[0] for name in NAMES
                   for group in groups(call("dpkg-deb", "-f", paths[name], "Depends").stdout) if group[0] not in NAMES]
        packages = sorted({*depends, "systemd", "procps", "python3"})
        super().__init__(debian.chroot(debian.codename(), packages, debian.codename() + "-package"))
        os.mkdir(self.path("/debs"))
        for name, path in paths.items():
            shutil.copy(path, self.path(f"/debs/{name}.deb"))

    def call(self, *command, **options):
        return call(*self.inside(*command), **options)

    def output(self, *command):
        return self.call(*command).stdout

    def install_podop(self):
        self.call("dpkg", "-i", "/debs/podop.deb")

    def files(self):
        """Returns every path in it that a package could leave, with its owner, permissions and size."""
        found = {}
        for folder, folders, files in os.walk(self.place):
            for name in folders + files:
                path = os.path.join(folder, name)
                if not NOT_OURS.search(path[len(self.place):]):
                    info = os.lstat(path)
                    found[path[len(self.place):]] = (info.st_mode, info.st_uid, info.st_gid,
                                                     0 if stat.S_ISDIR(info.st_mode) else info.st_size)
        return found


class Package(unittest.TestCase):
    def setUp(self):
        self.root = Root()
        self.addCleanup(self.root.close)

    def check_runs(self):
        """Checks that podop runs there with its installed configuration, as its own user."""
        podop = Inside(self.root)
        self.addCleanup(podop.stop)
        podop.wait_ready()
        self.assertEqual(self.root.output("podopctl", "get", "local", "postmaster@example.com"), "root@localhost\n")
        self.assertEqual(set(podop.status_field("Uid")), {self.root.output("id", "-u", "podop").strip()})
        podop.stop()
        self.assertFalse(os.path.exists(self.root.path("/run/podop/podop.sock")))

    def check_installed(self):
        units = self.root.path("/usr/lib/systemd/system")  # /lib is a link to /usr/lib
        for path in ("/etc/podop.conf", "/usr/sbin/podop", "/usr/bin/podopctl", "/usr/share/man/man8/podop.8.gz",
                     "/usr/share/man/man7/podop-url.7.gz", "/usr/share/doc/podop/copyright",
                     "/usr/share/doc/podop/changelog.Debian.gz", "/usr/lib/sysusers.d/podop.conf",
                     "/usr/lib/tmpfiles.d/podop.conf"):
            with self.subTest(path=path):
                self.assertTrue(os.path.isfile(self.root.path(path)), path)
        for unit in ("podop.service", "podop.socket"):
            with self.subTest(unit):
                self.assertTrue(os.path.isfile(os.path.join(units, unit)), unit)
        self.assertEqual(self.root.output("stat", "-c", "%U:%G %a", "/run/podop"), "podop:podop 755\n")
        self.assertEqual(self.root.output("getent", "passwd", "podop").split(":")[5:],
                         ["/nonexistent", "/usr/sbin/nologin\n"])
        conffiles = self.root.output("dpkg-query", "-W", "-f", "${Conffiles}", "podop")
        self.assertLessEqual({"/etc/podop.conf", "/etc/podop/local.json", "/etc/apparmor.d/usr.sbin.podop"},
                             set(conffiles.split()))

    def test_life_of_the_package(self):
        """It is installed, run, edited, installed again, removed and purged."""
        root = self.root
        before = root.files()
        root.install_podop()
        self.check_installed()
        wanted = root.path("/etc/systemd/system/multi-user.target.wants/podop.service")
        self.assertTrue(os.path.islink(wanted))
        self.assertFalse(os.path.lexists(root.path("/etc/systemd/system/sockets.target.wants/podop.socket")))
        self.check_runs()

        with open(root.path("/etc/podop.conf"), "a", encoding="utf-8") as file:
            file.write("# edited\n")
        root.call("systemctl", "disable", "podop.service")
        root.install_podop()
        with open(root.path("/etc/podop.conf"), encoding="utf-8") as file:
            self.assertTrue(file.read().endswith("# edited\n"))
        self.assertFalse(os.path.lexists(wanted), "it is enabled again")

        root.call("dpkg", "--remove", "podop")
        self.assertTrue(os.path.exists(root.path("/etc/podop.conf")))
        self.assertFalse(os.path.exists(root.path("/usr/sbin/podop")))
        root.call("dpkg", "--purge", "podop")
        after = root.files()
        self.assertEqual(sorted(path for path in after if path not in before), [])
        self.assertEqual(sorted(path for path in before if path not in after), [])

    def test_without_systemd(self):
        """Without systemd, its small programs create the user and the directory."""
        root = self.root
        root.install("systemd-standalone-sysusers", "systemd-standalone-tmpfiles")
        root.call("sh", "-c", "! command -v systemctl")
        root.install_podop()
        self.assertEqual(root.output("stat", "-c", "%U:%G %a", "/run/podop"), "podop:podop 755\n")
        self.check_runs()
        root.call("dpkg", "--purge", "podop")
        self.assertFalse(os.path.exists(root.path("/run/podop")))

    def test_python_module(self):
        """Python finds podop_table, and podop's own tests of the installed packages pass."""
        root = self.root
        root.install_podop()
        root.call("dpkg", "-i", "/debs/python3-podop-table.deb")
        found = root.output("python3", "-c", "import podop_table; print(podop_table.__file__)")
        self.assertEqual(found, "/usr/lib/python3/dist-packages/podop_table.py\n")
        shutil.copy(os.path.join(SOURCE, "debian", "tests", "smoke"), root.path("/smoke"))
        done = root.call("sh", "-c", "mkdir /scratch && AUTOPKGTEST_TMP=/scratch /smoke")
        self.assertIn("program key: value\n", done.stdout)
        root.call("dpkg", "--purge", "python3-podop-table")
        self.assertFalse(os.path.exists(root.path("/usr/lib/python3/dist-packages/podop_table.py")))


class Unit(unittest.TestCase):
    """The package's unit, and README's configuration under it, as systemd would start it."""

    root: Root

    @classmethod
    def setUpClass(cls):
        cls.root = Root()
        cls.addClassCleanup(cls.root.close)
        cls.root.install_podop()
        for user in ("postfix", "vmail"):
            cls.root.call("useradd", "--system", user)

    def setUp(self):
        with open(self.root.path("/usr/lib/systemd/system/podop.service"), encoding="utf-8") as file:
            self.unit = re.findall(r"(?m)^(\w+)=(.*)$", file.read())
        text = documents.block("README.md", begin="listen = ")
        self.group = re.search(r'group = "(\w+)"', text)[1]
        local, = re.findall(r"(?ms)^  \{ name = \"local\";.*?\}; \}$", source("etc", "podop.conf"))
        self.write("/etc/podop.conf", re.sub(r"\n\);\n$", ",\n" + local + "\n);\n", text))

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
        done = self.root.call("setpriv", "--reuid", user, "--regid", group, "--clear-groups", "podopctl", "get",
                              "local", "postmaster@example.com", fail=False)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertIn("root@localhost" if status == 0 else "Permission denied", done.stdout)

    def test_units(self):
        """systemd-analyze has no complaint, and rates what the service may do."""
        done = self.root.call("systemd-analyze", "verify", "--man=no", "podop.service", "podop.socket")
        self.assertEqual([line for line in done.stdout.splitlines() if "podop" in line], [], done.stdout)
        done = self.root.call("systemd-analyze", "security", "--offline=yes", "--threshold=15", "podop.service")
        rating = re.search(r"exposure level for podop\.service: (\d+\.\d+)", done.stdout)
        self.assertIsNotNone(rating, done.stdout)
        self.assertLessEqual(float(rating[1]), 1.5)

    def test_readme_configuration(self):
        """It has no warning, podop starts with it, also after a crash, and a reload applies another group."""
        self.assertEqual(self.root.output("podop", "-t"), "configuration OK\n")
        podop = self.start()
        self.assertEqual(set(podop.status_field("CapEff")), {"0000000000000000"})
        for user, group, status in (("postfix", "postfix", 0), ("games", self.group, 0), ("podop", "podop", 0),
                                    ("games", "games", 75), ("games", "podop", 75)):
            with self.subTest(user=user, group=group, status=status):
                self.check_access(user, group, status)

        podop.signal(signal.SIGKILL)
        podop.wait()
        podop = self.start()
        self.check_access("postfix", "postfix", 0)

        with open(self.root.path("/etc/podop.conf"), encoding="utf-8") as file:
            self.write("/etc/podop.conf", file.read().replace(f'"{self.group}"', '"games"'))
        podop.signal(signal.SIGHUP)
        podop.wait_log("event=reload ")
        for user, group, status in (("postfix", "postfix", 0), ("games", self.group, 75), ("daemon", "games", 0)):
            with self.subTest(user=user, group=group, status=status):
                self.check_access(user, group, status)

    def test_reload_checks(self):
        """After the signal, the unit's reload fails if the configuration has a fault, for the user podop."""
        check = [value for key, value in self.unit if key == "ExecReload"][-1].split()
        through = ("setpriv", "--reuid", "podop", "--regid", "podop", "--clear-groups", *check)
        self.assertEqual(self.root.call(*through).returncode, 0)
        self.write("/etc/podop.conf", "tables = nonsense;\n")
        done = self.root.call(*through, fail=False)
        self.assertEqual(done.returncode, 78, done.stdout)

    def test_second_podop(self):
        """A podop that finds the socket in use leaves it alone."""
        self.start()
        second = self.begin()
        self.assertEqual(second.wait(), 71)
        self.assertRegex(second.stderr, "another process answers on /run/podop/(podop|control).sock")
        self.check_access("postfix", "postfix", 0)

    def test_system_calls(self):
        """The filter allows the system calls that podop needs to give others access."""
        allowed = set()
        for name, value in self.unit:
            if name == "SystemCallFilter":
                calls = set().union(*(self.calls(word) for word in value.lstrip("~").split()))
                allowed = allowed - calls if value.startswith("~") else allowed | calls
        self.assertLessEqual({"lsetxattr", "fchmod", "rename", "unlink", "listen", "close_range", "seccomp",
                              "landlock_restrict_self"}, allowed)
        self.assertNotIn("setresuid", allowed)
        self.assertNotIn("mount", allowed)

    def calls(self, word):
        """Returns the system calls that a word in a filter stands for."""
        if not word.startswith("@"):
            return {word}
        lines = self.root.output("systemd-analyze", "syscall-filter", word).splitlines()
        words = [line.strip() for line in lines[1:] if line.strip() and not line.strip().startswith("#")]
        return set().union(*map(self.calls, words))


class Inside(harness.Podop):
    """The podop of a package, in a root directory."""

    def __init__(self, root, *through):
        super().__init__("-v", through=root.inside(*through), program="/usr/sbin/podop")


if __name__ == "__main__":
    harness.main()
