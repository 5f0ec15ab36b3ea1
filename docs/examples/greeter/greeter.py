"""A service that writes a log line and increments a counter for every bridge."""

import logging
from collections.abc import Sequence

from msgspec import Struct

from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.services.runtime.service import Service


class Settings(Struct, frozen=True):
    """Settings below `services.greeter`."""

    word: str = "hello"


class Greeter(Service):
    """Counts bridges and greets new ones."""

    settings = Settings

    def start(self) -> None:
        """Subscribe to the feed."""
        self.word = self.context.config(Settings).word
        self.greeted = self.context.metrics.counter("bridges", "Bridges that were greeted.")
        self.context.feed.subscribe(self)

    def stop(self) -> None:
        """Unsubscribe from the feed."""
        self.context.feed.unsubscribe(self)

    def attach(self, topology: Topology) -> None:
        """Count the bridges of the current topology."""
        self.greeted.inc(len(topology.all("bridge")))

    def apply(self, changes: Sequence[Change]) -> None:
        """Count and greet new bridges."""
        for change in changes:
            if change.kind == "bridge" and change.old is None:
                self.greeted.inc()
                self.context.log(logging.INFO, self.word, bridge=change.new.name or change.id)

    def wake(self) -> None:
        """Do nothing: this service has no slow work."""
