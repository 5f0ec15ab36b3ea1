"""The runtime on Kafka: a Faust agent in a supervised thread; the consumer group assigns the partition to one node.

It does not use Faust's command line, which would own argv, logging and standard output, nor `exactly_once` and tables:
the checkpoint in ZooKeeper is authoritative, Kafka's committed offset a hint. The node with the partition also
acquires a lease, whose epoch fences a former owner that was frozen during a rebalance.
Source: reference of faust-streaming 0.15, and the behaviour of that release.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from midonet.events.backoff import Backoff
from midonet.events.commit import MAX_COMMIT_BYTES
from midonet.events.config.connection_security import current, kafka_login, kafka_tls
from midonet.events.errors import MidonetError
from midonet.events.log import kafka_address
from midonet.projections.base import Fenced
from midonet.services.cluster.coordination import Lease
from midonet.services.cluster.leases import AssignedLeases
from midonet.services.runtime.context import Context
from midonet.services.streams.log_runtime import Runtime
from midonet.services.streams.worker import BATCH, Worker

_ITEM = "stream"
_TICK = 0.2
_STOP_SECONDS = 4.0
_WITHIN_SECONDS = 0.05
_SESSION_SECONDS, _HEARTBEAT_SECONDS = 6.0, 2.0
_RECORD_BYTES = MAX_COMMIT_BYTES + 64 * 1024


class FaustRuntime(Runtime):
    """One Faust app in a thread of its own, restarted whenever it ends."""

    def __init__(self, context: Context, worker: Worker[Any]) -> None:
        leases = AssignedLeases(context.coordination, context.name, _ignore, _ignore, context.crashed)
        leases.set_expected([_ITEM])
        super().__init__(context, worker, leases, _ITEM, 2 * _STOP_SECONDS)
        self.error = "the consumer group has not been joined yet"
        self._assigned = False

    # -- the thread

    def _run(self) -> None:
        backoff = Backoff(first=0.5, cap=10.0)
        for _ in self.iterations():
            with tempfile.TemporaryDirectory(prefix="mn-faust-", ignore_cleanup_errors=True) as folder:
                self.error = asyncio.run(self._run_app(folder))
            self._assign(assigned=False)
            self.sleep(backoff.next())

    async def _run_app(self, folder: str) -> str | None:
        """Run one app until it ends; return the error that ended it, if any."""
        try:
            app = self._app(folder)
        except MidonetError as error:  # a file of the TLS or login settings
            return error.message
        try:
            app.finalize()
            await app.start()
            self.error = None
            while not self.stopping() and not app.should_stop and not app.crashed:  # noqa: ASYNC110 - it is set by a thread
                await asyncio.sleep(_TICK)
        except Exception as error:  # noqa: BLE001 - Faust raises errors of all its libraries
            return f"{type(error).__name__}: {error}"
        finally:
            with suppress(Exception):
                await asyncio.wait_for(app.stop(), _STOP_SECONDS)
        return None if self.stopping() else f"Faust has ended: {app.crash_reason!r}"

    def _app(self, folder: str) -> Any:
        import faust

        servers, topic = kafka_address(self._context.settings.log)
        app: Any = faust.App(
            f"{topic}{self._context.settings.root.replace('/', '.')}.{self._context.name}",
            broker=[f"kafka://{server}" for server in servers.split(",")],
            broker_credentials=_credentials(),
            store="memory://",
            datadir=folder,
            autodiscover=False,
            web_enabled=False,
            worker_redirect_stdouts=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            processing_guarantee="at_least_once",
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=_RECORD_BYTES,
            broker_session_timeout=_SESSION_SECONDS,
            broker_heartbeat_interval=_HEARTBEAT_SECONDS,
            stream_wait_empty=False,
        )
        app.on_partitions_assigned.connect(self._on_assigned, weak=False)
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)
        records = app.topic(topic, key_serializer="raw", value_serializer="raw", value_type=bytes, partitions=1)
        app.agent(records, name=self._context.name)(self._consume)
        return app

    async def _on_assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        self._assign(assigned=bool(assigned))

    async def _on_revoked(self, _app: Any, revoked: Any, **_: Any) -> None:
        if revoked:
            self._assign(assigned=False)

    def _assign(self, *, assigned: bool) -> None:
        self._assigned = assigned
        self._leases.set_items([_ITEM] if assigned else [])

    async def _consume(self, stream: Any) -> None:
        """Faust's agent: process records in batches; Faust commits the offset afterwards."""
        with ThreadPoolExecutor(1) as pool:
            async for raws in _batches(stream):
                await self._hand_over(raws, pool)

    async def _hand_over(self, raws: list[bytes], pool: ThreadPoolExecutor) -> None:
        """Process a batch, with retries while the partition is assigned to this node."""
        backoff = Backoff()
        while self._assigned and not self.stopping():
            if (lease := self.lease) is not None and await self._process(lease, raws, pool):
                return
            await asyncio.sleep(backoff.next())

    async def _process(self, lease: Lease, raws: list[bytes], pool: ThreadPoolExecutor) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(pool, self._worker.take, lease, raws)
        except (Fenced, MidonetError) as error:
            self._failed(lease, error)
            return False
        self.error = None
        return True


def _credentials() -> Any:
    """Return Faust's TLS and SASL settings, equal to those of the log's Kafka client."""
    from faust import SASLCredentials, SSLCredentials

    context, login = kafka_tls(), kafka_login()
    if login is None:
        return SSLCredentials(context) if context is not None else None
    return SASLCredentials(
        username=login.user, password=login.password, mechanism=current().kafka_mechanism, ssl_context=context
    )


async def _batches(stream: Any) -> AsyncIterator[list[bytes]]:
    async for raws in stream.take(BATCH, within=_WITHIN_SECONDS):
        yield list(raws)


def _ignore(_: Lease) -> None:
    """Do nothing: `leases` is read when needed."""
