"""Several servers that serve together, started in parallel."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Generic, TypeVar

from midonet.testbed.server import Scoped, Server

Member = TypeVar("Member", bound=Server)


class Group(Scoped, Generic[Member]):
    """Servers that need each other; every member can be killed, frozen and restarted on its own."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members

    def start(self) -> None:
        """Start all members, and return when each serves; as `Server.start`."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.launch, self.members))
        for member in self.members:
            member.await_serving()

    def close(self) -> None:
        """Kill all members, remove their data and release their ports."""
        with ExitStack() as stack:
            for member in self.members:
                stack.callback(member.close)
