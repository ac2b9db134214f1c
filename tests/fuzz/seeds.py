"""Writes what real clients have sent, by tests/blackbox/captures, as inputs of the fuzzers of their protocols:

    seeds.py FOLDER

makes FOLDER/dict and FOLDER/socketmap, with one file for each conversation that differs from the others."""

import collections
import hashlib
import os
import sys

sys.dont_write_bytecode = True  # the folder of the source stays as it is
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "blackbox"))

import capture_files  # noqa: E402

BYTES_MAX = 4096  # libFuzzer takes longer inputs only if -max_len says so
DICT = ("dict-", "imap-", "quota-", "sieve-")
SOCKETMAP = ("postmap", "smtpd-", "postfix-", "sendmail-", "opensmtpd-", "exim-", "smtp-")


def target_of(name: str) -> str:
    """Returns the fuzzer for the protocol of a capture, or "" when there is none."""
    return "dict" if name.startswith(DICT) else "socketmap" if name.startswith(SOCKETMAP) else ""


def conversations(name: str) -> list[bytes]:
    """Returns what each client of a capture has sent on one connection."""
    sent: dict[tuple[str, str], bytes] = collections.defaultdict(bytes)
    for title, events in capture_files.Capture(name).steps:
        for what, connection, octets in events:
            if what.startswith(">"):
                sent[title, connection] += octets
    return [octets for octets in sent.values() if octets]


def write(folder: str, octets: bytes) -> None:
    """Writes an input: fuzzers of sessions take the first byte as a seed of their random choices."""
    digest = hashlib.sha256(octets).digest()
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, digest.hex()[:16]), "wb") as file:
        file.write(digest[:1] + octets)


def main(folder: str) -> None:
    """Writes all inputs."""
    for name in sorted(os.listdir(capture_files.FOLDER)):
        for octets in conversations(name) if target_of(name) else ():
            if len(octets) < BYTES_MAX:
                write(os.path.join(folder, target_of(name)), octets)


if __name__ == "__main__":
    main(*sys.argv[1:])
