"""uvicorn as this service needs it: told to end, where it would look ten times a second whether it is to.

It must not do anything else in another way than uvicorn does.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

_TICK = 1.0
"""Seconds between two looks at the clock, for the header `Date`."""


class Server(uvicorn.Server):
    """Serves until `end`; `on_shutdown` is called before it waits for the answers that are being given.

    It belongs to the event loop that runs when it is made; only `end` is called by other threads.
    """

    def __init__(self, config: uvicorn.Config, on_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_shutdown = on_shutdown
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Serve no more."""
        self.should_exit = True
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._ended.set)

    async def main_loop(self) -> None:
        """Keep the clock until it is time to end."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send away who would never go by himself, then end as uvicorn does."""
        self._on_shutdown()
        await super().shutdown(sockets)
