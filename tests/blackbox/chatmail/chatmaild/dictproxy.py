"""The methods that chatmail's proxies have in common."""


class DictProxy:
    """A proxy that knows nothing. Fields are those of Dovecot's lines, and replies are such lines."""

    def handle_lookup(self, _parts: list[str]) -> str:
        """Answers a lookup."""
        return "N\n"

    def handle_iterate(self, _parts: list[str]) -> str | None:
        """Answers an iteration; None if there is no answer."""
        return "\n"

    def handle_set(self, _addr: str, _parts: list[str]) -> bool:
        """Makes a change of a transaction of this user; returns whether it was made."""
        return False

    def serve_forever_from_socket(self, socket: str) -> None:
        """Listens; the stand-in does not."""
        raise NotImplementedError(socket)
