"""A log, its view in ZooKeeper, and the runner that keeps the view up to date: a fixture for tests of the view."""

from contextlib import ExitStack
from typing import Any, Self

from commanding import Commanding
from kazoo.client import KazooClient

from midonet.events.log import open_log
from midonet.events.log.store import Store
from midonet.projections.engine.feed import Feed
from midonet.projections.engine.runner import Runner
from midonet.projections.nsdb import NsdbProjection, differences, expected_view, same_document, view_base
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.testbed.view_reader import WholeViewReader

__all__ = ["Keeper", "Projected"]


class Keeper:
    """One process' worth of projecting: a feed and a runner, started at once."""

    def __init__(self, url: str, projection: NsdbProjection, target: ZooKeeperTarget, **options: Any) -> None:
        self.feed = Feed(lambda: open_log(url), idle=0.2)
        self.target = target
        self.runner = Runner(self.feed, projection, target, same=same_document, **options)
        self.feed.start()
        self.runner.start()

    def stop(self) -> None:
        """End both; the view stays."""
        self.runner.stop()
        self.feed.stop()


class Projected(Commanding):
    """A topology that is changed by commands, and its view below `root`. Closes what it started."""

    def __init__(self, url: str, hosts: str, root: str) -> None:
        self.url, self.hosts, self.root = url, hosts, root
        self.base = view_base(root)
        self.store = Store(open_log(url))
        self.keepers: list[Keeper] = []
        self._stack = ExitStack()
        self.reader = self._stack.enter_context(WholeViewReader(hosts, root))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def keep(
        self, target: ZooKeeperTarget | None = None, *, projection: NsdbProjection | None = None, **options: Any
    ) -> Keeper:
        """Start a runner of the view."""
        place = target or self.target()
        keeper = Keeper(self.url, projection or NsdbProjection(lambda: place.base), place, **options)
        self._stack.callback(keeper.stop)
        self.keepers.append(keeper)
        return keeper

    def target(self) -> ZooKeeperTarget:
        """Return a new target, not connected."""
        return ZooKeeperTarget(self.hosts, self.root, session_timeout=2.0)

    def kazoo(self) -> KazooClient:
        """Return a client of another program."""
        client = KazooClient(self.hosts)
        client.start()
        self._stack.callback(client.close)
        self._stack.callback(client.stop)
        return client

    def settle(self, timeout: float = 20.0) -> None:
        """Wait until the view is at the head of the log."""
        self.reader.wait(self.store.topology.head.position, timeout)

    def differences(self) -> list[str]:
        """Return the paths at which the view differs from one that is made from scratch."""
        store = Store(open_log(self.url))
        store.refresh()
        return differences(self.reader.documents(), expected_view(store.topology, self.reader.base()))
