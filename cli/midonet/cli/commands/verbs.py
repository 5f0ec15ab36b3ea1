"""The commands of the verbs beside create, set, clear and delete, generated from `midonet.events.commands.verbs`."""

from collections.abc import Mapping
from typing import Any

import click

from midonet.cli.catalog.examples import verb_examples
from midonet.cli.commands.objects import ID, PLACE, FieldOption, placeholder, ref_argument
from midonet.cli.framework.command import Command, command
from midonet.cli.options.options import WRITE
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.commands.verbs import VERBS, Argument, Verb
from midonet.events.queries.field_values import parse_value

_OBJECT = "ref"
_OWN_OPTIONS = {"id": ID, "index": PLACE}


def verb_commands(kind: str) -> list[Command]:
    """Return the commands for the verbs of a kind."""
    return [_command(kind, name, verb) for name, verb in VERBS.get(kind, {}).items()]


def _command(kind: str, name: str, verb: Verb) -> Command:
    def run(session: Session, ref: str, **texts: Any) -> None:
        write(session, f"{kind}.{name}", [verb.make(ref, _values(verb, texts))])
        if (kind, name) == ("vtep", "bind"):
            from midonet.cli.commands.vtep import note_missing_port

            note_missing_port(session, ref, texts["physical_port"])

    run.__doc__ = verb.help
    params = [_parameter(kind, argument) for argument in verb.arguments.values()]
    return command(name, _object(kind), *params, shared=WRITE, examples=verb_examples(kind, name))(run)


def _object(kind: str) -> click.Argument:
    return ref_argument(kind, _OBJECT, kind.rpartition("-")[2].upper())


def _parameter(kind: str, argument: Argument) -> click.Parameter:
    spec = argument.spec
    if not argument.positional:
        return _OWN_OPTIONS.get(spec.name) or FieldOption(spec, required=argument.required)
    metavar = placeholder(spec)
    if spec.ref is not None:
        return ref_argument(spec.ref.kind, spec.name, f"OTHER-{metavar}" if spec.ref.kind == kind else metavar)
    return click.Argument([spec.name], metavar=spec.name.replace("_", "-").upper() if metavar == "TEXT" else metavar)


def _values(verb: Verb, texts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON values of the arguments that were given."""
    words = {name: (text,) if isinstance(text, str) else text for name, text in texts.items()}
    return {name: parse_value(verb.arguments[name].spec, text) for name, text in words.items() if text}
