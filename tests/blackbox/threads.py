"""An exception in a thread fails the test that runs meanwhile.

Python only prints what a thread raises. Here it is also kept until the test case at work takes it (harness.Case),
so a scripted backend that goes wrong cannot look like a backend that only closed its connection.
"""

import threading
import traceback


class ThreadErrors:
    """The exceptions that ended threads, as tracebacks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: list[str] = []
        self._print = threading.excepthook

    def hook(self, args: threading.ExceptHookArgs) -> None:
        """Keeps and prints an exception; for threading.excepthook."""
        if args.exc_type is SystemExit:
            return
        thread = args.thread.name if args.thread else "a thread"
        trace = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
        with self._lock:
            self._texts.append(f"{thread}: " + "".join(trace))
        self._print(args)

    def take(self) -> list[str]:
        """Returns the exceptions since the last call."""
        with self._lock:
            texts, self._texts = self._texts, []
        return texts

    def check(self) -> None:
        """Fails if a thread ended with an exception since the last call."""
        if texts := self.take():
            raise AssertionError("an exception in a thread:\n" + "\n".join(texts))


thread_errors = ThreadErrors()
threading.excepthook = thread_errors.hook
