"""Debian releases in chroots, each made once and kept, for programs that this system has in another version.

All of it is in CACHE and may be removed at any time that no test runs:

    SUITE-minimal-HASH    what debootstrap makes of a release, and nothing else
    NAME-HASH             a copy of that with packages; the hash is of their list
    apt-SUITE             the package files and package lists of that release
    *.lock                locked while a directory is made, and shared while it is used

A chroot is shared by all that use it: a test writes below its /tmp, in a directory of its own, and changes nothing
else. For more, a test takes a Copy.
"""

import contextlib
import fcntl
import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterable, Iterator, Sequence

import harness

PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
CACHE = os.environ.get("PODOP_TEST_CACHE", "/var/cache/podop-tests")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ("bookworm", "trixie")
ONLY_INSTALLED = "PODOP_TEST_ONLY_INSTALLED"  # a variable: no peer is taken from another release
MADE_LIKE_THIS = "1"  # part of each hash: another number makes every chroot anew
UNUSED = 86400  # seconds after which a chroot is removed when one of its name with other packages is made
ALONE = ["unshare", "--mount"]

# Written into each minimal Debian: no daemon is started, and a package is installed without waiting for the disk.
ADDED = {
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/dpkg/dpkg.cfg.d/podop-tests": "force-unsafe-io\n",
    "etc/apt/apt.conf.d/90podop-tests": 'Acquire::Languages "none";\nAPT::Sandbox::User "root";\n',
}

# --- what this system is ----------------------------------------------------------------------------------------------


@functools.cache
def codename() -> str:
    """Returns the name of this system's Debian release, as "bookworm"; "" if it is not Debian."""
    with contextlib.suppress(OSError), open("/etc/os-release", encoding="utf-8") as file:
        text = file.read()
        name = re.search(r"(?m)^VERSION_CODENAME=(\w+)", text)
        if name and re.search(r"(?m)^ID=debian$", text):
            return name[1]
    return ""


def listed_mirror(uri: str) -> str:
    """Returns the URL for debootstrap of what apt's sources name: a URL, or a file with a list of them."""
    if not uri.startswith("mirror+file:"):
        return uri
    with open(re.sub("^mirror[+]file:/*", "/", uri).rstrip("/"), encoding="utf-8") as file:
        return next((line.split()[0] for line in file if line.strip() and not line.startswith("#")), "")


def mirror() -> str:
    """Returns the URL of the Debian mirror that apt uses here, whatever the format of its sources; "" without one."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        form = "$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
        done = subprocess.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
                              capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            origin, name, release, component, uri = line.split("|", 4)
            # The origin and the codename are known once the package lists have been downloaded.
            is_debian = component == "main" and origin in ("Debian", "")
            if is_debian and codename() and codename() in (name, release):
                return listed_mirror(uri)
    return ""


@functools.cache
def environment() -> dict[str, str]:
    """Returns the environment of debootstrap and apt, with the proxy that apt uses here."""
    found = {**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        proxy = subprocess.run(["apt-config", "shell", "x", "Acquire::http::Proxy"], capture_output=True, text=True,
                               check=True).stdout
        if address := re.search("'(.*)'", proxy):
            found.setdefault("http_proxy", address[1])
    return found


@functools.cache
def private_mounts() -> list[str]:
    """Returns a command prefix that keeps the mounts of a command to itself. In a chroot that is not a mount
    point, propagation cannot be changed; what mounts something there has to unmount it."""
    if subprocess.run([*ALONE, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return ALONE
    return [*ALONE, "--propagation", "unchanged"]


# --- commands inside --------------------------------------------------------------------------------------------------


def inside(place: str, *command: str, mounts: Iterable[tuple[str, str]] = ()) -> list[str]:
    """Returns the command that runs a command in the root directory `place`, with /proc, /sys, /dev and further mounts:
    pairs of a path out here and one in there. The root is a mount point, so that mount namespaces work in there. All of
    that is gone when the command ends."""
    script = ['mount --bind "$0" "$0"', 'mount -t proc proc "$0/proc"', 'mount --rbind /sys "$0/sys"',
              'mount --rbind /dev "$0/dev"']
    arguments: list[str] = []
    for outside, there in mounts:
        arguments += [outside, there]
        script.append('mount --rbind "$1" "$0$2"; shift 2')
    enter = 'exec chroot "$0" "$@"'
    if private_mounts() != ALONE:
        enter = 'status=0; chroot "$0" "$@" || status=$?; umount -l "$0"; exit $status'
    return [*private_mounts(), "sh", "-c", "\n".join(["set -e", *script, enter]), place, *arguments, *command]


def checked(command: Sequence[str], what: str) -> str:
    """Runs a command and returns its output; an AssertionError tells the end of it."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env=environment(), check=False)
    if done.returncode != 0:
        raise AssertionError(f"{what}: status {done.returncode}\n" + "\n".join(done.stdout.splitlines()[-20:]))
    return done.stdout


def remove(place: str) -> None:
    """Removes a root directory, and nothing that is mounted in it."""
    checked(["rm", "-rf", "--one-file-system", place], f"cannot remove {place}")


# --- locks ------------------------------------------------------------------------------------------------------------

held: dict[str, int] = {}  # the descriptors of shared locks: this process uses these directories until it ends


def open_lock(path: str, how: int) -> int:
    """Opens and locks a file, which is made if need be, and which another process may remove while it is locked."""
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(number, how)
            if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(number)):
                return number
        except BlockingIOError:
            os.close(number)
            raise
        os.close(number)


@contextlib.contextmanager
def apt_caches(suite: str) -> Iterator[list[tuple[str, str]]]:
    """Yields the mounts that give a chroot the package files and lists of this release; one user at a time."""
    top = os.path.join(CACHE, f"apt-{suite}")
    folders = [(os.path.join(top, "archives"), "/var/cache/apt/archives"),
               (os.path.join(top, "lists"), "/var/lib/apt/lists")]
    number = open_lock(top + ".lock", fcntl.LOCK_EX)
    try:
        for folder, _ in folders:
            os.makedirs(os.path.join(folder, "partial"), exist_ok=True)
        yield folders
    finally:
        os.close(number)


def remove_unused(stem: str, current: str) -> None:
    """Removes the directories of this name with other packages that nobody has used for a day."""
    for lock in glob.glob(os.path.join(CACHE, glob.escape(stem) + "-*.lock")):
        place = lock.removesuffix(".lock")
        if place == current or not re.fullmatch(re.escape(stem) + "-[0-9a-f]{8}", os.path.basename(place)) \
                or time.time() - os.stat(lock).st_mtime < UNUSED:
            continue
        with contextlib.suppress(BlockingIOError):
            number = open_lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                remove(place)
                os.unlink(lock)
            finally:
                os.close(number)


# --- making them ------------------------------------------------------------------------------------------------------


def told(place: str, began: float) -> None:
    size = checked(["du", "-sm", "--one-file-system", place], f"cannot measure {place}").split()[0]
    print(f"made {place}: {size} MB, in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def bootstrap(suite: str, half: str) -> None:
    """Makes a minimal Debian."""
    with apt_caches(suite) as ((archives, _), _):
        checked([*private_mounts(), "debootstrap", "--variant=minbase", "--cache-dir=" + archives, suite, half,
                 *filter(None, [mirror()])], f"debootstrap {suite} failed")
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(os.path.join(half, folder))
        os.mkdir(os.path.join(half, folder))
    for name, text in ADDED.items():
        with open(os.path.join(half, name), "w", encoding="ascii") as file:
            file.write(text)
    os.chmod(os.path.join(half, "usr/sbin/policy-rc.d"), 0o755)


def install(suite: str, root: str, packages: Iterable[str], *options: str) -> None:
    """Installs packages in a root directory of this release, from the cache as far as it has them."""
    shutil.copyfile("/etc/resolv.conf", os.path.join(root, "etc/resolv.conf"))
    with apt_caches(suite) as mounts:
        def apt(*command: str) -> None:
            checked(inside(root, "apt-get", "-q", "-y", *command, mounts=mounts),
                    f"in Debian {suite}, apt-get {command[0]}")

        command = ("install", "--no-install-recommends", *options, *packages)
        try:
            apt(*command)
        except AssertionError:  # there are no package lists, or they are older than what the mirror has
            apt("update", "--error-on=any")
            apt(*command)


def build_chroot(suite: str, packages: Sequence[str], place: str) -> None:
    """Makes a new root directory with these packages; an AssertionError says why it did not work."""
    began = time.monotonic()
    half = place + ".half"
    remove(half)
    try:
        if not packages:
            print(f"downloading Debian {suite} into {place}, once", file=sys.stderr, flush=True)
            bootstrap(suite, half)
        else:
            original = chroot(suite)
            print(f"installing packages in {place}, once; this takes a minute or two", file=sys.stderr, flush=True)
            checked(["cp", "-a", "--reflink=auto", original, half], f"cannot copy {original}")
            install(suite, half, packages)
    except BaseException:
        remove(half)
        raise
    os.rename(half, place)
    told(place, began)


def make_once(suite: str, packages: Sequence[str], place: str) -> None:
    """Makes a chroot, or waits until another process has made it."""
    lock = open_lock(place + ".lock", fcntl.LOCK_EX)
    try:
        if not os.path.exists(place):
            build_chroot(suite, packages, place)
    except AssertionError as failure:
        harness.need(False, str(failure))
    finally:
        os.close(lock)


def chroot(suite: str, packages: Sequence[str] = (), name: str = "") -> str:
    """Returns the directory of a Debian release with these packages, or of a minimal one.

    It is made once and kept: as `name`, together with the hash of the list.
    """
    harness.need(os.geteuid() == 0, f"root, to make a Debian {suite}")
    harness.need(shutil.which("debootstrap", path=PATH), f"debootstrap, to get a Debian {suite}")
    digest = hashlib.sha256(" ".join([MADE_LIKE_THIS, suite, *sorted(packages)]).encode()).hexdigest()[:8]
    stem = name or suite if packages else f"{suite}-minimal"
    place = os.path.join(CACHE, f"{stem}-{digest}")
    os.makedirs(CACHE, mode=0o755, exist_ok=True)
    while place not in held or not os.path.exists(place):
        if place in held:  # it was removed by hand
            os.close(held.pop(place))
        lock = open_lock(place + ".lock", fcntl.LOCK_SH)
        if not os.path.exists(place):
            os.close(lock)
            make_once(suite, packages, place)
            remove_unused(stem, place)
            continue
        os.set_inheritable(lock, True)  # a test that executes itself anew goes on using it
        os.utime(lock)
        held[place] = lock
    return place


def download(suite: str, packages: Iterable[str]) -> None:
    """Fetches the package files that a minimal Debian needs for these packages into the cache."""
    install(suite, chroot(suite), packages, "--download-only")


class Copy:
    """A copy of a chroot, for one test: what the test changes is gone at its end. A context manager, or close() it."""

    def __init__(self, original: str) -> None:
        self.suite = codename_of(original)
        self.top = tempfile.mkdtemp(prefix="podop-root-", dir="/tmp")
        os.chmod(self.top, 0o755)
        self.place = os.path.join(self.top, "root")
        for name in ("root", "upper", "work"):
            os.mkdir(os.path.join(self.top, name))
        layers = f"lowerdir={original},upperdir={self.top}/upper,workdir={self.top}/work"
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.place], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            checked(["cp", "-a", "--reflink=auto", original + "/.", self.place], f"cannot copy {original}")

    def __enter__(self) -> "Copy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes it; whatever runs in it must have ended."""
        if os.path.ismount(self.place):
            checked(["umount", "--recursive", "--lazy", self.place], f"cannot unmount {self.place}")
        remove(self.top)

    def path(self, name: str) -> str:
        """Returns the path out here of a path in there."""
        return self.place + name

    def install(self, *packages: str) -> None:
        """Installs packages, from the cache as far as it has them."""
        install(self.suite, self.place, packages)

    def inside(self, *command: str, mounts: Iterable[tuple[str, str]] = ()) -> list[str]:
        """Returns the command that runs a command in there."""
        return inside(self.place, *command, mounts=mounts)

    def run(self, *command: str, apt: bool = False, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in there; with `apt` it finds the cache of package files, which it then has for itself."""
        with contextlib.ExitStack() as stack:
            mounts = stack.enter_context(apt_caches(self.suite)) if apt else []
            done = subprocess.run(self.inside(*command, mounts=mounts), stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, env=environment(), check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done


def codename_of(place: str) -> str:
    """Returns the name of the Debian release in a root directory."""
    with open(os.path.join(place, "etc/os-release"), encoding="utf-8") as file:
        found = re.search(r"(?m)^VERSION_CODENAME=(\w+)", file.read())
    assert found
    return found[1]


# --- the release that this system does not have -----------------------------------------------------------------------


def listed_packages(*sections: str) -> list[str]:
    """Returns the packages of these sections of tests/packages."""
    found: list[str] = []
    section = ""
    with open(os.path.join(SOURCE, "tests", "packages"), encoding="utf-8") as file:
        for line in map(str.strip, file):
            if heading := re.fullmatch(r"\[(\w+)\]", line):
                section = heading[1]
            elif line and not line.startswith("#") and section in sections:
                found += line.split()
    return found


def with_peers(suite: str) -> str:
    """Returns the chroot that the tests of another release share: with what builds podop, Postfix and Dovecot.

    scripts/test sets ONLY_INSTALLED where it runs the same tests in that chroot itself.
    """
    if os.environ.get(ONLY_INSTALLED):
        raise unittest.SkipTest(f"{ONLY_INSTALLED} is set: peers of Debian {suite} are asked there")
    return chroot(suite, listed_packages("build", "peers"))
