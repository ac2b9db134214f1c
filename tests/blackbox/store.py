"""A backend's memory: keeps the values that podop writes and gives them back."""

import json
import threading

from harness import Answer, Request, http, to_bytes


class Store:
    """For Backend(default=...): keeps the JSON texts that are written, by request target."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = {to_bytes(target): to_bytes(text) for target, text in (values or {}).items()}
        self._gates: dict[tuple[str, bytes], threading.Event] = {}

    def hold(self, method: str, target: str, gate: threading.Event) -> None:
        """Makes requests for the target wait for the event; only then are they carried out."""
        self._gates[method, to_bytes(target)] = gate

    def __call__(self, request: Request) -> Answer:
        def answer() -> bytes:
            return self._answer(request)

        gate = self._gates.get((request.method, request.target))
        return (gate, answer) if gate else (answer,)

    def _answer(self, request: Request) -> bytes:
        """Carries out a request."""
        method, target = request.method, request.target
        if method == "GET":
            if target.endswith(b"/"):
                names = [key[len(target):].decode() for key in sorted(self.values) if key.startswith(target)]
                return http(json.dumps(names)) if names else http(status=404)
            return http(self.values[target]) if target in self.values else http(status=404)
        if method == "POST":
            self.values[target] = request.body
            return http(status=204)
        if target not in self.values:
            return http(status=404)
        if method == "DELETE":
            del self.values[target]
        elif method == "PATCH":
            self.values[target] = b"%d" % (int(self.values[target]) + json.loads(request.body)["inc"])
        else:
            return http(status=405)
        return http(status=204)
