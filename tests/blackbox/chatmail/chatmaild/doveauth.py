"""Users and passwords: whoever is not known yet and is allowed to gets an account."""

import base64
import hashlib
import json
import os
import re
import sys

from . import Config
from .dictproxy import DictProxy


def words(text: str) -> list[str]:
    """Splits at quotes; a backslash takes the meaning from the next character, which must be there."""
    found, at = [""], 0
    while at < len(text):
        if text[at] == '"':
            found.append("")
        else:
            at += text[at] == "\\"
            found[-1] += text[at]
        at += 1
    return found


def hashed(password: str) -> str:
    """Returns a hash that Dovecot can check."""
    salt = os.urandom(8)
    return "{SSHA256}" + base64.b64encode(hashlib.sha256(password.encode() + salt).digest() + salt).decode()


class AuthDictProxy(DictProxy):
    """The proxy of passdb and userdb."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def handle_lookup(self, parts: list[str]) -> str:
        space, kind, rest = parts[0].split("/", 2)
        *password, user = words(rest)
        if space != "shared" or kind not in ("passdb", "userdb"):
            return "F\n"
        if not user.endswith("@" + self.config.domain):
            return "N\n"
        home = self.config.home(user)
        if not home.exists():
            if kind == "userdb" or not self.may_create(user, password[0]):
                return "N\n"
            home.mkdir()
            (home / "password").write_text(hashed(password[0]), encoding="ascii")
            print(f"created {user}", file=sys.stderr)
        fields = {"addr": user, "home": f"{self.config.homes}/{user}", "uid": self.config.uid, "gid": self.config.uid,
                  "password": (home / "password").read_text(encoding="ascii")}
        return "O" + json.dumps(fields) + "\n"

    @staticmethod
    def may_create(user: str, password: str) -> bool:
        """Returns whether there may be a new account."""
        return len(password) >= 9 and re.fullmatch(r"[a-z0-9._-]{9}@.*", user) is not None

    def handle_iterate(self, parts: list[str]) -> str | None:
        if parts[2] != "shared/userdb/":
            return None
        users = (path.name for path in self.config.folder.iterdir() if "@" in path.name)
        return "".join(f"Oshared/userdb/{user}\t\n" for user in users) + "\n"


def main() -> None:
    """Sets the proxy up and serves it."""
    socket, config = sys.argv[1:]
    AuthDictProxy(Config(config)).serve_forever_from_socket(socket)
