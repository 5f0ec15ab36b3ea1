"""The places that one suite is run on: what each needs, and how it looks from outside."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any

from kazoo.client import KazooClient
from scenarios import VTEP
from vtep_switch import VtepSwitch

from midonet.projections.base import Checkpoint, Projection, Target
from midonet.projections.nsdb import NsdbProjection, same_document
from midonet.projections.sql import SqlTarget
from midonet.projections.vtep import VtepProjection, VtepTarget, read_checkpoint, read_rows
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.testbed.proxy import Proxy
from midonet.testbed.view_reader import WholeViewReader

__all__ = ["Place", "SqlPlace", "SwitchPlace", "ZooKeeperPlace"]


class Place(ABC):
    """A target with something of others in it. Closes what it opened."""

    same: Any = staticmethod(lambda actual, desired: actual == desired)
    proxy: Proxy | None = None
    """What the targets connect through, where there is a wire."""

    def __init__(self) -> None:
        self.stack = ExitStack()

    def target(self, **options: Any) -> Target[Any, Any]:
        """Return a new target, as a process has that just began."""
        made: Target[Any, Any] = self.make(**options)
        self.stack.callback(made.close)
        return made

    @abstractmethod
    def make(self, **options: Any) -> Any:
        """Make a target."""

    @abstractmethod
    def projection(self) -> Projection[Any, Any]:
        """Return what is projected there."""

    @abstractmethod
    def actual(self) -> Mapping[Any, Any]:
        """Return all that is ours there, as seen from outside."""

    @abstractmethod
    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint, as seen from outside."""

    @abstractmethod
    def foreign(self) -> Any:
        """Return what belongs to others."""

    def close(self) -> None:
        """Close everything."""
        self.stack.close()


class ZooKeeperPlace(Place):
    """A tree of its own in ZooKeeper."""

    same = staticmethod(same_document)

    def __init__(self, hosts: str, root: str) -> None:
        super().__init__()
        self._hosts, self._root = hosts, root
        if "," not in hosts:
            host, _, port = hosts.partition(":")
            self.proxy = Proxy(host, int(port))
            self.stack.callback(self.proxy.close)
        self._reader = self.stack.enter_context(WholeViewReader(hosts, root))
        self._kazoo = KazooClient(hosts, timeout=5, connection_retry={"max_tries": -1, "max_delay": 0.5})
        self._kazoo.start(timeout=30)
        self.stack.callback(self._kazoo.close)
        self.stack.callback(self._kazoo.stop)
        self._base = self._reader.base()
        self._foreign = [f"{self._base}/models/bridge/notes", f"{self._base}/notes", f"{root}/state/x"]
        for path in self._foreign:
            self._kazoo.create(path, b"mine", makepath=True)

    def make(self, **options: Any) -> ZooKeeperTarget:
        """Make a target."""
        hosts = self.proxy.address if self.proxy is not None else self._hosts
        return ZooKeeperTarget(hosts, self._root, session_timeout=2.0, **options)

    def projection(self) -> NsdbProjection:
        """Documents."""
        return NsdbProjection(self._base, limit=4)

    def actual(self) -> Mapping[str, bytes]:
        """Documents by key."""
        self._follow()
        return {path[len(self._base) + 1 :]: data for path, data in self._reader.documents().items()}

    def checkpoint(self) -> Checkpoint:
        """The node."""
        self._follow()
        return self._reader.checkpoint()

    def _follow(self) -> None:
        """Have the server that is asked catch up with the others: a member of a quorum may be behind."""
        client = self._reader._client  # noqa: SLF001 - the product has no use for it
        client.retry(client.sync, self._base)

    def foreign(self) -> list[tuple[bytes, int]]:
        """Data and version of nodes of others."""
        return [(data, stat.version) for data, stat in (self._kazoo.get(path) for path in self._foreign)]


class SwitchPlace(Place):
    """The database of a switch; what is ours is removed at the end."""

    def __init__(self, switch: VtepSwitch) -> None:
        super().__init__()
        self._switch = switch
        self.proxy = Proxy(*switch.tcp)
        self.stack.callback(self.proxy.close)
        self.stack.callback(self._clear)
        if "foreign" not in switch.vtep_ctl("list-ls").split():
            switch.vtep_ctl("add-ls", "foreign", "--", "bind-ls", "tor", "swp3", "9", "foreign")
            switch.vtep_ctl("add-ucast-remote", "foreign", "02:ff:00:00:00:01", "198.51.100.1")

    def make(self, **options: Any) -> VtepTarget:
        """Make a target."""
        assert self.proxy is not None
        return VtepTarget(self.proxy.host, self.proxy.port, **options)

    def projection(self) -> VtepProjection:
        """Rows."""
        return VtepProjection(VTEP)

    def actual(self) -> Mapping[Any, Any]:
        """Rows by key."""
        return read_rows(*self._switch.tcp)

    def checkpoint(self) -> Checkpoint:
        """What `Global` says."""
        return read_checkpoint(*self._switch.tcp)

    def foreign(self) -> Any:
        """Rows of the logical switch of others, with the versions that change when they are touched."""
        switches = {uuid: row for uuid, row in self._switch.table("Logical_Switch").items() if row["name"] == "foreign"}
        rows = self._switch.table("Ucast_Macs_Remote").items()
        return switches, {uuid: row for uuid, row in rows if row["logical_switch"][1] in switches}

    def _clear(self) -> None:
        with closing(VtepTarget(*self._switch.tcp)) as target:
            target.clear()


class SqlPlace(Place):
    """A view in a database, beside a foreign one."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        with closing(SqlTarget(url, "nsdb", "0")) as other:
            other.load()
            other.write({"models/bridge/x": b"mine"}, Checkpoint(7, "7" * 64))

    def make(self, **options: Any) -> SqlTarget:
        """Make a target."""
        return SqlTarget(self._url, **options)

    def projection(self) -> NsdbProjection:
        """Documents."""
        return NsdbProjection("/midonet/nsdb/1", limit=4)

    same = staticmethod(same_document)

    def actual(self) -> Mapping[str, bytes]:
        """Rows by key."""
        with closing(SqlTarget(self._url)) as looker:
            return looker.load()[1]

    def checkpoint(self) -> Checkpoint:
        """The row."""
        with closing(SqlTarget(self._url)) as looker:
            return looker.peek()

    def foreign(self) -> Any:
        """The foreign view."""
        with closing(SqlTarget(self._url, "nsdb", "0")) as looker:
            return looker.load()
