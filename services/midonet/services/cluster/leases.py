"""Leases on the items of a service, assigned evenly to the nodes that run it, and leadership.

A node that loses its connection drops its leases before the servers expire them. Items are opaque names here.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import ClassVar
from urllib.parse import quote

import msgspec
from kazoo.exceptions import KazooException, NoNodeError

from midonet.events.backoff import Backoff
from midonet.events.commit import canonical
from midonet.events.errors import MidonetError
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.services.cluster.coordination import Coordination, Lease
from midonet.services.cluster.rendezvous_hash import assign

LEADER = "leader"
"""The item whose holder leads the service."""

_COALESCE_SECONDS = 0.05
"""Seconds in which changes are coalesced."""

_CONNECT_SECONDS = 3.0


class _Holder(msgspec.Struct, frozen=True):
    """Content of the `holder` node of an item."""

    node: str
    version: int


def _holder(data: bytes) -> _Holder:
    """Return the holder of an item; an unknown node if the content cannot be decoded."""
    try:
        return msgspec.json.decode(data, type=_Holder)
    except msgspec.DecodeError:
        return _Holder("", -1)


class Ownership(WorkerThread):
    """The leases of this node on the items of a service.

    One thread calls `acquired` and `lost`. An item is released only after `lost` has returned, unless the session has
    expired. Exceptions of both go to `crashed`.
    """

    folder: ClassVar[str] = "services"

    def __init__(
        self,
        coordination: Coordination,
        service: str,
        acquired: Callable[[Lease], None],
        lost: Callable[[Lease], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        super().__init__(f"ownership-{service}", self._run, crashed)
        self.service = service
        self.members: frozenset[str] = frozenset()
        """The nodes that run the service, as last read."""
        self._coordination = coordination
        self._client = coordination.client
        self._base = f"{coordination.root}/state/{self.folder}/{quote(service, safe='')}"
        self._acquired, self._lost = acquired, lost
        self._items: frozenset[str] = frozenset()
        self._expected: frozenset[str] = frozenset()
        self._unheld_since: dict[str, float] = {}
        self._leases: dict[str, Lease] = {}
        self._watched = 0
        self._logged: list[str] = []

    def start(self) -> None:
        """Become a member."""
        self._coordination.add_member(self)
        super().start()

    def stop(self, seconds: float | None = None) -> None:
        """Release all items, after calling `lost` for each, and leave the service."""
        super().stop(seconds)
        self._coordination.remove_member(self)
        self._client.tree_watchers.pop(self._base, None)

    def set_items(self, items: Collection[str]) -> None:
        """Set the items to be assigned; every member must be given the same ones."""
        self._items = frozenset(items)
        self.wake()

    def set_expected(self, items: Collection[str]) -> None:
        """Set the items that some node should hold, for `unheld_seconds`."""
        self._expected = frozenset(items)

    def unheld_seconds(self) -> float:
        """Return the seconds for which an item has had no holder; 0 if all are held or ZooKeeper is unreachable."""
        since = min(self._unheld_since.values(), default=None)
        return monotonic() - since if since is not None and self._coordination.session is not None else 0.0

    def leases(self) -> Mapping[str, Lease]:
        """Return the leases that this node holds, by item; none while its session may have expired."""
        session = self._coordination.session
        return {item: lease for item, lease in list(self._leases.items()) if lease.session == session}

    # -- the thread

    def _run(self) -> None:
        backoff = Backoff()
        for _ in self.iterations():
            self.wait(backoff.next() if not self._try_update(backoff) else self._coordination.patience)
            self.sleep(_COALESCE_SECONDS)
        self._release_all()

    def _try_update(self, backoff: Backoff) -> bool:
        """Acquire and release leases as assigned; return whether ZooKeeper answered."""
        self._drop_expired()
        try:
            self._client.connect(_CONNECT_SECONDS)
            with self._client.failures():
                self._update()
        except MidonetError as error:
            logfmt.log(logging.DEBUG, "coordination unavailable", service=self.service, error=error.message)
            return False
        backoff.reset()
        self._log_held()
        return True

    def _log_held(self) -> None:
        """Log the held items if they changed: a single item by name, several by their number."""
        held = sorted(self._leases)
        if held != self._logged:
            logfmt.log(
                logging.INFO,
                "leases held",
                service=self.service,
                items=len(held),
                item=held[0] if len(held) == 1 else None,
            )
        self._logged = held

    def _drop_expired(self) -> None:
        session = self._coordination.session
        for lease in [lease for lease in self._leases.values() if lease.session != session]:
            self._drop(lease)

    def _drop(self, lease: Lease) -> None:
        del self._leases[lease.item]
        logfmt.log(logging.DEBUG, "lease lost", service=self.service, item=lease.item, epoch=lease.epoch)
        self._lost(lease)

    def _update(self) -> None:
        session = self._coordination.session
        if session is None:
            return
        self._watch()
        self._register()
        self.members = frozenset(self._client.get_children(f"{self._base}/members"))
        holders = self._holders()
        for lease in list(self._leases.values()):
            if holders.get(lease.item) != _Holder(self._coordination.node, lease.version):
                self._drop(lease)
        holders = self._delete_stale(holders, session)
        desired = self._desired(holders)
        for item in self._leases.keys() - desired:
            self._release(self._leases[item])
        for item in sorted(desired - self._leases.keys() - holders.keys()):
            self._acquire(item, session)
        unheld_seconds = (self._items | self._expected) - holders.keys() - self._leases.keys()
        self._unheld_since = {item: self._unheld_since.get(item, monotonic()) for item in unheld_seconds}

    def _desired(self, holders: Mapping[str, _Holder]) -> frozenset[str]:
        """Return the items that this node should hold."""
        del holders
        return frozenset(
            item for item, node in assign(self._items, self.members).items() if node == self._coordination.node
        )

    def _watch(self) -> None:
        connection = self._coordination.connections
        if self._watched != connection:
            for path in ("members", "leases"):
                self._client.ensure_path(f"{self._base}/{path}")
            self._client.watch_tree(self._base, lambda _: self.wake())
            self._watched = connection

    def _register(self) -> None:
        path = f"{self._base}/members/{self._coordination.node}"
        if self._owner(path) is None:  # else it belongs to this session, or to an old one that must expire first
            self._client.create(path, b"", ephemeral=True)

    def _holders(self) -> dict[str, _Holder]:
        paths = {f"{self._path(item)}/holder": item for item in self._items | self._expected | self._leases.keys()}
        found = self._client.read_many(list(paths))
        return {paths[path]: _holder(data) for path, data in found.items()}

    def _delete_stale(self, holders: Mapping[str, _Holder], session: int) -> dict[str, _Holder]:
        """Delete holder nodes of this session whose leases were dropped while the connection was lost."""
        remaining = dict(holders)
        for item in [each for each, holder in holders.items() if holder.node == self._coordination.node]:
            path = f"{self._path(item)}/holder"
            if item not in self._leases and self._owner(path) == session:
                self._client.delete(path)
                del remaining[item]
        return remaining

    def _owner(self, path: str) -> int | None:
        stat = self._client.exists(path)
        return int(stat.ephemeralOwner) if stat is not None else None

    def _path(self, item: str) -> str:
        return f"{self._base}/leases/{quote(item, safe='')}"

    def _acquire(self, item: str, session: int) -> None:
        """Acquire a free item, unless another node acquires it first."""
        path, node = self._path(item), self._coordination.node
        self._client.ensure_path(path)
        version = self._client.exists(path).version + 1
        transaction = self._client.transaction()
        transaction.set_data(path, node.encode(), version - 1)
        transaction.create(f"{path}/holder", canonical({"node": node, "version": version}), ephemeral=True)
        results = transaction.commit()
        if any(isinstance(result, KazooException) for result in results):
            self.wake()
            return
        lease = Lease(item, results[0].mzxid, path, version, session)
        self._leases[item] = lease
        logfmt.log(logging.DEBUG, "lease acquired", service=self.service, item=item, epoch=lease.epoch)
        self._acquired(lease)

    def _release(self, lease: Lease) -> None:
        """Release a lease, after `lost` has returned."""
        self._drop(lease)
        transaction = self._client.transaction()
        lease.guard(transaction)
        transaction.delete(f"{lease.path}/holder")
        transaction.commit()

    def _release_all(self) -> None:
        try:
            with self._client.failures():
                for lease in list(self._leases.values()):
                    self._release(lease)
                if self._coordination.session is not None:
                    self._client.delete(f"{self._base}/members/{self._coordination.node}")
        except (MidonetError, NoNodeError):
            for lease in list(self._leases.values()):  # they expire with the session
                self._drop(lease)


class Leadership(Ownership):
    """Leadership of a service: one node leads until its session ends or it stops.

    `changed` is called with the lease when this node becomes leader, with None when it no longer leads.
    """

    folder = "leaders"

    def __init__(
        self,
        coordination: Coordination,
        service: str,
        changed: Callable[[Lease | None], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        super().__init__(coordination, service, changed, lambda _: changed(None), crashed)
        self.set_items([LEADER])

    @property
    def lease(self) -> Lease | None:
        """The leader's lease if this node leads, else None."""
        return self.leases().get(LEADER)

    def _desired(self, holders: Mapping[str, _Holder]) -> frozenset[str]:
        return self._items if LEADER not in holders or LEADER in self._leases else frozenset()


class AssignedLeases(Ownership):
    """Leases on items that another mechanism assigns to this node, acquired as soon as they are free."""

    def _desired(self, holders: Mapping[str, _Holder]) -> frozenset[str]:
        del holders
        return self._items
