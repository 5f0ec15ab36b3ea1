"""A thread that works, waits until it is woken or a time has passed, and ends on request.

The order of clearing and testing the events is defined here once, so that no request to stop or to wake is lost.
"""

from collections.abc import Callable, Iterator
from threading import Event, Thread


class WorkerThread:
    """Runs `work` on a thread of its own; what that raises goes to `crashed`, without one to `threading.excepthook`.

    `patience`: seconds for which `stop` waits at most.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        crashed: Callable[[BaseException], None] | None = None,
        patience: float | None = None,
    ) -> None:
        self._work = work
        self._crashed = crashed
        self._patience = patience
        self._wake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._guarded_work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Request the end and wait for it, for `seconds` at most; allowed before the start, too."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(self._patience if seconds is None else seconds)

    def wake(self) -> None:
        """End the present `wait`, or the next one if it is working."""
        self._wake.set()

    def stopping(self) -> bool:
        """Return whether the end was requested."""
        return self._stopping.is_set()

    # -- called by `work`

    def iterations(self) -> Iterator[None]:
        """Yield until the end is requested; a `wake` during an iteration starts another one."""
        while True:
            self._wake.clear()
            if self._stopping.is_set():  # tested after `clear`, which may have dropped the wake-up of `stop`
                return
            yield

    def wait(self, seconds: float | None = None) -> None:
        """Wait for `wake`, for `seconds` at most."""
        self._wake.wait(seconds)

    def sleep(self, seconds: float) -> bool:
        """Wait for the end only; return whether it was requested."""
        return self._stopping.wait(seconds)

    def _guarded_work(self) -> None:
        try:
            self._work()
        except Exception as error:
            if self._crashed is None:
                raise
            self._crashed(error)
