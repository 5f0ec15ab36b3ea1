"""Items of a service spread over the nodes that run it, and leadership: leases taken and let go as nodes come and go.

A node that loses its connection gives its leases up before the servers do. Nothing here knows what the items are.
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
"""The item that stands for leadership of a service."""

_COALESCE_SECONDS = 0.05
"""Changes come in bunches: what comes within this time is looked at together."""

_CONNECT_SECONDS = 3.0


class _Holder(msgspec.Struct, frozen=True):
    """Who holds an item, as every node can read."""

    node: str
    version: int


def _holder(data: bytes) -> _Holder:
    """Return who holds an item; somebody else, if what stands there is not ours."""
    try:
        return msgspec.json.decode(data, type=_Holder)
    except msgspec.DecodeError:
        return _Holder("", -1)


class Ownership:
    """This node's part in a service whose items are spread over the nodes that run it.

    `acquired` and `lost` are called by a thread of its own, one after the other; an item goes to another node only when
    `lost` has returned, unless the session is over. What they raise goes to `crashed`.
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
        self.service = service
        self.members: frozenset[str] = frozenset()
        """The nodes that run the service, as last seen."""
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
        self._loop = WorkerThread(f"ownership-{service}", self._run, crashed)

    def start(self) -> None:
        """Become a member."""
        self._coordination.add_member(self)
        self._loop.start()

    def stop(self) -> None:
        """Let all items go to others and end to be a member; `lost` has been called for each."""
        self._loop.stop()
        self._coordination.remove_member(self)
        self._client.tree_watchers.pop(self._base, None)

    def set_items(self, items: Collection[str]) -> None:
        """Say which items there are; every member should come to know the same ones."""
        self._items = frozenset(items)
        self.wake()

    def set_expected(self, items: Collection[str]) -> None:
        """Say which items somebody should hold, whether they are wanted here or not."""
        self._expected = frozenset(items)

    def unheld_seconds(self) -> float:
        """Return for how many seconds an item has had no holder on any node; 0 if none has, or nobody can know."""
        since = min(self._unheld_since.values(), default=None)
        return monotonic() - since if since is not None and self._coordination.session is not None else 0.0

    def leases(self) -> Mapping[str, Lease]:
        """Return what this node holds now, by item: nothing while its session may be over."""
        session = self._coordination.session
        return {item: lease for item, lease in list(self._leases.items()) if lease.session == session}

    def wake(self) -> None:
        """Look again, soon."""
        self._loop.wake()

    # -- the thread

    def _run(self) -> None:
        backoff = Backoff()
        for _ in self._loop.turns():
            self._loop.rest(backoff.next() if not self._try_update(backoff) else self._coordination.patience)
            self._loop.pause(_COALESCE_SECONDS)
        self._release_all()

    def _try_update(self, backoff: Backoff) -> bool:
        """Bring our leases to what they should be; return whether ZooKeeper answered."""
        self._drop_expired()
        try:
            self._client.connect(_CONNECT_SECONDS)
            with self._client.failures():
                self._update()
        except MidonetError as error:
            logfmt.log(logging.DEBUG, "no coordination", service=self.service, error=error.message)
            return False
        backoff.reset()
        self._log_held()
        return True

    def _log_held(self) -> None:
        """Say what this node holds, if that is not what it was: one item by name, more of them by their number."""
        held = sorted(self._leases)
        if held != self._logged:
            logfmt.log(
                logging.INFO, "holds", service=self.service, items=len(held), item=held[0] if len(held) == 1 else None
            )
        self._logged = held

    def _drop_expired(self) -> None:
        session = self._coordination.session
        for lease in [lease for lease in self._leases.values() if lease.session != session]:
            self._drop(lease)

    def _drop(self, lease: Lease) -> None:
        del self._leases[lease.item]
        logfmt.log(logging.DEBUG, "item lost", service=self.service, item=lease.item, epoch=lease.epoch)
        self._lost(lease)

    def _update(self) -> None:
        session = self._coordination.session
        if session is None:
            return
        self._watch()
        self._register()
        self.members = frozenset(self._client.result(self._client.get_children_async(f"{self._base}/members")))
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
        """Return the items that should be ours, whoever holds them now."""
        del holders
        return frozenset(
            item for item, node in assign(self._items, self.members).items() if node == self._coordination.node
        )

    def _watch(self) -> None:
        connection = self._coordination.connections
        if self._watched != connection:
            for path in ("members", "leases"):
                self._client.result(self._client.ensure_path_async(f"{self._base}/{path}"))
            self._client.watch_tree(self._base, lambda _: self.wake())
            self._watched = connection

    def _register(self) -> None:
        path = f"{self._base}/members/{self._coordination.node}"
        if self._owner(path) is None:  # else it is ours, or of our former life: that must go first
            self._client.result(self._client.create_async(path, b"", ephemeral=True))

    def _holders(self) -> dict[str, _Holder]:
        paths = {f"{self._path(item)}/holder": item for item in self._items | self._expected | self._leases.keys()}
        found = self._client.read_many(list(paths))
        return {paths[path]: _holder(data) for path, data in found.items()}

    def _delete_stale(self, holders: Mapping[str, _Holder], session: int) -> dict[str, _Holder]:
        """Remove what our session still holds, though we gave it up while the connection was away."""
        remaining = dict(holders)
        for item in [each for each, holder in holders.items() if holder.node == self._coordination.node]:
            path = f"{self._path(item)}/holder"
            if item not in self._leases and self._owner(path) == session:
                self._client.result(self._client.delete_async(path))
                del remaining[item]
        return remaining

    def _owner(self, path: str) -> int | None:
        stat = self._client.result(self._client.exists_async(path))
        return int(stat.ephemeralOwner) if stat is not None else None

    def _path(self, item: str) -> str:
        return f"{self._base}/leases/{quote(item, safe='')}"

    def _acquire(self, item: str, session: int) -> None:
        """Take an item that nobody holds, unless somebody is faster."""
        path, node = self._path(item), self._coordination.node
        self._client.result(self._client.ensure_path_async(path))
        version = self._client.result(self._client.exists_async(path)).version + 1
        transaction = self._client.transaction()
        transaction.set_data(path, node.encode(), version - 1)
        transaction.create(f"{path}/holder", canonical({"node": node, "version": version}), ephemeral=True)
        results = self._client.result(transaction.commit_async())
        if any(isinstance(result, KazooException) for result in results):
            self.wake()
            return
        lease = Lease(item, results[0].mzxid, path, version, session)
        self._leases[item] = lease
        logfmt.log(logging.DEBUG, "item gained", service=self.service, item=item, epoch=lease.epoch)
        self._acquired(lease)

    def _release(self, lease: Lease) -> None:
        """Let an item go, after the service has let it go."""
        self._drop(lease)
        transaction = self._client.transaction()
        lease.guard(transaction)
        transaction.delete(f"{lease.path}/holder")
        self._client.result(transaction.commit_async())

    def _release_all(self) -> None:
        try:
            with self._client.failures():
                for lease in list(self._leases.values()):
                    self._release(lease)
                if self._coordination.session is not None:
                    self._client.result(self._client.delete_async(f"{self._base}/members/{self._coordination.node}"))
        except (MidonetError, NoNodeError):
            for lease in list(self._leases.values()):  # they end with the session
                self._drop(lease)


class Leadership(Ownership):
    """One of all nodes that run a service leads it; who leads goes on leading while it lives.

    `changed` is called with the lease when this node begins to lead, with None when it ends to.
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
        """The lease by which this node leads now, if it does."""
        return self.leases().get(LEADER)

    def _desired(self, holders: Mapping[str, _Holder]) -> frozenset[str]:
        return self._items if LEADER not in holders or LEADER in self._leases else frozenset()


class AssignedLeases(Ownership):
    """Items that something else has given to this node; it takes their leases as soon as nobody else holds them."""

    def _desired(self, holders: Mapping[str, _Holder]) -> frozenset[str]:
        del holders
        return self._items
