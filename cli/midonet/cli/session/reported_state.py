"""The reported state of objects beside their desired state, read from ZooKeeper or a cluster's API.

Reported state is of this moment, so `--at` omits it; it is no part of an object, so JSON has it under `facts`. Without
it the desired state is shown alone.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from midonet.cli.session.facts_source import Facts, facts_are_known, facts_of
from midonet.cli.session.session import Session
from midonet.events.errors import Denied, NotFound, Unavailable
from midonet.events.model import Kind
from midonet.events.model.route import Route
from midonet.events.topology import references
from midonet.events.topology.topology import Topology

if TYPE_CHECKING:
    from midonet.projections.facts import Fact, LearnedRoutes


F = TypeVar("F", bound="Fact")

_NAMESPACE = UUID("6d69646f-6e65-5274-8000-6c6561726e65")
_REPORTED = ("host", "port", "pool", "pool-member", "service-container", "route")
_EXPECTED = ("host",)
"""Kinds whose missing state is noted."""


class ReportedState:
    """The state of the objects of a kind; empty if it is not available.

    Learned routes are added to the topology until the command ends, so that they are listed like others.
    """

    headers: tuple[str, ...] = ()
    """Columns that it adds to a table."""

    def __init__(self, session: Session, topology: Topology, kind: Kind, ref: str | None = None) -> None:
        self._session = session
        self.topology, self.kind = topology, kind
        self._missing: str | None = None
        """Why there is no state, for a note."""
        self._facts: dict[str, dict[str, Any]] = {}
        self._known = False
        if kind.name not in _REPORTED or session.output.form == "name" or session.settings.get("at") is not None:
            return
        if not facts_are_known(session):
            if kind.name in _EXPECTED:
                self._missing = f"give --zookeeper, or --server of a cluster, to see the state of {kind.plural}"
            return
        try:
            one = None if ref is None or kind.name == "route" else references.find_id(topology, kind.name, ref)
            self._read(session, topology, one)
        except Unavailable as error:
            self._missing = f"the state of {kind.plural} cannot be read: {error.message}"
        except NotFound:
            return  # the caller reports it
        except Denied as error:
            self._missing = f"the state of {kind.plural}: {error.message}" if kind.name in _EXPECTED else None

    def hint(self) -> None:
        """Print a note, after the output, if the state of a host is missing."""
        if self._missing is not None:
            self._session.output.note(self._missing)

    def value(self, object_id: str) -> dict[str, Any]:
        """Return the keys that JSON output adds to the object: its state, and further facts under `facts`."""
        facts = self._of(object_id)
        if facts is None:
            return {}
        state = {name: value for name, value in facts.items() if name in _STATE}
        return {**state, "facts": {name: value for name, value in facts.items() if name not in _STATE}}

    def cells(self, object_id: str) -> list[str]:
        """Return the cells of the columns of `headers`."""
        facts = self._of(object_id) or {}
        return [_as_text(facts.get(name)) for name in self.headers]

    def lines(self, object_id: str) -> list[tuple[str, str]]:
        """Return the lines that `show` adds."""
        shown = {name: value for name, value in (self._of(object_id) or {}).items() if name not in _JSON_ONLY}
        return [(_title(name), self._cell(name, value)) for name, value in shown.items() if value not in (None, [], ())]

    def _cell(self, name: str, value: Any) -> str:
        host = self.topology.get("host", value) if name == "host" else None
        return f"{host.name} ({host.id})" if host is not None and host.name else _as_text(value)

    def _of(self, object_id: str) -> dict[str, Any] | None:
        absent = _ABSENT.get(self.kind.name) if self._known else None
        return self._facts.get(object_id, absent)

    def _read(self, session: Session, topology: Topology, object_id: str | None) -> None:
        from midonet.projections.facts import FACTS, LearnedRoutes

        with facts_of(session) as facts:
            if self.kind.name == "route":
                self._add_learned_routes(session, topology, facts.all(LearnedRoutes))
            else:
                found = _facts_of(facts, FACTS[self.kind.name], object_id)
                self._facts = {one: _plain(self.kind.name, fact) for one, fact in found.items()}
                if self.kind.name == "host":
                    self._add_last_seen(facts, object_id)
        if self.kind.name == "host" and object_id is None:
            self._note_unregistered()
        self.headers = _COLUMNS[self.kind.name] if self._facts or self.kind.name in _ABSENT else ()
        self._known = True

    def _add_last_seen(self, facts: Facts, object_id: str | None) -> None:
        from midonet.projections.facts import LastSeen

        for host, seen in _facts_of(facts, LastSeen, object_id).items():
            if host not in self._facts:
                self._facts[host] = {"alive": False, "last_seen": seen.time, "hostname": seen.hostname}

    def _note_unregistered(self) -> None:
        unregistered = sorted(host for host in self._facts if self.topology.get("host", host) is None)
        alive = [host for host in unregistered if self._facts[host]["alive"]]
        if alive:
            self._missing = f"alive, but not registered: {', '.join(alive)}"

    def _add_learned_routes(self, session: Session, topology: Topology, learned: Mapping[str, "LearnedRoutes"]) -> None:
        for port_id, fact in learned.items():
            port = topology.get("port", port_id)
            for route in routes_of(port_id, port.router, fact) if port is not None and port.router else ():
                topology.swap(route.id, route)
                session.on_exit(topology.swap, route.id, None)
                self._facts[route.id] = {"learned": True, "host": fact.host}


_STATE = ("alive", "active", "learned")
"""Keys beside the object's own fields; no kind has a field of these names."""
_JSON_ONLY = ("interfaces",)
"""Facts that `show` prints only as JSON."""
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "host": ("alive", "last_seen", "addresses"),
    "port": ("active",),
    "pool": ("mapping_status",),
    "pool-member": ("status",),
    "service-container": ("status",),
    "route": ("learned",),
}
_ABSENT: Mapping[str, dict[str, Any]] = {"host": {"alive": False}, "port": {"active": False}}
"""State of an object of which nothing is reported."""


def _facts_of(facts: Facts, kind: type[F], object_id: str | None) -> Mapping[str, F]:
    return facts.all(kind) if object_id is None else facts.get_many(kind, [object_id])


def _plain(kind: str, fact: "Fact") -> dict[str, Any]:
    state = {"host": {"alive": True}, "port": {"active": True}}.get(kind, {})
    return {**state, **msgspec.to_builtins(fact)}


def routes_of(port: str, router: str, fact: "LearnedRoutes") -> Iterable[Route]:
    """Yield learned routes as objects; the id of each is derived from its content."""
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
    return name if name in (*_STATE, "last_seen") else f"reported {name}"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
