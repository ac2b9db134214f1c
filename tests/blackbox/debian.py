"""Debian releases in chroots, each made once and kept, for programs that this system has in another version."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys

import harness

PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
CACHE = os.environ.get("PODOP_TEST_CACHE", "/var/cache/podop-tests")


def mirror():
    """Returns the URL of the Debian mirror that this machine uses; "" if there is none."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        with open("/etc/os-release", encoding="utf-8") as file:
            release = re.search(r"(?m)^VERSION_CODENAME=(\w+)", file.read())
        lines = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
                                "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
        return next((uri for name, component, uri in map(str.split, lines.splitlines())
                     if release and (name, component) == (release[1], "main")), "")
    return ""


def private_mounts():
    """Returns a command prefix that keeps the mounts of a command to itself. In a chroot that is not a mount
    point, propagation cannot be changed, and only debootstrap's own unmounting removes them."""
    alone = ["unshare", "--mount"]
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return alone
    return [*alone, "--propagation", "unchanged"]


def build_chroot(suite, packages, place):
    """Installs a Debian release with these packages into a new directory; an AssertionError says why it did not work.

    In a mount namespace of its own, so that no mount can stay behind.
    """
    uri = mirror()
    if not uri:
        raise AssertionError("apt names no Debian mirror")
    half = place + ".half"
    shutil.rmtree(half, ignore_errors=True)
    print(f"making a Debian {suite} in {place}, once; this takes a minute or two", file=sys.stderr, flush=True)
    done = subprocess.run([*private_mounts(), "debootstrap", "--variant=minbase",
                           "--include=" + ",".join(packages), suite, half, uri],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    if done.returncode != 0:
        shutil.rmtree(half, ignore_errors=True)
        raise AssertionError(f"debootstrap {suite} failed:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    shutil.rmtree(os.path.join(half, "var/cache/apt/archives"))
    os.rename(half, place)


def chroot(suite, packages, name=None):
    """Returns the directory of a Debian release with these packages; it is made once and kept as `name`."""
    harness.need(shutil.which("debootstrap", path=PATH), f"debootstrap, to get a Debian {suite} with {packages[0]}")
    os.makedirs(CACHE, mode=0o755, exist_ok=True)
    place = os.path.join(CACHE, name or suite)
    with open(place + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(place):
            try:
                build_chroot(suite, packages, place)
            except AssertionError as failure:
                harness.need(False, str(failure))
    return place
