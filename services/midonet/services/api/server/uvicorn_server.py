"""uvicorn with a shutdown by event, instead of a check ten times a second.

Everything else must behave as in uvicorn.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

_TICK = 1.0
"""Seconds between updates of the header `Date`."""


class Server(uvicorn.Server):
    """Serves until `end`; `on_shutdown` is called before it waits for the requests in progress.

    It belongs to the event loop of its constructor; only `end` is thread-safe.
    """

    def __init__(self, config: uvicorn.Config, on_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_shutdown = on_shutdown
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop serving."""
        self.should_exit = True
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._ended.set)

    async def main_loop(self) -> None:
        """Update the clock until `end`."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the watches, then shut down as uvicorn does."""
        self._on_shutdown()
        await super().shutdown(sockets)
