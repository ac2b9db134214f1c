"""A backend that answers in random order."""

import random
import threading

from harness import GUARD, Answer, Backend, Request, echo


class RandomOrder:
    """For Backend(default=...): delays echoes until release() lets them go in random order, the same in each run."""

    def __init__(self) -> None:
        self._waiting: list[threading.Event] = []
        self._news = threading.Condition()
        self.backend: Backend | None = None  # of whose gates the answers wait, so that its stop() ends them all

    def __call__(self, request: Request) -> Answer:
        gate = self.backend.gate() if self.backend else threading.Event()
        with self._news:
            self._waiting.append(gate)
            self._news.notify()
        return gate, echo(request)

    def _release(self, number: int, at_first: int) -> None:
        chance = random.Random(1)
        for done in range(number):
            with self._news:
                if not self._news.wait_for(lambda: len(self._waiting) >= (1 if done else at_first), GUARD):
                    raise AssertionError(f"after {done} answers no request came")
                self._waiting.pop(chance.randrange(len(self._waiting))).set()

    def release(self, number: int, at_first: int) -> threading.Thread:
        """Starts a thread that releases so many answers, the first one when `at_first` requests wait."""
        thread = threading.Thread(target=self._release, args=(number, at_first), name="releaser", daemon=True)
        thread.start()
        return thread
