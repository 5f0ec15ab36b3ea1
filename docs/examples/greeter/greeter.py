"""A service that greets every bridge: by a line in the journal, and by a counter."""

import logging
from collections.abc import Sequence

from msgspec import Struct

from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.services.runtime.service import Service


class Settings(Struct, frozen=True):
    """What may be set below `services.greeter`."""

    word: str = "hello"


class Greeter(Service):
    """Follows the log as long as it runs."""

    settings = Settings

    def start(self) -> None:
        """Begin to listen."""
        self.word = self.context.config(Settings).word
        self.greeted = self.context.meters.counter("bridges", "Bridges that were greeted.")
        self.context.feed.subscribe(self)

    def stop(self) -> None:
        """Listen no more."""
        self.context.feed.unsubscribe(self)

    def attach(self, topology: Topology) -> None:
        """Greet the bridges that are there."""
        self.greeted.inc(len(topology.all("bridge")))

    def apply(self, changes: Sequence[Change]) -> None:
        """Greet those that come."""
        for change in changes:
            if change.kind == "bridge" and change.old is None:
                self.greeted.inc()
                self.context.log(logging.INFO, self.word, bridge=change.new.name or change.id)

    def wake(self) -> None:
        """Do nothing: there is no slow work."""
