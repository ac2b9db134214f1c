"""The image of the Containerfile, made without a container engine: its steps, its process 1, its health check."""

import os
import re
import shutil
import signal
import tempfile
import unittest

import containerfile
import documents
import harness

QUICK = {"OPTIONS": "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF -DCMAKE_BUILD_TYPE=Debug"}

# A program of a table. Each answer leaves an orphan.
PROGRAM = r"""while read -r line; do
    (sleep 1000 &)
    printf '{"id":%s,"status":"ok","value":"found"}\n' "$(echo "$line" | sed 's/.*"id": *\([0-9]*\).*/\1/')"
done
"""

CONFIG = """
listen = ( { socket = "/run/podop/podop.sock"; owner = "%s"; group = "%s"; } );
tables = ( { name = "local"; type = "json"; param = "/etc/podop/local.json"; },
           { name = "own"; type = "program"; param = "sh /etc/podop/own.sh"; } );
"""


class Image(unittest.TestCase):
    top: str
    stage: containerfile.Stage

    @classmethod
    def setUpClass(cls):
        harness.need(os.geteuid() == 0, "root, for chroots")
        cls.top = tempfile.mkdtemp(prefix="podop-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        os.chmod(cls.top, 0o755)
        path = os.path.join(documents.SOURCE, "Containerfile")
        cls.stage = containerfile.Builder(path, documents.SOURCE, cls.top, QUICK).build()

    def directory(self, **files):
        """Returns a new directory with these files, whose names have "_" in place of "."."""
        folder = tempfile.mkdtemp(prefix="folder-", dir=self.top)
        os.chmod(folder, 0o755)
        for name, text in files.items():
            with open(os.path.join(folder, name.replace("_", ".")), "w", encoding="utf-8") as file:
                file.write(text)
        return folder

    def start(self, *command, **options):
        """Starts a container; waits until podop is ready, unless it is given a command."""
        container = containerfile.Container(self.stage, tempfile.mkdtemp(prefix="run-", dir=self.top), *command,
                                            **options)
        self.addCleanup(container.stop)
        if not command:
            container.wait_ready()
        return container

    def configured(self, owner="podop", group="podop", **options):
        """Starts a container with a configuration of this test."""
        return self.start(mounts={"/etc/podop": self.directory(
            podop_conf=CONFIG % (owner, group), local_json='{"a": "1"}', own_sh=PROGRAM)}, **options)

    def named(self, container, name):
        """Returns the processes with this name, when there are any."""
        def found():
            return [pid for pid, status in container.processes().items() if status["Name"] == name]

        harness.wait_until(found, f"a process {name}")
        return found()

    def check_get(self, container, *words, expected):
        done = container.exec("podopctl", "get", *words)
        self.assertEqual((done.returncode, done.stdout), (0, expected + "\n"), done.stderr)

    def test_as_it_is(self):
        """It serves its own configuration, without privileges, on a read-only root, and ends well."""
        container = self.start()
        self.check_get(container, "local", "postmaster@example.com", expected="root@localhost")
        self.assertNotEqual(container.exec("touch", "/file", user="0:0").returncode, 0, "the root is not read-only")
        processes = container.processes()
        self.assertTrue(processes)
        for pid, status in processes.items():
            with self.subTest(pid=pid, name=status["Name"]):
                self.assertEqual(set(status["Uid"].split()), {"10025"})
                self.assertEqual(set(status["Gid"].split()), {"10025"})
                self.assertEqual(int(status["CapEff"], 16), 0)
                self.assertEqual(int(status["CapBnd"], 16), 0)
        self.assertEqual(sorted(os.listdir(container.mounts["/run/podop"])), ["control.sock", "podop.sock"])
        container.signal(signal.Signals[self.stage.image.stop_signal])
        self.assertEqual(container.wait(), 0)
        self.assertEqual(os.listdir(container.mounts["/run/podop"]), [])

    def test_health(self):
        """The health check fails when podop does not answer, whatever the configuration says."""
        container = self.configured()
        check = self.stage.image.health_check
        done = container.exec(*check)
        self.assertEqual(done.returncode, 0, done.stderr)
        podop, = self.named(container, "podop")
        os.kill(podop, signal.SIGSTOP)
        self.addCleanup(os.kill, podop, signal.SIGCONT)
        self.assertNotEqual(container.exec(*check).returncode, 0)

    def test_reload(self):
        """SIGHUP to process 1 and "podopctl reload" apply a file that was replaced in the directory."""
        container = self.configured()
        folder = container.mounts["/etc/podop"]
        for value, reload in (("2", None), ("3", ("podopctl", "reload"))):
            with self.subTest(reload=reload):
                with open(os.path.join(folder, "new"), "w", encoding="utf-8") as file:
                    file.write('{"a": "%s"}' % value)
                os.rename(os.path.join(folder, "new"), os.path.join(folder, "local.json"))
                if reload:
                    self.assertEqual(container.exec(*reload).returncode, 0)
                else:
                    container.signal(signal.SIGHUP)
                    container.wait_log("event=reload ")
                self.check_get(container, "local", "a", expected=value)

    def test_orphans(self):
        """Processes that a program of a table leaves do not stay as zombies."""
        container = self.configured()
        self.check_get(container, "own", "key", expected="found")
        for pid in self.named(container, "sleep"):
            os.kill(pid, signal.SIGKILL)
            harness.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the end of an orphan")

    def test_other_containers(self):
        """The owner and group of a socket can be numbers of users that only another container knows."""
        container = self.configured(owner="4321", group="8765")
        for user, status in (("4321:4321", 0), ("5555:8765", 0), ("5555:5555", 75)):
            with self.subTest(user=user):
                done = container.exec("podopctl", "get", "local", "a", user=user)
                self.assertEqual(done.returncode, status, done.stderr)

    def test_check(self):
        """The arguments of "run" are podop's."""
        container = self.start("-t", mounts={"/etc/podop": self.directory(podop_conf="nonsense = 1;")})
        self.assertEqual(container.wait(), 78)
        self.assertIn("nonsense", container.stderr)

    def test_small(self):
        """It has what podop needs when it runs, and nothing to build it."""
        container = self.start()
        for name in ("cc", "cmake", "python3", "apt-get"):
            with self.subTest(name=name):
                found = container.exec("sh", "-c", 'command -v "$0"', name).returncode == 0
                self.assertEqual(found, name == "apt-get")  # of the base, in which what is searched for is found


class Document(harness.Case):
    """docs/container.md."""

    PAGE = ("docs", "container.md")

    def test_configuration(self):
        text = documents.block(*self.PAGE, begin="listen = ")
        done = harness.run("PODOP", "-t", "-c", self.write("podop.conf", text))
        self.assertEqual((done.returncode, done.stdout), (0, "configuration OK\n"), done.stderr)

    def test_health_check(self):
        """Kubernetes ignores that of the image, and gets the same."""
        with open(os.path.join(documents.SOURCE, "Containerfile"), encoding="utf-8") as file:
            steps = dict(containerfile.instructions(file.read()))
        check = containerfile.words(steps["HEALTHCHECK"].partition("CMD ")[2])
        probe = re.search(r"command: \[(.*?)\]", documents.block(*self.PAGE, begin="      containers:"))
        self.assertEqual([word.strip('" ') for word in probe[1].split(",")], check)

    def test_user(self):
        """The page names the user of the image, and where its files are."""
        with open(os.path.join(documents.SOURCE, "Containerfile"), encoding="utf-8") as file:
            user = dict(containerfile.instructions(file.read()))["USER"]
        text = "\n".join(text for _, text in documents.fenced(*self.PAGE))
        self.assertEqual(re.findall(r"(?m)^USER (.*)$", text)[-1], user)


if __name__ == "__main__":
    harness.main()
