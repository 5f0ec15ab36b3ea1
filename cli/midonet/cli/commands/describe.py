"""`midoctl describe`: the declaration of a kind: fields, values, references, effects of deletion."""

from collections.abc import Iterator
from shutil import get_terminal_size
from typing import Any, get_args

import click
import msgspec

from midonet.cli.catalog.kinds import KIND_HELP
from midonet.cli.framework.command import Command, OneOf, command
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.events.model import KINDS, FieldSpec, Kind, kind_of
from midonet.events.model.fields import OnDelete, Ref

_WIDTH = 120
_REFERRER = 40
"""Width of a kind with a field."""
_WORDS = {
    OnDelete.DELETE: "it is deleted, too",
    OnDelete.CLEAR: "the reference is cleared",
    OnDelete.REFUSE: "refused",
}


@command(
    "describe",
    click.Argument(["kind"], type=OneOf(list(KIND_HELP)), metavar="KIND"),
    examples="""  midoctl describe port
  midoctl describe rule -o json | jq -r .fields[].field""",
)
def describe(session: Session, kind: str) -> None:
    """Describe a kind: its fields with values, defaults and ranges, and the effects of deleting an object."""
    _show(session, kind_of(kind))


def describe_kind(kind: Kind) -> Command:
    """Return the command `midoctl KIND describe`."""

    @command("describe", examples=f"  midoctl {kind.name} describe")
    def one(session: Session) -> None:
        _show(session, kind)

    one.help = f"Describe a {kind.name}: fields, values, references, effects of deletion."
    return one


def _show(session: Session, kind: Kind) -> None:
    session.output.print(_facts(kind), names=lambda: kind.writable, text=lambda: _page(kind))


def _facts(kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "help": kind.help,
        "nested": kind.cls.NESTED,
        "owner": list(kind.cls.OWNER),
        "unique": [list(fields) for fields in kind.cls.UNIQUE],
        "fields": [_field(spec) for spec in kind.fields.values()],
        "referrers": [{"kind": other, "field": field, **_on_delete(ref)} for other, field, ref in _referrers(kind)],
    }


def _field(spec: FieldSpec) -> dict[str, Any]:
    low, high = _range(spec)
    return {
        "field": spec.name,
        "help": spec.help,
        "type": _type(spec),
        "many": spec.many,
        "required": spec.required,
        "default": msgspec.to_builtins(spec.default),
        "read_only": spec.derived or spec.name == "id",
        "choices": list(spec.choices),
        "minimum": low,
        "maximum": high,
        "reference": {"kind": spec.ref.kind, **_on_delete(spec.ref)} if spec.ref is not None else None,
        "parts": [_field(part) for part in spec.parts],
    }


def _on_delete(ref: Ref) -> dict[str, str]:
    cascade = ref.cascade if ref.on_delete is OnDelete.REFUSE else ref.on_delete
    return {"on_delete": ref.on_delete.value, "on_cascade": cascade.value}


def _range(spec: FieldSpec) -> tuple[int | None, int | None]:
    """Return the smallest and the largest value of a field, if it has such limits."""
    found = list(_metas(spec.annotation))
    low = next((int(meta.ge) for meta in found if meta.ge is not None), None)
    high = next((int(meta.le) for meta in found if meta.le is not None), None)
    return low, high


def _metas(annotation: Any) -> Iterator[msgspec.Meta]:
    for part in get_args(annotation):
        if isinstance(part, msgspec.Meta):
            yield part
        yield from _metas(part)


def _type(spec: FieldSpec) -> str:
    """Return in a word or two what a value (or each of a list) is."""
    if spec.ref is not None:
        return spec.ref.kind.replace("|", " or ")
    if spec.parts:
        return ", ".join(f"{part.name}={_type(part)}" + ("" if part.required else "?") for part in spec.parts)
    if spec.choices:
        return " | ".join(spec.choices)
    words = {bool: "true | false", int: "number", str: "text"}
    return spec.format.name if spec.format is not None else words.get(spec.base, str(spec.base))


def _referrers(kind: Kind) -> Iterator[tuple[str, str, Ref]]:
    """Yield the kinds and fields that refer to a kind."""
    for other in KINDS.values():
        for field, ref in other.ref_of.items():
            if kind.name in ref.kind.split("|"):
                yield other.name, field, ref


def _page(kind: Kind) -> str:
    width = min(get_terminal_size().columns, _WIDTH) if output.on_terminal() else _WIDTH
    page = click.HelpFormatter(width=width)
    page.write_text(f"{kind.name}: {kind.help}")
    _write_nature(page, kind)
    own = [spec for name, spec in kind.fields.items() if name not in ("id", "position")]
    _write_fields(page, "Fields", [spec for spec in own if not spec.derived])
    _write_fields(page, "Read-only fields", [spec for spec in own if spec.derived])
    rows = [(f"{other} ({field})", _consequence(ref)) for other, field, ref in _referrers(kind)]
    if rows:
        with page.section(f"References to a {kind.name}, when it is deleted"):
            page.write_dl(rows, col_max=_REFERRER)
    return page.getvalue().rstrip("\n")


def _write_nature(page: click.HelpFormatter, kind: Kind) -> None:
    if kind.cls.OWNER:
        page.write_text(f"It is a part of its {' or '.join(kind.cls.OWNER).replace('_', '-')} and is deleted with it.")
    if kind.cls.NESTED:
        page.write_text(f"In files it may be nested under `{kind.cls.NESTED}`.")
    for fields in kind.cls.UNIQUE:
        page.write_text(f"Unique: {' and '.join(fields)}.")


def _write_fields(page: click.HelpFormatter, title: str, specs: list[FieldSpec]) -> None:
    if specs:
        with page.section(title):
            page.write_dl([(spec.name, _sentence(spec)) for spec in specs])


def _sentence(spec: FieldSpec) -> str:
    low, high = _range(spec)
    limits = f" from {low} to {high}" if None not in (low, high) else f" from {low}" if low is not None else ""
    values = f"({'list of: ' if spec.many else ''}{_type(spec)}{limits})"
    default = spec.default if not isinstance(spec.default, bool) else str(spec.default).lower()
    ends = " Required." if spec.required else f" Default: {default}." if spec.default not in (None, ()) else ""
    return f"{spec.help} {values}{ends}".strip()


def _consequence(ref: Ref) -> str:
    more = f"; with --cascade {_WORDS[ref.cascade]}" if ref.on_delete is OnDelete.REFUSE else ""
    return _WORDS[ref.on_delete] + more
