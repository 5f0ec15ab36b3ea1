"""One field of a kind, compiled from its annotation: type, help text, reference, format and parts. Pure."""

import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from midonet.events.errors import InvalidValue
from midonet.events.model.fields import DERIVED, Flag, Format, Ref
from midonet.events.suggestions import suggest
from midonet.events.validation_words import in_words


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
            raise self._bad(value, in_words(error, ".value"), "bad-value") from None
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
        """A test whether a text is a value in canonical form."""
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
            raise ValueError("expected a list")  # noqa: TRY004 - one exception type for every bad value
        return [self._parse_one(item) for item in value]

    def _parse_one(self, value: Any) -> Any:
        if self.parts and isinstance(value, str) and hasattr(self.base, "from_text"):
            value = self.base.from_text(value)
        if self.parts and isinstance(value, dict):
            known = {part.name: part for part in self.parts}
            return {k: known[k]._parse(v) if k in known else v for k, v in value.items()}  # noqa: SLF001 - own class
        if self.choices and value not in self.choices:
            raise ValueError(
                f"{_short(value)} is not one of {', '.join(self.choices)}{suggest(str(value), self.choices)}"
            )
        return self.format.parse(value) if self.format and value is not None else value


def _as_it_is(value: Any) -> Any:
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line of an error message


def compile_fields(cls: type[Struct]) -> Iterator[FieldSpec]:
    """Yield what the annotations of a class declare, in their order."""
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
        parts=tuple(compile_fields(base)) if isinstance(base, type) and issubclass(base, Struct) else (),
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
