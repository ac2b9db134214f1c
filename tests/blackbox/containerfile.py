"""Does what a Containerfile says without a container engine: each stage is a chroot of Debian under an overlay.

The layers before the first COPY depend on the text of the Containerfile alone, and are kept as an engine keeps them.
An instruction, or an option of one, that this module does not know is a failure: nothing is left out silently.
"""

import contextlib
import dataclasses
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence

import debian
import harness

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of every image of Debian
IMAGES = {"debian:trixie-slim": "trixie"}

# Mounts an overlay of $1 and $0/upper at $0/root, and what an engine mounts in every container.
MOUNTS = """
set -e
mount -t overlay overlay -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" "$0/root"
mount -t proc proc "$0/root/proc"
"""
RESOLVER = '[ ! -e "$0/root/etc/resolv.conf" ] || mount --bind /etc/resolv.conf "$0/root/etc/resolv.conf"\n'


@dataclasses.dataclass
class Image:
    """What the instructions of a stage say of the containers that are made of it."""
    user: str = "0:0"
    volumes: list[str] = dataclasses.field(default_factory=list)
    stop_signal: str = "SIGTERM"
    entrypoint: list[str] = dataclasses.field(default_factory=list)
    command: list[str] = dataclasses.field(default_factory=list)
    health_check: list[str] = dataclasses.field(default_factory=list)


def instructions(text: str) -> list[tuple[str, str]]:
    """Returns each instruction and its words, with the lines that a backslash continues joined."""
    lines = "\n".join(line for line in text.splitlines() if not re.match(r"\s*#", line))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [(name, rest.strip()) for name, _, rest in
            (line.strip().partition(" ") for line in joined.splitlines() if line.strip())]


def words(text: str) -> list[str]:
    """Returns the words of an instruction in its JSON form. The shell form depends on a shell in the image."""
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise AssertionError(f"not a list of words: {text}")
    return found


def ignored(context: str) -> set[str]:
    """Returns the names at the top of the context that .dockerignore leaves out. It knows no patterns."""
    with open(os.path.join(context, ".dockerignore"), encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    bad = [line for line in lines if not re.fullmatch(r"\.?[\w-]+", line)]
    if bad:
        raise AssertionError(f".dockerignore: {bad}")
    return set(lines)


class Stage:
    """A file system under construction: layers that are kept, and a directory for what is changed above them."""

    def __init__(self, layers: Sequence[str], place: str) -> None:
        self.layers = list(layers)  # the lowest first
        self.place = place
        self.image = Image()
        self.folder = "/"
        self.environment: dict[str, str] = {}
        for name in ("upper", "work", "root"):
            os.makedirs(os.path.join(place, name))
        os.chmod(os.path.join(place, "upper"), 0o755)

    def enter(self, script: str, *args: str, namespaces: Sequence[str] = ()) -> list[str]:
        """Returns a command that mounts the root at $0/root and runs a script with these arguments from $2 on."""
        alone = debian.private_mounts()
        return [alone[0], *namespaces, *alone[1:], "sh", "-c", MOUNTS + script, self.place,
                ":".join(reversed(self.layers)), *args]

    def run(self, script: str, *args: str) -> None:
        """Runs a script as `enter` does; a failure shows its output."""
        done = subprocess.run(self.enter(script, *args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        if done.returncode != 0:
            if "Failed to fetch" in done.stdout:
                harness.need(False, "a mirror of Debian")
            raise AssertionError(f"{args}: status {done.returncode}\n{done.stdout[-4000:]}")

    def shell(self, command: str) -> None:
        """Runs a command of the stage, as root, in its working directory."""
        passed = {name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ}
        environment = [f"{name}={value}" for name, value in {"PATH": PATH, **passed, **self.environment}.items()]
        self.run(RESOLVER + 'shift; exec chroot "$0/root" env -i "$@"', *environment,
                 "sh", "-c", 'cd "$0" && exec sh -c "$1"', self.folder, command)

    def keep(self, name: str, place: str) -> "Stage":
        """Makes the changes so far a layer that is kept under this name, and returns the stage above it."""
        shutil.rmtree(os.path.join(self.place, "work"))
        kept = os.path.join(debian.CACHE, name)
        os.rename(os.path.join(self.place, "upper"), kept)
        return Stage([*self.layers, kept], place)


class Builder:
    """Builds the stages of a Containerfile in a new directory `top`."""

    def __init__(self, path: str, context: str, top: str, arguments: Mapping[str, str]) -> None:
        self.name = os.path.basename(path).partition(".")[0].lower()  # of its layers that are kept
        self.context = context
        self.ignored = ignored(context)
        self.top = top
        self.arguments = dict(arguments)
        self.stages: list[Stage] = []
        self.names: dict[str, Stage] = {}
        with open(path, encoding="utf-8") as file:
            self.steps = instructions(file.read())

    def build(self) -> Stage:
        """Does all instructions and returns the last stage."""
        while self.steps:
            name, text = self.steps.pop(0)
            if name != "FROM" and not self.stages:
                raise AssertionError(f"before any FROM: {name} {text}")
            method = getattr(self, "do_" + name.lower(), None)
            if method is None:
                raise AssertionError(f"unknown instruction: {name} {text}")
            method(text)
        unused = set(self.arguments)
        if unused:
            raise AssertionError(f"no ARG for {unused}")
        return self.stages[-1]

    @property
    def stage(self) -> Stage:
        return self.stages[-1]

    def new_place(self) -> str:
        return os.path.join(self.top, f"{len(self.stages)}-{len(os.listdir(self.top))}")

    def do_from(self, text: str) -> None:
        found = re.fullmatch(r"(\S+)(?: AS (\w+))?", text)
        if found is None or found[1] not in IMAGES:
            raise AssertionError(f"FROM {text}: known are {sorted(IMAGES)}")
        suite = IMAGES[found[1]]
        base = debian.chroot(suite, ["ca-certificates"], suite + "-container")
        stage = Stage([base], self.new_place())
        steps = []
        while self.steps and self.steps[0][0] == "RUN":
            steps.append(self.steps.pop(0)[1])
        self.stages.append(self.kept(stage, suite, steps) if steps else stage)
        if found[2]:
            self.names[found[2]] = self.stages[-1]

    def kept(self, stage: Stage, suite: str, steps: Sequence[str]) -> Stage:
        """Returns the stage with these steps done, which is done once."""
        stem = f"{suite}-{self.name}-{len(self.stages)}-"
        digest = hashlib.sha256("\n".join([str(os.stat(stage.layers[0]).st_ino), *steps]).encode()).hexdigest()[:8]
        place = os.path.join(debian.CACHE, stem + digest)
        with open(os.path.join(debian.CACHE, stem + "lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(place):
                return Stage([*stage.layers, place], self.new_place())
            for old in glob.glob(os.path.join(debian.CACHE, stem + "*[0-9a-f]")):
                shutil.rmtree(old)
            half = Stage(stage.layers, os.path.join(debian.CACHE, stem + "half"))
            try:
                for step in steps:
                    half.shell(step)
                return half.keep(stem + digest, self.new_place())
            finally:
                shutil.rmtree(half.place)

    def do_run(self, text: str) -> None:
        self.stage.shell(text)

    def do_workdir(self, text: str) -> None:
        self.stage.folder = os.path.join(self.stage.folder, text)
        self.stage.run('mkdir -p "$0/root$2"', self.stage.folder)

    def do_arg(self, text: str) -> None:
        name, _, value = text.partition("=")
        self.stage.environment[name] = self.arguments.pop(name, value)

    def do_copy(self, text: str) -> None:
        """Copies a directory's content into another, from the context or from another stage."""
        found = re.fullmatch(r"(?:--from=(\w+) )?(\S+) (\S+)", text)
        if found is None:
            raise AssertionError(f"COPY {text}")
        to = os.path.normpath(os.path.join(self.stage.folder, found[3]))
        if found[1]:
            source = os.path.join(self.top, "copied")
            self.names[found[1]].run('cp -a "$0/root$2" "$3"', found[2], source)
            names = set(os.listdir(source))
        else:
            source = os.path.normpath(os.path.join(self.context, found[2]))
            names = set(os.listdir(source)) - self.ignored
        # What is in the context belongs to root, as an engine has it.
        self.stage.run('to=$0/root$2; from=$3; shift 3; mkdir -p "$to"; cd "$from"; '
                       'tar -c --owner=0 --group=0 -- "$@" | tar -x -C "$to" --keep-directory-symlink',
                       to, source, *sorted(names))
        if found[1]:
            shutil.rmtree(source)

    def do_user(self, text: str) -> None:
        if not re.fullmatch(r"\d+:\d+", text):
            raise AssertionError(f"USER {text}: numbers can be checked by an engine that knows no names")
        self.stage.image.user = text

    def do_volume(self, text: str) -> None:
        self.stage.image.volumes.append(text)

    def do_stopsignal(self, text: str) -> None:
        self.stage.image.stop_signal = text

    def do_entrypoint(self, text: str) -> None:
        self.stage.image.entrypoint = words(text)

    def do_cmd(self, text: str) -> None:
        self.stage.image.command = words(text)

    def do_healthcheck(self, text: str) -> None:
        found = re.fullmatch(r"(?:--(?:interval|timeout|start-period|retries)=\d+s? +)*CMD +(\[.*\])", text)
        if found is None:
            raise AssertionError(f"HEALTHCHECK {text}")
        self.stage.image.health_check = words(found[1])


# Goes on after MOUNTS, with $2: the user and group; then pairs of a directory to mount and its place, until "--"; then
# the command. The root is read-only, and nothing of the command has a capability or can get one.
BEGIN = """
shift; user=${1%:*}; group=${1#*:}; shift
while [ "$1" != -- ]; do
    mount --bind "$1" "$0/root$2"
    shift 2
done
shift
mount -o remount,bind,ro "$0/root"
exec chroot "$0/root" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all env -i "$@"
"""


class Container(harness.Podop):
    """A container of an image, as "run --read-only --cap-drop all --network host" makes it; its log is podop's."""

    def __init__(self, stage: Stage, top: str, *command: str, mounts: Mapping[str, str] | None = None,
                 entrypoint: Sequence[str] | None = None) -> None:
        """Starts it in a new directory `top`; `mounts` has directories for places in it, besides its volumes."""
        image = stage.image
        self.user = image.user
        self.stage = Stage([*stage.layers, os.path.join(stage.place, "upper")], top)
        mounts = dict(mounts or {})
        for number, place in enumerate(volume for volume in image.volumes if volume not in mounts):
            mounts[place] = os.path.join(top, f"volume-{number}")
            self.stage.run('cp -a "$0/root$2" "$3"', place, mounts[place])
        pairs = [word for place, folder in mounts.items() for word in (folder, place)]
        words = [*(image.entrypoint if entrypoint is None else entrypoint), *(command or image.command)]
        through = self.stage.enter(BEGIN, self.user, *pairs, "--", "PATH=" + PATH,
                                   namespaces=("--pid", "--fork", "--kill-child"))
        super().__init__(*words[1:], through=through, program=words[0], env={"PATH": debian.PATH})
        self.mounts = mounts

    @property
    def init(self) -> int:
        """The process 1 of the container."""
        def children() -> list[int]:
            with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
                return [int(word) for word in file.read().split()]

        harness.wait_until(lambda: children() or self.process.poll() is not None, "a process of the container")
        return children()[0]

    def processes(self) -> dict[int, dict[str, str]]:
        """Returns the fields of /proc/PID/status of each process in it."""
        def namespace(pid: str | int) -> str:
            return os.readlink(f"/proc/{pid}/ns/pid")

        found, own = {}, namespace(self.init)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # ended, or not ours
                if namespace(pid) == own:
                    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                        found[int(pid)] = dict(re.findall(r"(?m)^(\w+):\s*(.*?)\s*$", file.read()))
        return found

    def signal(self, number: int) -> None:
        """Sends a signal to process 1, as an engine does."""
        os.kill(self.init, number)

    def exec(self, *command: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command in it, as an engine's "exec" does."""
        uid, gid = (user or self.user).split(":")
        enter = ["nsenter", "--target", str(self.init), "--mount", "--pid", "--root", "--wd"]
        return subprocess.run([*enter, "setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs",
                               "env", "-i", f"PATH={PATH}", *command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=harness.GUARD, check=False)
