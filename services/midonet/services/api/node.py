"""The state of one API node: feed, log, past topologies, writer, authentication.

Reads of the present hold the feed's lock only while they look up objects, which are immutable; longer work is done
outside the lock.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from midonet.events.commit import Head
from midonet.events.config.settings import is_loopback
from midonet.events.errors import NotFound
from midonet.events.log import open_log
from midonet.events.queries.moment import END, Moment, parse
from midonet.events.system.tag import is_name
from midonet.events.system.user import User
from midonet.events.topology.topology import Topology
from midonet.events.vault.base import Vault
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime.http_pages import Routes
from midonet.services.api.auth.authentication import Authentication
from midonet.services.api.auth.denial_log import Denials
from midonet.services.api.framework.parameters import AT
from midonet.services.api.framework.request import Call
from midonet.services.api.long_decisions import LongDecisions
from midonet.services.api.reads.linearizable import LinearizableReads
from midonet.services.api.reads.log_pool import LogPool
from midonet.services.api.reads.past_topology import Past, snapshots_of
from midonet.services.api.reads.private_topology import PrivateTopology
from midonet.services.api.reads.projection_progress import OtherNodes, reached, rows
from midonet.services.api.settings import ApiConfig
from midonet.services.api.watch.hub import Hub
from midonet.services.runtime.context import Context

T = TypeVar("T")

_READERS = 4
_SLOW = 4


class Node:
    """One API node, from `start` to `stop`."""

    def __init__(self, context: Context) -> None:
        url = context.settings.log
        self.feed: Feed = context.feed
        self.status: Callable[[], Mapping[str, Any]] = context.endpoint.status
        self.pages: Routes = {
            path: page for path, page in context.endpoint.http.routes.items() if not path.endswith("/")
        }
        self.detailed = context.endpoint.detailed
        self.local = is_loopback(context.settings.http)
        """Whether the API listens on a loopback address."""
        self.history: str | None = context.settings.history
        """URL of the history index, if there is one."""
        self.snapshots = snapshots_of(url)
        self.logs = LogPool(lambda: open_log(url))
        self.past = Past(self.logs, self.snapshots)
        self.private = PrivateTopology(self.logs, self.snapshots, context.writer.check)
        self.linearizable = LinearizableReads(self.feed, self.logs, context.crashed)
        self.writer = context.writer
        self.long_decisions = LongDecisions(self.private)
        self.name = context.node
        self.metrics = context.metrics
        self.coordination = context.coordination
        self.others = OtherNodes(context.coordination)
        self.denials = Denials()
        self.vault: Vault | None = None
        self.authentication = self._authentication(context)

        self.readers = asyncio.Semaphore(_READERS)
        """Limits the watchers that read the log at the same time."""
        self.slow = ThreadPoolExecutor(_SLOW, "api-slow")
        """Threads for long work, so that short requests never wait for it."""
        self.hub: Hub

    def _authentication(self, context: Context) -> Authentication:
        settings = context.settings
        credentials = None
        if settings.vault is not None:
            from midonet.events.vault.credentials import Credentials
            from midonet.events.vault.factory import open_vault

            vault = self.vault = open_vault(settings.vault, settings.vault_key)
            credentials = Credentials(vault)
        required = settings.auth == "tokens"
        return Authentication(context.config(ApiConfig), self.user, credentials, required=required)

    def user(self, name: str) -> User | None:
        """Return a user by name, or None."""
        with self.feed.reading() as topology:
            found = topology.system.get(f"{User.KIND}/{name}")
        return found if isinstance(found, User) else None

    def start(self) -> None:
        """Start the threads and the hub; called in the event loop that serves."""
        self.linearizable.start()
        self.hub = Hub(self.feed, strict=self.authentication.required)
        self.hub.start()

    def stop(self) -> None:
        """End all threads and release the log."""
        self.linearizable.stop()
        self.slow.shutdown(wait=False, cancel_futures=True)
        self.logs.close()
        if self.vault is not None:
            self.vault.close()

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """Run long work in a thread of its own pool."""
        return await asyncio.get_running_loop().run_in_executor(self.slow, partial(work, *args))

    def projections(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of all projections of the cluster, or of one."""
        return rows(self._own(name), self.others.report(name), self.name)

    def reached(self, name: str) -> dict[str, int]:
        """Return the positions of a projection in the cluster by target or node; empty if it runs on no node."""
        return reached(self._own(name), self.others.report(name))

    def _own(self, name: str | None) -> list[Mapping[str, Any]]:
        return [row for row in self.status()["projections"] if name in (None, row["name"])]

    def head_at(self, position: int) -> Head:
        """Return the head as it was at a position; `NotFound` beyond the end."""
        with self.logs.acquire() as log:
            return log.head_at(position)

    def moment(self, text: str | None) -> Moment:
        """Return the moment of a position, time or tag; `NotFound` for an unknown tag."""
        if text is None:
            return END
        if not is_name(text):
            return parse(text)
        with self.feed.reading() as topology:
            tag = topology.tags.get(text)
        if tag is None:
            raise NotFound(f"there is no tag {text!r}", tag=text)
        return Moment(position=tag.position, hash=tag.hash)

    @contextmanager
    def long_reading(self, call: Call) -> Iterator[Topology]:
        """As `reading`, for long reads: the feed's lock is not held."""
        moment = self.moment(call.get(AT))
        if not _is_now(moment, self.feed.head):
            yield call.caller.view(self.past.topology(moment))
            return
        with self.private.store() as store:
            yield call.caller.view(store.topology)

    @contextmanager
    def reading(self, call: Call) -> Iterator[Topology]:
        """Yield the topology that a request names (`?at=`), under the feed's lock if it is the present one."""
        moment = self.moment(call.get(AT))
        with self.feed.reading() as topology:
            if _is_now(moment, topology.head):
                yield call.caller.view(topology)
                return
        yield call.caller.view(self.past.topology(moment))


def _is_now(moment: Moment, head: Head) -> bool:
    if moment.position is not None:
        return moment.position == head.position and moment.hash in (None, head.hash)
    return moment.time is None or moment.time >= head.time
