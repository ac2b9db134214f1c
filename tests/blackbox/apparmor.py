"""Which files an AppArmor profile allows, as apparmor.d(5) says, for kernels without AppArmor."""

import itertools
import os
import re
import subprocess

import harness

RULE = re.compile(r"""(?m)^\s*(?P<words>(?:(?:audit|allow|deny|owner|file)\s+)*)"?(?P<path>[/@][^\s"]*)"?\s+"""
                  r"(?P<modes>[rwamlkixpPcCuU]+)(?:\s+->[^,]*)?,\s*(?:#.*)?$")
VARIABLE = re.compile(r"(?m)^(@\{\w+\})\s*\+?=\s*(.*?)\s*$")


def pattern(glob: str) -> str:
    """Returns the regular expression for a path with *, **, ?, [...] and {...}."""
    out, depth = "", 0
    for part in re.findall(r"\*\*|\[[^\]]*\]|\\.|.", glob):
        depth += (part == "{") - (part == "}")
        out += {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}.get(
            part, "|" if part == "," and depth else part if part[0] in "[\\" and len(part) > 1 else re.escape(part))
    return re.sub(r"(?<=/)(\.\*|\[\^/\]\*)$", lambda found: found[1][:-1] + "+", out)


class Profile:
    """The rules for files of a profile file without child profiles."""

    def __init__(self, path: str) -> None:
        done = subprocess.run(["apparmor_parser", "--preprocess", path], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        self.variables: dict[str, list[str]] = {}
        for name, values in VARIABLE.findall(done.stdout):
            self.variables.setdefault(name, []).extend(values.split())
        rules = [found for found in RULE.finditer(done.stdout)]
        if len(rules) < 20:
            raise AssertionError("cannot read the rules of " + path)
        self.rules = [(self.expression(found["path"]), found["modes"]) for found in rules
                      if "deny" not in found["words"]]
        self.denied = [(self.expression(found["path"]), found["modes"]) for found in rules if "deny" in found["words"]]

    def expand(self, text: str) -> list[str]:
        """Returns a text for each combination of values of the variables in it."""
        found = re.search(r"@\{\w+\}", text)
        if found is None:
            return [text]
        return list(itertools.chain.from_iterable(
            self.expand(text[:found.start()] + value.strip('"') + text[found.end():])
            for value in self.variables[found[0]]))

    def expression(self, path: str) -> re.Pattern[str]:
        return re.compile("|".join(pattern(re.sub("/+", "/", text)) for text in self.expand(path)))

    def missing(self, path: str, modes: str) -> str:
        """Returns those of the modes r, w, m and x that the profile does not allow for a path."""
        def granted(rules: list[tuple[re.Pattern[str], str]]) -> set[str]:
            return set("".join(mode for expression, mode in rules if expression.fullmatch(path)))

        return "".join(sorted(set(modes) - (granted(self.rules) - granted(self.denied))))


# Calls with a path, and the modes that AppArmor wants for it; a file that is looked at only needs none.
CALLS = {"execve": "x", "connect": "rw", "bind": "w", "unlink": "w", "unlinkat": "w", "rename": "w", "renameat": "w",
         "renameat2": "w", "mkdir": "w", "mkdirat": "w", "chmod": "w", "fchmodat": "w", "lchown": "w", "chown": "w",
         "fchownat": "w", "lsetxattr": "w", "symlink": "w", "link": "w"}
TRACED = ",".join([*CALLS, "open", "openat", "openat2"])


def used(trace: str) -> set[tuple[str, str]]:
    """Returns each path of a trace of strace, and the modes for it, of calls that succeeded or were denied."""
    found = set()
    for line in trace.splitlines():
        call = re.match(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?: (\w+))?", line)
        if call is None or (call[3] == "-1" and call[4] not in ("EACCES", "EPERM", "EINPROGRESS")):
            continue
        modes = CALLS.get(call[1])
        if modes is None:
            if "O_PATH" in call[2]:
                continue
            modes = "rw" if "O_RDWR" in call[2] else "w" if "O_WRONLY" in call[2] else "r"
        for text in re.findall(r'"(/[^"]*)"', call[2].split("[")[0] if call[1] == "execve" else call[2]):
            path = os.path.join(os.path.realpath(os.path.dirname(text)), os.path.basename(text)) \
                if call[1] in ("unlink", "rename", "lchown", "lsetxattr", "bind") else os.path.realpath(text)
            found.add((path, modes + ("m" if re.search(r"\.so(\.|$)", path) and modes == "r" else "")))
    if not found:
        raise AssertionError("the trace has no call")
    return found


def is_enabled() -> bool:
    """Returns True if the kernel has AppArmor and uses it."""
    try:
        with open("/sys/module/apparmor/parameters/enabled", encoding="ascii") as file:
            return file.read().strip() == "Y"
    except FileNotFoundError:
        return False


def check(path: str) -> None:
    """Fails if the parser has anything to say of a profile; loads nothing."""
    done = subprocess.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--skip-read-cache", path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.GUARD, check=False)
    told = [line for line in done.stderr.splitlines() if "Kernel needs AppArmor" not in line]
    if done.returncode != 0 or told:
        raise AssertionError(f"{path}: status {done.returncode}\n" + "\n".join(told))
