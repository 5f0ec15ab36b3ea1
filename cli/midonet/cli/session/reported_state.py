"""What the network reports of objects, beside what is wanted of them: read from ZooKeeper where it is given.

A fact is of this moment, so it is left out with `--at`; it is no part of an object, so it stands under a key of its
own. Reading what is wanted never fails because nothing is reported.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from midonet.cli.session.session import Session
from midonet.cli.session.wait import servers
from midonet.events.errors import NotFound, Unavailable
from midonet.events.model import Kind
from midonet.events.model.route import Route
from midonet.events.topology import references
from midonet.events.topology.topology import Topology

if TYPE_CHECKING:
    from midonet.projections.facts import Fact, LearnedRoutes
    from midonet.projections.facts.reader import FactsReader


F = TypeVar("F", bound="Fact")

_NAMESPACE = UUID("6d69646f-6e65-5274-8000-6c6561726e65")
_REPORTED = ("host", "port", "pool", "pool-member", "service-container", "route")
_EXPECTED = ("host",)
"""Kinds that say little without what is reported of them, so that its absence is worth a word."""


def reader(session: Session) -> "FactsReader":
    """Return a reader of facts, for a `with` statement; `UsageError` if ZooKeeper is not given."""
    from midonet.projections.facts.reader import FactsReader

    return FactsReader(servers(session.settings), session.settings.get("root"))


class ReportedState:
    """What is reported of the objects of a kind at this moment; nothing where it cannot be known.

    Learned routes are in the topology for as long as the command runs, so that they are listed like others.
    """

    headers: tuple[str, ...] = ()
    """Columns that it adds to a table."""

    def __init__(self, session: Session, topology: Topology, kind: Kind, ref: str | None = None) -> None:
        self._session = session
        self.topology, self.kind = topology, kind
        self._lacking: str | None = None
        """Why nothing is known, where that is worth a word."""
        self._facts: dict[str, dict[str, Any]] = {}
        self._known = False
        if kind.name not in _REPORTED or session.output.form == "name" or session.settings.get("at") is not None:
            return
        if not session.settings.get("zookeeper"):
            if kind.name in _EXPECTED:
                self._lacking = f"give --zookeeper to see what {kind.name}s report"
            return
        try:
            one = None if ref is None or kind.name == "route" else references.find_id(topology, kind.name, ref)
            self._look(session, topology, one)
        except Unavailable as error:
            self._lacking = f"what {kind.name}s report cannot be seen: {error.message}"
        except NotFound:
            return  # told by the caller

    def hint(self) -> None:
        """Say after all else why nothing is reported, if that may surprise."""
        if self._lacking is not None:
            self._session.output.note(self._lacking)

    def value(self, object_id: str) -> dict[str, Any]:
        """Return what JSON output has besides the object: whether it lives or works, and under `facts` all the rest."""
        facts = self._of(object_id)
        if facts is None:
            return {}
        said = {name: value for name, value in facts.items() if name in _SAID}
        return {**said, "facts": {name: value for name, value in facts.items() if name not in _SAID}}

    def cells(self, object_id: str) -> list[str]:
        """Return the cells of the columns of `headers`."""
        facts = self._of(object_id) or {}
        return [_word(facts.get(name)) for name in self.headers]

    def lines(self, object_id: str) -> list[tuple[str, str]]:
        """Return the lines that it adds to a card."""
        shown = {name: value for name, value in (self._of(object_id) or {}).items() if name not in _LONG}
        return [(_title(name), self._told(name, value)) for name, value in shown.items() if value not in (None, [], ())]

    def _told(self, name: str, value: Any) -> str:
        host = self.topology.get("host", value) if name == "host" else None
        return f"{host.name} ({host.id})" if host is not None and host.name else _word(value)

    def _of(self, object_id: str) -> dict[str, Any] | None:
        absent = _ABSENT.get(self.kind.name) if self._known else None
        return self._facts.get(object_id, absent)

    def _look(self, session: Session, topology: Topology, object_id: str | None) -> None:
        from midonet.projections.facts import FACTS, LearnedRoutes

        with reader(session) as facts:
            if self.kind.name == "route":
                self._learn(session, topology, facts.all(LearnedRoutes))
            else:
                found = _read(facts, FACTS[self.kind.name], object_id)
                self._facts = {one: _plain(self.kind.name, fact) for one, fact in found.items()}
                if self.kind.name == "host":
                    self._add_last_seen(facts, object_id)
        if self.kind.name == "host" and object_id is None:
            self._count_strangers()
        self.headers = _COLUMNS[self.kind.name] if self._facts or self.kind.name in _ABSENT else ()
        self._known = True

    def _add_last_seen(self, facts: "FactsReader", object_id: str | None) -> None:
        from midonet.projections.facts import LastSeen

        for host, seen in _read(facts, LastSeen, object_id).items():
            if host not in self._facts:
                self._facts[host] = {"alive": False, "last_seen": seen.time, "hostname": seen.hostname}

    def _count_strangers(self) -> None:
        strangers = sorted(host for host in self._facts if self.topology.get("host", host) is None)
        alive = [host for host in strangers if self._facts[host]["alive"]]
        if alive:
            self._lacking = f"alive, but not registered (yet): {', '.join(alive)}"

    def _learn(self, session: Session, topology: Topology, learned: Mapping[str, "LearnedRoutes"]) -> None:
        for port_id, fact in learned.items():
            port = topology.get("port", port_id)
            for route in _routes(port_id, port.router, fact) if port is not None and port.router else ():
                topology.swap(route.id, route)
                session.on_exit(topology.swap, route.id, None)
                self._facts[route.id] = {"learned": True, "host": fact.host}


_SAID = ("alive", "active", "learned")
"""What stands beside the object's own fields: no kind has one of these."""
_LONG = ("interfaces",)
"""What a card has no place for."""
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "host": ("alive", "last_seen", "addresses"),
    "port": ("active",),
    "pool": ("mapping_status",),
    "pool-member": ("status",),
    "service-container": ("status",),
    "route": ("learned",),
}
_ABSENT: Mapping[str, dict[str, Any]] = {"host": {"alive": False}, "port": {"active": False}}
"""What it means that nothing is reported."""


def _read(facts: "FactsReader", kind: type[F], object_id: str | None) -> Mapping[str, F]:
    return facts.all(kind) if object_id is None else facts.get_many(kind, [object_id])


def _plain(kind: str, fact: "Fact") -> dict[str, Any]:
    state = {"host": {"alive": True}, "port": {"active": True}}.get(kind, {})
    return {**state, **msgspec.to_builtins(fact)}


def _routes(port: str, router: str, fact: "LearnedRoutes") -> Iterable[Route]:
    """Yield learned routes in the form of others; each has an id that follows from what it says."""
    for learned in fact.routes:
        yield Route(
            id=str(uuid5(_NAMESPACE, f"{port}/{learned.src}/{learned.dst}/{learned.gateway}")),
            router=router,
            src=learned.src,
            dst=learned.dst,
            port=port,
            gateway=learned.gateway,
            weight=learned.weight,
        )


def _title(name: str) -> str:
    return name if name in (*_SAID, "last_seen") else f"reported {name}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
