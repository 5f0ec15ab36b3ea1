"""One invocation on one log: its options, its output, and what reads the log, the state and the cluster.

Each part is opened on first use and closed with the session. `midonet.cli.session.write` writes.
"""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from midonet.cli.output.formats import Printer
from midonet.cli.output.sanitize import clean
from midonet.cli.session.invocation import Invocation
from midonet.cli.session.log_reader import LogReader
from midonet.cli.session.state_reader import StateReader

if TYPE_CHECKING:
    from midonet.events.api_client import ApiClient
    from midonet.events.model import Entity
    from midonet.events.topology.topology import Topology

_HTTP = ("http://", "https://")


class Session:
    """What a command works with."""

    def __init__(self, invocation: Invocation) -> None:
        self.settings = invocation.settings
        self.cache = invocation.cache
        self.output = Printer(self.settings.get("output"))
        self._stack = ExitStack()
        if str(self.settings.get("cluster") or self.url).startswith(_HTTP):
            from midonet.cli.session.credentials import use_credentials

            use_credentials(self.settings)

    def __enter__(self) -> Self:
        gc.disable()  # a fold makes many objects and no garbage: collecting doubles its time
        self._stack.callback(gc.enable)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def on_exit(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Call a function when the command ends, also by an error."""
        self._stack.callback(work, *arguments)

    @property
    def url(self) -> str:
        """The address of the log as it was given; it may hold a password."""
        return str(self.settings.get("server"))

    @property
    def cluster_url(self) -> str | None:
        """The address of a cluster's status pages: `--cluster`, or `--server` if that is a cluster's API."""
        url = self.settings.get("cluster")
        return str(url) if url else self.url if self.url.startswith(_HTTP) else None

    @cached_property
    def cluster(self) -> "ApiClient | None":
        """The client of the cluster's API; None if `--server` is a log."""
        if not self.url.startswith(_HTTP):
            return None
        from midonet.events.api_client import ApiClient

        client = ApiClient(self.url)
        self.on_exit(client.close)
        return client

    @cached_property
    def log(self) -> LogReader:
        """The commits."""
        log = LogReader(self.url, self.cluster, self.output)
        self.on_exit(log.close)
        return log

    @cached_property
    def state(self) -> StateReader:
        """The state as of any moment."""
        state = StateReader(self.log, self.settings, self.cache, self.output)
        self.on_exit(state.close)
        return state


def handle(topology: "Topology", kind: str, object_id: str, name: str | None) -> str:
    """Return a REF for scripts: the name of an object if no other of its kind has it, else the id."""
    unique = name is not None and all(other.id == object_id for other in topology.named(kind, name))
    return clean(name) if name is not None and unique else object_id


def handles(entities: "Iterable[Entity]", everything: "Mapping[str, Entity]") -> Iterator[str]:
    """Yield the REF of each object of a kind, in linear time; `everything` has all objects of the kind."""
    names = Counter(entity.name for entity in everything.values())
    for entity in entities:
        yield clean(entity.name) if entity.name is not None and names[entity.name] == 1 else entity.id
