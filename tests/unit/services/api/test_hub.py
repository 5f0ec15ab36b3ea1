"""The hub buffers commits while there are watchers, and wakes waiting watchers."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from midonet.events.commands.command import Command, Create
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.projections.engine.feed import Feed
from midonet.services.api.watch.hub import Hub

LONG = 10.0
"""Timeout in seconds; the hub is not started, so its timer wakes no watcher."""

Work = Callable[[Hub, Callable[[], None]], Coroutine[Any, Any, None]]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Callable[[Work], None]]:
    """Run a coroutine with a hub and a function that delivers the next of three commits."""
    url = f"sqlite:///{tmp_path}/log.db"
    with closing(open_log(url)) as log:
        store = Store(log)
        for _ in range(3):
            store.execute(Command("test", [Create("bridge", {})]), Context(actor="test"))
        records, topology = log.read(), Topology()

        async def run(work: Work) -> None:
            made = Hub(Feed(lambda: open_log(url)), capacity=2)

            def on_commit() -> None:
                record = next(records)
                made.on_commit(record, fold(topology, record), topology)

            await asyncio.wait_for(work(made, on_commit), LONG)

        yield lambda work: asyncio.run(run(work))


def test_commits_are_buffered_while_there_are_watchers(hub: Callable[[Work], None]) -> None:
    async def work(hub: Hub, on_commit: Callable[[], None]) -> None:
        with hub.watching():
            for _ in range(3):
                on_commit()
        await hub.wait()
        assert (hub.head.position, hub.first) == (3, 2)
        assert [received.head.position for received in hub.after(1)] == [2, 3]
        assert not hub.after(3)

    hub(work)


def test_commits_without_watchers_are_not_buffered(hub: Callable[[Work], None]) -> None:
    async def work(hub: Hub, on_commit: Callable[[], None]) -> None:
        for _ in range(2):
            on_commit()
        assert (hub.head.position, hub.first) == (2, 3)
        with hub.watching():
            on_commit()
        assert (hub.head.position, hub.first) == (3, 3)
        assert [received.head.position for received in hub.after(2)] == [3]

    hub(work)


def test_buffer_is_retained_after_the_last_watcher(hub: Callable[[Work], None]) -> None:
    async def work(hub: Hub, on_commit: Callable[[], None]) -> None:
        with hub.watching():
            on_commit()
        on_commit()
        assert [received.head.position for received in hub.after(0)] == [1, 2]

    hub(work)


def test_commit_of_another_thread_wakes_all_waiters(hub: Callable[[Work], None]) -> None:
    async def work(hub: Hub, on_commit: Callable[[], None]) -> None:
        for position in (1, 2, 3):
            waiting = [asyncio.create_task(hub.wait()) for _ in range(3)]
            await asyncio.sleep(0)
            await asyncio.to_thread(on_commit)
            await asyncio.gather(*waiting)
            assert hub.head.position == position

    hub(work)
