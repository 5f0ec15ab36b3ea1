"""A thread that works, waits until it is woken or a time has passed, and ends on request.

The order of clearing and testing the events is defined here once, so that no request to stop or to wake is lost.
"""

from collections.abc import Callable, Iterator
from threading import Event, Thread


class WorkerThread:
    """Runs `work` on a thread of its own; what that raises goes to `crashed`, without one to `threading.excepthook`."""

    def __init__(
        self, name: str, work: Callable[[], None], crashed: Callable[[BaseException], None] | None = None
    ) -> None:
        self._work = work
        self._crashed = crashed
        self._wake = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Tell it to end and wait for that, for so many seconds at most; also if it was never started."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def wake(self) -> None:
        """End its rest, or its next one if it is at work."""
        self._wake.set()

    def stopping(self) -> bool:
        """Return whether it was told to end."""
        return self._stopping.is_set()

    # -- for the work itself

    def turns(self) -> Iterator[None]:
        """Yield until it is told to end; whoever wakes it during a turn wants another one."""
        while True:
            self._wake.clear()
            if self._stopping.is_set():  # looked at after the clearing, which may have taken the last call
                return
            yield

    def rest(self, seconds: float | None = None) -> None:
        """Wait until somebody wakes it, for so many seconds at most."""
        self._wake.wait(seconds)

    def pause(self, seconds: float) -> bool:
        """Wait, whoever wakes it; return whether it was told to end."""
        return self._stopping.wait(seconds)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            if self._crashed is None:
                raise
            self._crashed(error)
