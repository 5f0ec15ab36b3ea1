"""Compile the declarations of kinds into tables.

Command validation, the command line, codecs, views and documentation all use these tables; none of them
names a kind. A new kind is one class in this package, named in `KINDS`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

import msgspec

from midonet.events.errors import InvalidValue, NotFound
from midonet.events.model.base import Entity
from midonet.events.model.bgp import BgpNetwork, BgpPeer
from midonet.events.model.bridge import ArpEntry, Bridge, MacEntry
from midonet.events.model.chain import Chain, Rule, RuleLogger
from midonet.events.model.condition import Conditional
from midonet.events.model.dhcp import DhcpSubnet, Dhcpv6Subnet
from midonet.events.model.field_spec import FieldSpec, compile_fields
from midonet.events.model.fields import Ref
from midonet.events.model.group import HostGroup, IpAddrGroup, PortGroup
from midonet.events.model.host import Host
from midonet.events.model.l2_insertion import L2Insertion
from midonet.events.model.load_balancer import HealthMonitor, LoadBalancer, Pool, PoolMember, Vip
from midonet.events.model.logging_resource import LoggingResource
from midonet.events.model.mirror import Mirror
from midonet.events.model.port import Port
from midonet.events.model.qos import QosBandwidthRule, QosDscpRule, QosPolicy
from midonet.events.model.route import Route
from midonet.events.model.router import Router
from midonet.events.model.service_container import ServiceContainer, ServiceContainerGroup
from midonet.events.model.tenant import Tenant
from midonet.events.model.trace_request import TraceRequest
from midonet.events.model.tunnel_zone import TunnelZone
from midonet.events.model.vtep import Vtep, VtepBinding
from midonet.events.suggestions import suggest


@dataclass(frozen=True)
class Kind:
    """One kind of object: its class, its fields and where its references are."""

    name: str
    cls: type[Entity]

    @cached_property
    def fields(self) -> dict[str, FieldSpec]:
        """The fields by name; compiled on first use, since most programs use few kinds."""
        specs = sorted(compile_fields(self.cls), key=lambda spec: spec.name in _terms(self.cls))
        return {spec.name: spec for spec in specs}

    @property
    def help(self) -> str:
        """The first sentence of the declaration."""
        return (self.cls.__doc__ or "").strip().partition("\n")[0]

    @property
    def plural(self) -> str:
        """Many of them, e.g. `port-groups`, `mac-entries`."""
        return f"{self.name[:-1]}ies" if self.name.endswith("y") else f"{self.name}s"

    @cached_property
    def writable(self) -> dict[str, FieldSpec]:
        """The fields that commands may set."""
        return {name: spec for name, spec in self.fields.items() if not spec.derived and name != "id"}

    @cached_property
    def needed(self) -> frozenset[str]:
        """The fields that an object cannot be made without, apart from its id."""
        return frozenset(name for name, spec in self.fields.items() if spec.required and name != "id")

    @cached_property
    def structured(self) -> frozenset[str]:
        """Fields whose stored form differs from their JSON form."""
        return frozenset(name for name, spec in self.fields.items() if spec.many or spec.parts)

    @cached_property
    def ref_of(self) -> dict[str, Ref]:
        """Every reference that the kind declares, by field; by `field.part` inside a structure."""
        return {".".join(path): ref for path, ref in _references(self.fields.values())}

    @cached_property
    def plain_refs(self) -> tuple[str, ...]:
        """The fields that are one reference and nothing else."""
        return tuple(name for name in self.ref_of if name in self.fields and not self.fields[name].many)

    @cached_property
    def _plain_targets(self) -> Callable[[Entity], tuple[Any, ...]]:
        return getter(self.plain_refs)

    @cached_property
    def inner_refs(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """References in lists and structures: (name as in `ref_of`, field, parts inside)."""
        others = (name for name in self.ref_of if name not in self.plain_refs)
        return tuple((name, *_split(name)) for name in others)

    @cached_property
    def _inner_values(self) -> Callable[[Entity], tuple[Any, ...]]:
        return getter([field for _, field, _ in self.inner_refs])

    def targets(self, entity: Entity) -> list[tuple[str, str]]:
        """Return (name as in `ref_of`, id) of every reference that the object holds, each once."""
        plain = zip(self.plain_refs, self._plain_targets(entity), strict=True)
        found = [reference for reference in plain if reference[1] is not None]
        return found + self.inner_targets(entity) if self.inner_refs else found

    def inner_targets(self, entity: Entity) -> list[tuple[str, str]]:
        """Return the same of those in lists and structures only."""
        found: list[tuple[str, str]] = []
        if not any(self._inner_values(entity)):  # the usual case
            return found
        for name, field, parts in self.inner_refs:
            if value := getattr(entity, field):
                found += dict.fromkeys((name, target) for target in _ids(value, parts))
        return found

    def field(self, name: str) -> FieldSpec:
        """Return a field by name; `InvalidValue` lists those that there are."""
        spec = self.fields.get(name)
        if spec is None:
            known = ", ".join(self.writable)
            hint = suggest(name, self.writable) or f"; it has {known}"
            raise InvalidValue(
                f"a {self.name} has no field {name}{hint}", field=name, kind=self.name, reason="no-such-field"
            )
        return spec


def getter(fields: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads these attributes of an object, all at once."""
    if len(fields) > 1:
        return attrgetter(*fields)
    alone = [attrgetter(field) for field in fields]
    return lambda entity: tuple([read(entity) for read in alone])


def _references(specs: Iterable[FieldSpec]) -> Iterator[tuple[tuple[str, ...], Ref]]:
    for spec in specs:
        if spec.ref is not None:
            yield (spec.name,), spec.ref
        for path, ref in _references(spec.parts):
            yield (spec.name, *path), ref


def _split(name: str) -> tuple[str, tuple[str, ...]]:
    field, *parts = name.split(".")
    return field, tuple(parts)


def _ids(value: Any, parts: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _ids(item, parts)
    elif parts and value is not None:
        yield from _ids(getattr(value, parts[0]), parts[1:])
    elif value is not None:
        yield value


def plain(entity: Entity) -> dict[str, Any]:
    """Return an object as JSON values, its kind included: the form of events, views and output."""
    data: dict[str, Any] = msgspec.to_builtins(entity)
    data["kind"] = entity.KIND
    return data


def ordered(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with what every kind has in front, as people read it."""
    return {**{name: data[name] for name in ("id", "kind", "name", "position")}, **data}


def kind_of(name: str) -> Kind:
    """Return a kind by its name; `NotFound` lists those that there are."""
    kind = KINDS.get(name)
    if kind is None:
        hint = suggest(name, KINDS) or f"; kinds are {', '.join(KINDS)}"
        raise NotFound(f"there is no kind {name!r}{hint}", kind=name)
    return kind


def _terms(cls: type[Entity]) -> set[str]:
    """Return the fields of a condition; they are listed after the other fields."""
    return (
        set(Conditional.__struct_fields__).difference(Entity.__struct_fields__)
        if issubclass(cls, Conditional)
        else set()
    )


_CLASSES: tuple[type[Entity], ...] = (
    Tenant,
    Bridge,
    Router,
    Vtep,
    VtepBinding,  # before all that may refer to the VXLAN port that it brings
    Port,
    Route,
    BgpNetwork,
    BgpPeer,
    DhcpSubnet,
    Dhcpv6Subnet,
    Chain,
    Rule,
    PortGroup,
    IpAddrGroup,
    QosPolicy,
    QosBandwidthRule,
    QosDscpRule,
    Mirror,
    TraceRequest,
    LoggingResource,
    RuleLogger,
    LoadBalancer,
    HealthMonitor,
    Pool,
    PoolMember,
    Vip,
    L2Insertion,
    Host,
    HostGroup,
    TunnelZone,
    ServiceContainerGroup,
    ServiceContainer,
    MacEntry,
    ArpEntry,
)
KINDS: dict[str, Kind] = {cls.KIND: Kind(cls.KIND, cls) for cls in _CLASSES}
"""Every kind by name, parents before their parts."""
