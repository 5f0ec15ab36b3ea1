"""Compile the declarations of kinds into what the rest of the program is driven by.

Command validation, the command line, codecs, views and documentation all read these tables; none of them
knows a kind by name. A new kind is one class in this package, named in `KINDS`.
"""

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from midonet.events.errors import InvalidValue, NotFound
from midonet.events.model.base import Entity
from midonet.events.model.bgp import BgpNetwork, BgpPeer
from midonet.events.model.bridge import ArpEntry, Bridge, MacEntry
from midonet.events.model.chain import Chain, Rule, RuleLogger
from midonet.events.model.condition import Conditional
from midonet.events.model.dhcp import DhcpSubnet, Dhcpv6Subnet
from midonet.events.model.fields import DERIVED, Flag, Format, Ref
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
class FieldSpec:
    """One field of a kind, as its annotation declares it; `item` describes the elements of a list."""

    name: str
    annotation: Any
    base: Any
    help: str
    required: bool
    default: Any
    many: bool
    derived: bool
    ref: Ref | None
    format: Format | None
    parts: tuple["FieldSpec", ...]

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The allowed words of an enumeration, else nothing."""
        return get_args(self.base) if get_origin(self.base) is Literal else ()

    @property
    def struct(self) -> type[Struct] | None:
        """The nested structure that the value (or each element) is, if it is one."""
        return self.base if self.parts else None

    def coerce(self, value: Any) -> Any:
        """Return the canonical, typed value of what was written; `InvalidValue` names the field and the trouble."""
        if self._canonical is not None and type(value) is str and self._canonical(value):
            return value
        try:
            return msgspec.convert({"value": self._read(value)}, self._holder).value
        except msgspec.ValidationError as error:
            raise self._bad(value, _plain_words(error), "bad-value") from None
        except ValueError as error:
            raise self._bad(value, str(error), getattr(error, "reason", "bad-value")) from None

    def _bad(self, value: Any, trouble: str, reason: str) -> InvalidValue:
        return InvalidValue(f"{self.name}: {trouble}", field=self.name, value=_short(value), reason=reason)

    @cached_property
    def target(self) -> str | None:
        """The kind that the value names an object of, if it is one reference and nothing else."""
        return self.ref.kind if self.ref is not None and not self.many else None

    @cached_property
    def _canonical(self) -> Callable[[str], object] | None:
        """What tells of a text that it is a value in its canonical form."""
        known = self.format.canonical if self.format is not None and not self.many else None
        return known.fullmatch if known is not None else None

    @cached_property
    def _read(self) -> Callable[[Any], Any]:
        """What brings a value as people write it into its canonical form; most fields are one plain value."""
        if self.many or self.parts or self.choices:
            return self._parse
        parse = self.format.parse if self.format else _as_it_is
        return lambda value: parse(value) if value is not None else None

    @cached_property
    def _holder(self) -> Any:
        """A class with this one field: msgspec finds a class far quicker than an annotation."""
        return msgspec.defstruct("Holder", [("value", self.annotation)])

    def _parse(self, value: Any) -> Any:
        if value is None:
            return None
        if not self.many:
            return self._parse_one(value)
        if not isinstance(value, (list, tuple)):
            msg = "expected a list"
            raise ValueError(msg)  # noqa: TRY004 - one exception type for every bad value
        return [self._parse_one(item) for item in value]

    def _parse_one(self, value: Any) -> Any:
        if self.parts and isinstance(value, str) and hasattr(self.base, "from_text"):
            value = self.base.from_text(value)
        if self.parts and isinstance(value, dict):
            known = {part.name: part for part in self.parts}
            return {k: known[k]._parse(v) if k in known else v for k, v in value.items()}  # noqa: SLF001 - own class
        if self.choices and value not in self.choices:
            msg = f"{_short(value)} is not one of {', '.join(self.choices)}{suggest(str(value), self.choices)}"
            raise ValueError(msg)
        return self.format.parse(value) if self.format and value is not None else value


@dataclass(frozen=True)
class Kind:
    """One kind of object: its class, its fields and where its references are."""

    name: str
    cls: type[Entity]

    @cached_property
    def fields(self) -> dict[str, FieldSpec]:
        """The fields by name; compiled when somebody asks, as most programs ask for few kinds."""
        specs = sorted(_compile_fields(self.cls), key=lambda spec: spec.name in _terms(self.cls))
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
        if not any(self._inner_values(entity)):  # as nearly always
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


def _as_it_is(value: Any) -> Any:
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line of an error message


def _plain_words(error: msgspec.ValidationError) -> str:
    text = str(error).replace("`", "").replace(" - at $.value", " at ").removesuffix(" at ")
    return text[:1].lower() + text[1:]


def _terms(cls: type[Entity]) -> set[str]:
    """Return the fields of what a packet must be like; what an object is comes before these many."""
    return (
        set(Conditional.__struct_fields__).difference(Entity.__struct_fields__)
        if issubclass(cls, Conditional)
        else set()
    )


def _compile_fields(cls: type[Struct]) -> Iterator[FieldSpec]:
    hints = typing.get_type_hints(cls, include_extras=True)
    for info in msgspec.structs.fields(cls):
        yield _compile_field(info.name, hints[info.name], info)


def _compile_field(name: str, annotation: Any, info: Any) -> FieldSpec:
    marks: list[Any] = []
    base, many = _unwrap(annotation, marks)
    default = None if info.default is msgspec.NODEFAULT else info.default
    if info.default_factory is not msgspec.NODEFAULT:
        default = info.default_factory()
    return FieldSpec(
        name=name,
        annotation=annotation,
        base=base,
        help=next((m.description for m in marks if isinstance(m, Meta) and m.description), ""),
        required=bool(info.required),
        default=default,
        many=many,
        derived=DERIVED in [m for m in marks if isinstance(m, Flag)],
        ref=next((m for m in marks if isinstance(m, Ref)), None),
        format=next((m for m in marks if isinstance(m, Format)), None),
        parts=tuple(_compile_fields(base)) if isinstance(base, type) and issubclass(base, Struct) else (),
    )


def _unwrap(annotation: Any, marks: list[Any]) -> tuple[Any, bool]:
    """Peel `Annotated`, `| None` and `tuple[…, ...]` off a type; collect the marks on the way, outermost first."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *found = get_args(annotation)
        marks.extend(found)
        return _unwrap(inner, marks)
    if origin in (typing.Union, types.UnionType):
        return _unwrap(next(arg for arg in get_args(annotation) if arg is not type(None)), marks)
    if origin is tuple:
        return _unwrap(get_args(annotation)[0], marks)[0], True
    return annotation, False


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
