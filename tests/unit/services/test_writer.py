"""The daemon's writer is opened at first use, shared by all threads, and reopened after a failure."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from waiting import eventually

from midonet.events.commands.command import Command, Create
from midonet.events.errors import CommandIdReused, Conflict, Unavailable
from midonet.events.log import Log, open_log
from midonet.events.log.pending_command import Context
from midonet.services.runtime.writer import Writer

WHO = Context(actor="test", channel="service:test")


class Source:
    """Opens the log, unless it is away."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.away = False
        self.opened = 0

    def __call__(self) -> Log:
        """Open it."""
        if self.away:
            raise Unavailable("away")
        self.opened += 1
        return open_log(self.url)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(f"sqlite:///{tmp_path}/log.db")


@pytest.fixture
def writer(source: Source) -> Iterator[Writer]:
    writer = Writer(source)
    yield writer
    writer.close()


def bridge(name: str) -> Command:
    return Command("bridge.create", [Create("bridge", {"name": name})])


def test_log_is_opened_once_at_first_use(source: Source, writer: Writer) -> None:
    assert source.opened == 0
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: writer.execute(bridge(f"b{number}"), WHO), range(40)))
    assert sorted(result.position for result in results) == list(range(1, 41))
    assert source.opened == 1


def test_rejection_keeps_the_writer(source: Source, writer: Writer) -> None:
    writer.execute(Command("zone", [Create("tunnel-zone", {"name": "z"})]), WHO)
    with pytest.raises(Conflict):
        writer.execute(Command("zone", [Create("tunnel-zone", {"name": "z"})]), WHO)
    assert source.opened == 1


def test_unavailable_log_is_reopened(source: Source, writer: Writer) -> None:
    source.away = True
    with pytest.raises(Unavailable):
        writer.execute(bridge("a"), WHO)
    source.away = False
    assert writer.execute(bridge("a"), WHO).position == 1


def test_repeated_command_id_is_committed_once(writer: Writer) -> None:
    once = Context(actor="test", channel="service:test", command_id="decision-1")
    assert writer.execute(bridge("a"), once) == writer.execute(bridge("a"), once)
    with pytest.raises(CommandIdReused) as caught:
        writer.execute(bridge("b"), once)
    assert caught.value.details["position"] == 1


def test_prepare_opens_the_log(source: Source, writer: Writer) -> None:
    source.away = True
    writer.prepare()  # reports nothing: the first command raises the error
    source.away = False
    writer.prepare()
    eventually(lambda: source.opened)
    assert writer.execute(bridge("a"), WHO).position == 1
    assert source.opened == 1


def test_close_returns_while_the_log_is_being_opened(source: Source) -> None:
    begun, go_on = Event(), Event()

    def slowly() -> Log:
        begun.set()
        go_on.wait(30)
        return source()

    writer = Writer(slowly)
    writer.prepare()
    assert begun.wait(30)
    writer.close()
    go_on.set()
    with pytest.raises(Unavailable, match="shutting down"):
        writer.execute(bridge("a"), WHO)
