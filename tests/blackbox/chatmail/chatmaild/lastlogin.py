"""Last logins, which nobody looks up here."""

import sys

from . import Config
from .dictproxy import DictProxy


class LastLoginDictProxy(DictProxy):
    """The proxy of last_login_dict."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def handle_set(self, _addr: str, parts: list[str]) -> bool:
        space, name, user = parts[1].split("/", 2)
        if (space, name) != ("shared", "last-login"):
            return False
        (self.config.home(user) / "last-login").write_text(str(int(parts[2])), encoding="ascii")
        return True


def main() -> None:
    """Sets the proxy up and serves it."""
    socket, config = sys.argv[1:]
    LastLoginDictProxy(Config(config)).serve_forever_from_socket(socket)
