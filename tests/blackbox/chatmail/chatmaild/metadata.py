"""METADATA: tokens of devices, some texts for all, and notices of new mail, which a thread sends."""

import json
import queue
import sys
import threading

from . import Config
from .dictproxy import DictProxy

PREFIX = "vendor/vendor.dovecot/pvt/server/vendor/deltachat/"
TEXTS = {"irohrelay": "https://relay.example", "maxsmtprecipients": "1000", "appversions": '{"a":1}'}


class MetadataDictProxy(DictProxy):
    """The proxy of mail_attribute_dict."""

    def __init__(self, config: Config) -> None:
        self.config, self.lock = config, threading.Lock()
        self.notices: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self.send_notices, daemon=True).start()

    def send_notices(self) -> None:
        """Writes each notice into a file; without an end."""
        while True:
            user = self.notices.get()
            with open(self.config.folder / "notices", "a", encoding="utf-8") as file:
                file.write(json.dumps([user, *self.tokens(user)]) + "\n")

    def tokens(self, user: str) -> list[str]:
        """Returns the tokens of a user."""
        path = self.config.home(user) / "tokens"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []

    def handle_lookup(self, parts: list[str]) -> str:
        space, _, name = parts[0].split("/", 2)
        if (space, name) == ("priv", "devicetoken"):
            return f"O{' '.join(self.tokens(parts[1]))}\n"
        text = TEXTS.get(name.removeprefix(PREFIX)) if space == "shared" and name.startswith(PREFIX) else None
        return "N\n" if text is None else f"O{text}\n"

    def handle_set(self, addr: str, parts: list[str]) -> bool:
        match parts[1].split("/"):
            case ["priv", _, "devicetoken"]:
                with self.lock:
                    text = json.dumps([*self.tokens(addr), parts[2]])
                    (self.config.home(addr) / "tokens").write_text(text, encoding="utf-8")
            case ["priv", _, "messagenew"]:
                self.notices.put(addr)
            case _:
                return False
        return True


def main() -> None:
    """Sets the proxy up and serves it."""
    socket, config = sys.argv[1:]
    MetadataDictProxy(Config(config)).serve_forever_from_socket(socket)
