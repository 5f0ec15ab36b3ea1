"""Completion: the scripts for shells, and completers of names and fields.

Completion never fails: on an error it offers nothing.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

from midonet.cli.framework.command import command
from midonet.cli.output import output

_OFFERED = 200
_HEX = 4
"""Characters of an id from which on ids are completed."""
_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@command(
    "completion",
    click.Argument(["shell"], type=click.Choice(list(_SHELLS))),
    examples="""  source <(midoctl completion bash)
  midoctl completion fish > ~/.config/fish/completions/midoctl.fish""",
)
def completion(session: object, shell: str) -> None:
    """Print the completion script of a shell. Source it in the start-up file of the shell."""
    del session
    root = click.get_current_context().find_root().command
    script = _SHELLS[shell](root, {}, "midoctl", "_MIDOCTL_COMPLETE")
    output.write(script.source_template % script.source_vars())


def complete_refs(kind: str) -> Completer:
    """Return a completer of the names (ids of unnamed objects) of a kind, or of several (`a|b`)."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(word) for word in islice(_refs(context, kind, incomplete), _OFFERED)]
        except Exception:  # noqa: BLE001 - completion never fails
            return []

    return complete


def complete_any(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of all kinds."""
    from midonet.events.model import KINDS

    return complete_refs("|".join(KINDS))(context, parameter, incomplete)


def _refs(context: click.Context, kinds: str, incomplete: str) -> Iterator[str]:
    """Yield names, `parent/name` if a name is ambiguous or a slash was typed, and ids with the typed prefix."""
    from midonet.cli.session.log_reader import log_exists
    from midonet.cli.session.session import Session, handles
    from midonet.events.queries.names import Names

    with Session(context.obj) as session:
        if not log_exists(session.url):
            return
        topology = session.state.topology()
    names = Names(topology.find)
    for kind in kinds.split("|"):
        objects = topology.all(kind)
        for entity, word in zip(objects.values(), handles(objects.values(), objects), strict=True):
            by_path = "/" in incomplete or (word == entity.id and entity.name is not None)
            offered = names.short(entity.id) if by_path else word
            if offered.startswith(incomplete):
                yield offered
            elif len(incomplete) >= _HEX and entity.id.startswith(incomplete.lower()):
                yield entity.id


def complete_fields(kind: str, *, derived: bool = False, end: str = "") -> Completer:
    """Return a completer of the fields of a kind that can be set (or of all), each with an `end`."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from midonet.events.model import KINDS

        done, comma, last = incomplete.rpartition(",")
        known = KINDS[kind].fields if derived else KINDS[kind].writable
        fields = (name.replace("_", "-") for name in known)
        return [CompletionItem(f"{done}{comma}{f}{end}") for f in fields if f.startswith(last.replace("_", "-"))]

    return complete
