"""The commands that every kind has, generated from its declaration: create, list, show, set, clear, delete."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import click

from midonet.cli.commands.object_table import field_values, object_card, object_table
from midonet.cli.commands.tenant_filter import belongs, has_tenant
from midonet.cli.framework.command import REF, Command, DataOption, command
from midonet.cli.framework.completion import complete_fields, complete_refs
from midonet.cli.options.options import READ, WRITE
from midonet.cli.session.reported_state import ReportedState
from midonet.cli.session.session import Session, handle, handles
from midonet.cli.session.write import write
from midonet.events.commands.command import Create, Delete, Update
from midonet.events.errors import UsageError
from midonet.events.model import Entity, FieldSpec, Kind, ordered, plain
from midonet.events.queries.field_values import parse_value
from midonet.events.queries.selection import find_field, find_fields, select
from midonet.events.topology import references


class FieldOption(DataOption):
    """The option of a field, from its declaration."""

    def __init__(self, spec: FieldSpec, *, required: bool = False) -> None:
        super().__init__(
            [f"--{spec.name.replace('_', '-')}", spec.name],
            required=required,
            metavar=placeholder(spec),
            help=_help(spec),
            multiple=spec.many,
            type=REF if spec.ref is not None else None,
            shell_complete=_complete(spec),
        )
        self.is_switch = spec.base is bool
        if self.is_switch:
            self.secondary_opts = [f"--no-{spec.name.replace('_', '-')}"]

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return option and help; `--no-…` takes no value."""
        record = super().get_help_record(ctx)
        if record is None or not self.is_switch:
            return record
        return f"{self.opts[0]} {self.metavar} / {self.secondary_opts[0]}", record[1]


def _help(spec: FieldSpec) -> str:
    text = spec.help
    if spec.default not in (None, (), False):
        text += f" Default: {str(spec.default).lower() if isinstance(spec.default, bool) else spec.default}."
    return text + (" (repeatable)" if spec.many else "")


def _complete(spec: FieldSpec) -> Any:
    if spec.ref is not None:
        return complete_refs(spec.ref.kind)
    words = spec.choices or (("true", "false") if spec.base is bool else ())
    return lambda _c, _p, incomplete: [choice for choice in words if choice.startswith(incomplete)]


def field_options(kind: Kind, *, without: Iterable[str] = ()) -> list[click.Option]:
    """Return an option for every writable field of a kind."""
    return [FieldOption(spec) for name, spec in kind.writable.items() if name not in without]


def given(kind: Kind, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON values of the fields that were given on the command line."""
    words = {name: (text,) if isinstance(text, str) else text for name, text in options.items()}
    return {name: parse_value(kind.fields[name], text) for name, text in words.items() if text}


def ref_argument(kind: str, name: str = "ref", metavar: str = "REF") -> click.Argument:
    """Return the argument that names an object of a kind."""
    return click.Argument([name], type=REF, metavar=metavar, shell_complete=complete_refs(kind))


ID = DataOption(["--id"], metavar="UUID", help="Id of the new object. Default: random.")
PLACE = DataOption(["--at-index", "index"], metavar="N", help="Index in the chain, from 1 on. Default: the end.")


def create_command(kind: Kind) -> Command:
    """Return `midoctl KIND create`."""
    name = click.Argument(["name"], required=False)
    place = [PLACE] if kind.name == "rule" else []
    options = field_options(kind, without=["name"])

    @command("create", name, *options, *place, ID, shared=WRITE, examples=_examples(kind, "create"))
    def create(session: Session, **values: Any) -> None:
        tenant = session.settings.get("tenant") if "tenant" in kind.writable else None
        fields = {"tenant": tenant} if tenant is not None else {}
        write(session, f"{kind.name}.create", [Create(kind.name, fields | created_fields(kind, values))])

    create.help = f"Create a {kind.name}."
    return create


def created_fields(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Create` that were given, with id and index."""
    chosen = {"id": values["id"]} if values.get("id") is not None else {}
    return given(kind, {name: text for name, text in values.items() if name != "id"}) | chosen


def set_command(kind: Kind) -> Command:
    """Return `midoctl KIND set`."""

    @command("set", ref_argument(kind.name), *field_options(kind), shared=WRITE, examples=_examples(kind, "set"))
    def set_(session: Session, ref: str, **values: Any) -> None:
        fields = given(kind, values)
        if not fields:
            raise UsageError(f"no fields: give at least one, e.g. --{next(iter(kind.writable))}")
        write(session, f"{kind.name}.set", [Update(kind.name, ref, fields)])

    set_.help = f"Set fields of a {kind.name}; others keep their values."
    return set_


def clear_command(kind: Kind) -> Command:
    """Return `midoctl KIND clear`."""
    fields = click.Argument(
        ["fields"], metavar="FIELD…", nargs=-1, required=True, shell_complete=complete_fields(kind.name)
    )

    @command("clear", ref_argument(kind.name), fields, shared=WRITE, examples=_examples(kind, "clear"))
    def clear(session: Session, ref: str, fields: Sequence[str]) -> None:
        named = {find_field(kind, field): None for field in fields}
        write(session, f"{kind.name}.clear", [Update(kind.name, ref, named)])

    clear.help = f"Reset fields of a {kind.name} to their defaults."
    return clear


def delete_command(kind: Kind) -> Command:
    """Return `midoctl KIND delete`."""
    cascade = click.Option(["--cascade"], is_flag=True, help="Clear references to it, or delete the referring objects.")

    @command("delete", ref_argument(kind.name), cascade, shared=WRITE, examples=_examples(kind, "delete"))
    def delete(session: Session, ref: str, *, cascade: bool) -> None:
        write(session, f"{kind.name}.delete", [Delete(kind.name, ref, cascade=cascade)])

    delete.help = f"Delete a {kind.name} with its parts; refused without --cascade if other objects refer to it."
    return delete


def show_command(kind: Kind) -> Command:
    """Return `midoctl KIND show`."""
    fields = click.Argument(
        ["fields"], metavar="[FIELD]…", nargs=-1, shell_complete=complete_fields(kind.name, derived=True)
    )

    @command("show", ref_argument(kind.name), fields, shared=READ, examples=_examples(kind, "show"))
    def show(session: Session, ref: str, fields: Sequence[str]) -> None:
        chosen = find_fields(kind, fields)
        whole = kind.name == "route"  # learned routes are computed from all ports
        topology = session.state.topology() if whole else session.state.topology_around(kind.name, ref)
        reported = ReportedState(session, topology, kind, ref)
        entity = references.find(topology, kind.name, ref)
        session.output.print(
            _chosen(ordered(plain(entity)) | reported.value(entity.id), chosen),
            names=lambda: [handle(topology, kind.name, entity.id, entity.name)],
            text=lambda: (
                field_values(topology, kind, entity, chosen)
                if chosen
                else object_card(topology, kind, entity, reported.lines(entity.id))
            ),
        )
        reported.hint()

    show.help = f"Show a {kind.name} with all its fields, or only the values of some."
    return show


_LIST = (
    click.Option(
        ["--filter", "filters"],
        metavar="FIELD=VALUE",
        multiple=True,
        help="Only objects that match; also !=, <, <=, >, >=, ~ (pattern); no VALUE: field is unset (repeatable).",
    ),
    click.Option(["--sort"], metavar="FIELD", help="Sort by a field; -FIELD: descending."),
    click.Option(["--fields"], metavar="FIELD,…", multiple=True, help="Show only these fields (repeatable)."),
    click.Option(["--limit"], type=click.IntRange(min=1), metavar="N", help="At most N objects."),
    click.Option(["--after"], type=REF, metavar="REF", help="Only objects after REF in the list."),
)
_ALL_TENANTS = click.Option(["--all-tenants"], is_flag=True, help="Ignore the chosen tenant.")


def list_command(kind: Kind) -> Command:
    """Return `midoctl KIND list`."""
    owned = has_tenant(kind)

    @command(
        "list",
        *(_with_fields(option, kind) for option in _LIST),
        *([_ALL_TENANTS] if owned else []),
        shared=[*READ, *(["tenant"] if owned else [])],
        examples=_examples(kind, "list"),
    )
    def list_(session: Session, filters: Sequence[str], limit: int | None, after: str | None, **how: Any) -> None:
        topology = session.state.topology()
        reported = ReportedState(session, topology, kind)
        tenant = session.settings.get("tenant") if owned and not how["all_tenants"] else None
        found = select(topology, kind, filters, sort=how["sort"], after=after)
        if tenant is not None:
            found = [entity for entity in found if belongs(topology, entity, tenant)]
        _print_list(session, reported, found[:limit], find_fields(kind, how["fields"]))
        if not found or tenant is not None:
            whose = f" of tenant {tenant} (--all-tenants shows all)" if tenant is not None else ""
            session.output.note(f"{'no' if not found else 'only'} {kind.plural}{whose}")
        reported.hint()

    list_.help = f"List {kind.plural}, by name."
    return list_


def _with_fields(option: click.Option, kind: Kind) -> click.Option:
    """Return an option of `list`; one that takes fields completes those of the kind."""
    option = copy(option)
    if option.name in ("filters", "sort", "fields"):
        option._custom_shell_complete = complete_fields(kind.name, derived=True, end="=" * (option.name == "filters"))  # noqa: SLF001 - as its constructor does
    return option


def _print_list(session: Session, reported: ReportedState, found: Sequence[Entity], fields: Sequence[str]) -> None:
    cache = session.cache
    numbered = cache is not None and cache.numbered and session.output.form == "table"
    if cache is not None and numbered:
        cache.listed = [entity.id for entity in found]
    session.output.print(
        [_chosen(ordered(plain(entity)) | reported.value(entity.id), fields) for entity in found],
        names=lambda: handles(found, reported.topology.all(reported.kind.name)),
        text=lambda: object_table(reported, found, fields, numbered=numbered),
    )


def _chosen(data: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {field: data[field] for field in fields} if fields else data


def _examples(kind: Kind, verb: str) -> str:
    from midonet.cli.catalog.examples import examples

    return examples(kind.name, verb)


def placeholder(spec: FieldSpec) -> str:
    """Return the placeholder of a field's value in help texts."""
    if spec.choices:
        return "|".join(spec.choices)
    if spec.base is bool:
        return "[true|false]"
    if spec.ref is not None:
        return spec.ref.kind.upper()
    if spec.parts:
        return ",".join(f"{part.name}={placeholder(part)}" for part in spec.parts if part.required) or "PART=VALUE,…"
    return spec.format.name.upper() if spec.format else spec.base.__name__.upper().replace("STR", "TEXT")
