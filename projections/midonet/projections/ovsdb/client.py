"""A connection to an OVSDB server: JSON-RPC calls, monitors and an inactivity probe (RFC 7047 §4).

One thread reads; any thread may call and waits for its answer. A broken connection is not restored: create a new
client. The client never retries, because only the caller knows which calls are safe to repeat.
"""

import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

import msgspec

from midonet.events.errors import Rejected, Unavailable
from midonet.projections.ovsdb.connect import Address, describe_error, open_socket
from midonet.projections.ovsdb.json_framing import Framer
from midonet.projections.ovsdb.tls import SecureSocket

CALL_SECONDS = 10.0
"""Default time-out of a call in seconds."""

PROBE_SECONDS = 4.0
"""Seconds without data after which the client sends an echo request; after twice this time the connection is closed."""

DUMP_SECONDS = 60.0
"""Seconds that a server may need to prepare the initial dump of a monitor."""

_CHUNK = 64 * 1024
_UNTRACKED_ID = "unheard"
"""Id of requests with ignored answers."""

Answer = Callable[[], list[Any]]
"""Waits for the results of a transaction that was sent."""

Updates = Mapping[str, Mapping[str, Any]]
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(dict[str, Any])


class Client:
    """One connection; every method raises `Unavailable` once it is broken.

    `timeout` (seconds) is the default time-out of calls. `on_lost` is called once with the reason, from any thread,
    when the connection breaks, but not by `close`.
    """

    def __init__(
        self,
        address: Address,
        *,
        timeout: float = CALL_SECONDS,
        probe: float = PROBE_SECONDS,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.address = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        self._timeout = timeout
        self._silence_limit = 2 * probe
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._unsent: deque[bytes] = deque()
        self._error: str | None = None
        self._ids = count(1)
        self._calls: dict[int, tuple[Future[Any], Callable[[Any], object] | None]] = {}
        self._monitors: dict[str, Callable[[Updates], object]] = {}
        self._owned: set[str] = set()
        self._socket = self._connect(address)
        self._socket.settimeout(probe)
        self._reader = threading.Thread(target=self._read, name=f"ovsdb {self.address}", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether no error has occurred yet."""
        return self._error is None

    def call(self, method: str, params: Sequence[Any], *, timeout: float | None = None) -> Any:
        """Call a method and return its result; `Rejected` with the server's message if it refuses."""
        return self._call(method, params, timeout or self._timeout)

    def transact(self, database: str, operations: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Run operations as one transaction and return their results.

        Raises `Rejected` if an operation or the commit fails; then nothing has changed. Its details are the server's
        `error` and the index of the `operation` (the number of operations if the commit failed).
        """
        return self.begin(database, operations)()

    def begin(self, database: str, operations: Sequence[Mapping[str, Any]]) -> Answer:
        """Send a transaction without waiting; return a function that awaits its results and raises as `transact`."""
        answer = self._request("transact", [database, *operations])
        self._send_now()
        return lambda: self._results(self._wait(answer, "transact", self._timeout))

    def monitor(
        self, database: str, columns: Mapping[str, Sequence[str]], on_update: Callable[[Updates], object]
    ) -> None:
        """Monitor columns by table; return after `on_update` was called with the initial dump.

        `on_update` runs in the reading thread, for every update in the order of the commits; the update of a
        transaction of this client precedes the return of `transact`.
        """
        name = f"monitor-{next(self._ids)}"
        requests = {table: {"columns": list(names)} for table, names in columns.items()}
        self._monitors[name] = on_update
        patience, self._silence_limit = self._silence_limit, DUMP_SECONDS
        self._call("monitor", [database, name, requests], DUMP_SECONDS, then=on_update)
        self._silence_limit = patience

    def steal(self, lock: str) -> None:
        """Steal a lock (RFC 7047 §4.1.8); `Rejected` by a server without locks."""
        self._owned.add(lock)  # before the server can report that another client stole it
        try:
            self._call("steal", [lock], self._timeout)
        except Rejected:
            self._owned.discard(lock)
            raise

    def owns(self, lock: str) -> bool:
        """Return whether the lock was acquired and no notification of its loss has arrived."""
        return lock in self._owned

    def echo(self) -> None:
        """Wait for an answer of the server; all updates of earlier commits have been delivered then."""
        self.call("echo", [])

    def close(self) -> None:
        """Close the connection; waiting calls get `Unavailable`."""
        self._on_lost = lambda _: None
        self._disconnect("the connection was closed")
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _connect(self, address: Address) -> socket.socket | SecureSocket:
        try:
            return open_socket(address)
        except OSError as error:
            raise self._unavailable(describe_error(error)) from None

    def _results(self, results: list[Any]) -> list[Any]:
        for index, result in enumerate(results):
            if result is not None and "error" in result:
                raise self._refused("a transaction", result, operation=index)
        return results

    def _call(
        self, method: str, params: Sequence[Any], timeout: float, then: Callable[[Any], object] | None = None
    ) -> Any:
        return self._wait(self._request(method, params, then), method, timeout)

    def _request(self, method: str, params: Sequence[Any], then: Callable[[Any], object] | None = None) -> Future[Any]:
        """Queue a request for sending; return the future of its answer."""
        answer: Future[Any] = Future()
        with self._lock:
            if self._error is not None:
                raise self._unavailable(self._error)
            number = next(self._ids)
            self._calls[number] = answer, then
        self._unsent.append(_encoder.encode({"method": method, "params": params, "id": number}))
        return answer

    def _wait(self, answer: Future[Any], method: str, timeout: float) -> Any:
        self._flush()
        try:
            return answer.result(timeout)
        except TimeoutError:
            self._disconnect(f"no answer to {method} within {timeout:g} s")
            raise self._unavailable(f"no answer to {method} within {timeout:g} s") from None

    def _send(self, message: Mapping[str, Any]) -> None:
        self._unsent.append(_encoder.encode(message))
        self._flush()

    def _flush(self) -> None:
        """Send queued messages, in order."""
        try:
            with self._sending:
                while self._unsent:
                    self._socket.sendall(self._unsent.popleft())
        except OSError as error:
            self._disconnect(describe_error(error))

    def _send_now(self) -> None:
        """Send queued messages as far as possible without waiting; not over TLS, which can only send whole records."""
        if isinstance(self._socket, SecureSocket) or not self._sending.acquire(blocking=False):
            return
        try:
            with contextlib.suppress(OSError):  # the send buffer is full, or `_flush` will report the error
                while self._unsent:
                    sent = os.write(self._socket.fileno(), self._unsent[0])  # a socket with a time-out would wait
                    if rest := self._unsent.popleft()[sent:]:
                        self._unsent.appendleft(rest)
        finally:
            self._sending.release()

    def _read(self) -> None:
        """Read until the connection ends."""
        reason = "the connection was closed"
        framer = Framer()
        try:
            while self.alive:
                for frame in framer.feed(self._receive()):
                    self._dispatch(_decoder.decode(frame))
        except OSError as error:
            reason = describe_error(error)
        except Exception as error:  # noqa: BLE001 - waiting calls must get an error, whatever the server sent
            reason = f"the data received is invalid ({type(error).__name__}: {error})"
        finally:
            self._disconnect(reason)
            with self._sending:  # no write to the number of a closed socket
                self._socket.close()

    def _receive(self) -> bytes:
        """Wait for data; probe a server that is silent."""
        heard = time.monotonic()
        while True:
            try:
                chunk = self._socket.recv(_CHUNK)
            except TimeoutError:
                self._probe(time.monotonic() - heard)
                continue
            if not chunk:
                raise ConnectionResetError("the server closed the connection")
            return chunk

    def _probe(self, silent: float) -> None:
        if silent >= self._silence_limit:
            raise TimeoutError(f"the server was silent for {silent:.1f} s")
        self._send({"method": "echo", "params": [], "id": _UNTRACKED_ID})

    def _dispatch(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self._answer(message)
        elif method == "echo":
            self._send({"result": message["params"], "error": None, "id": message["id"]})
        elif method == "update":
            name, updates = message["params"]
            self._monitors[name](updates)
        elif method == "stolen":
            self._release_stolen(message["params"][0])

    def _release_stolen(self, lock: str) -> None:
        """Remove a lock that was stolen, and unlock it: otherwise the server queues this client for it."""
        self._owned.discard(lock)
        self._send({"method": "unlock", "params": [lock], "id": _UNTRACKED_ID})

    def _answer(self, message: dict[str, Any]) -> None:
        with self._lock:
            answer, then = self._calls.pop(message["id"], (None, None))
        if answer is None:  # its answer is ignored
            return
        error, result = message.get("error"), message.get("result")
        if error is not None:
            answer.set_exception(self._refused("a request", error))
            return
        if then is not None:
            then(result)
        answer.set_result(result)

    def _disconnect(self, reason: str) -> None:
        """Close the connection, once; all waiting calls get an error."""
        with self._lock:
            if self._error is not None:
                return
            self._error = reason
            calls = list(self._calls.values())
            self._calls.clear()
        with contextlib.suppress(OSError):  # the peer may have closed it first
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader
        for answer, _ in calls:
            answer.set_exception(self._unavailable(reason))
        self._on_lost(f"OVSDB server {self.address}: {reason}")

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(f"OVSDB server {self.address}: {reason}", address=self.address)

    def _refused(self, what: str, error: Any, **details: Any) -> Rejected:
        fields = error if isinstance(error, dict) else {"error": error}
        text = ": ".join(str(fields[part]) for part in ("error", "details") if fields.get(part))
        return Rejected(f"OVSDB server {self.address} refused {what}: {text}", error=fields.get("error"), **details)
