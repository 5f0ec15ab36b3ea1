"""The end of a log is asked through one connection, which is made anew when that has failed."""

from pathlib import Path

from midonet.events.commands.command import Command, Create
from midonet.events.commit import GENESIS
from midonet.events.errors import Unavailable
from midonet.events.log import open_log
from midonet.events.log.base import Bookmark, Log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.projections.engine.log_end import LogEnd

BEGINNING = Bookmark(GENESIS.position, GENESIS.hash)


class Opener:
    """Opens a log, and counts how often."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.times = 0
        self.away = False

    def __call__(self) -> Log:
        """Open it, unless it is away."""
        self.times += 1
        if self.away:
            raise Unavailable("it is away")
        return open_log(self.url, create=False)


def execute(store: Store) -> None:
    store.execute(Command("test", [Create("bridge", {})]), Context(actor="test"))


def test_the_end_is_as_of_now_and_the_log_is_opened_once(tmp_path: Path) -> None:
    store = Store(open_log(f"sqlite:///{tmp_path}/log.db"))
    opener = Opener(store.log.url)
    inquiry = LogEnd(opener)
    for position in range(1, 4):
        execute(store)
        assert inquiry.end(BEGINNING) == position
    head = store.topology.head
    assert inquiry.end(Bookmark(head.position, head.hash)) == 3
    assert opener.times == 1
    inquiry.close()


def test_end_is_unknown_during_an_outage(tmp_path: Path) -> None:
    store = Store(open_log(f"sqlite:///{tmp_path}/log.db"))
    execute(store)
    opener = Opener(store.log.url)
    inquiry = LogEnd(opener)
    opener.away = True
    assert inquiry.end(BEGINNING) is None
    opener.away = False
    assert inquiry.end(BEGINNING) == 1
    inquiry.close()
