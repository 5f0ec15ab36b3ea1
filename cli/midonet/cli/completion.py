"""Completion of the shell: the script that connects a shell to midoctl, and what stands to choose.

Completing must be quick and never disturb: whatever goes wrong, there is just nothing to choose.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

from midonet.cli import output
from midonet.cli.command import command

__all__ = ["complete_any", "complete_fields", "complete_refs", "completion"]

_OFFERED = 200
_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@command(
    "completion",
    click.Argument(["shell"], type=click.Choice(list(_SHELLS))),
    examples="""  source <(midoctl completion bash)
  midoctl completion fish > ~/.config/fish/completions/midoctl.fish""",
)
def completion(session: object, shell: str) -> None:
    """Print the completion script of a shell, to be read at its start."""
    del session
    from midonet.cli.main import root

    script = _SHELLS[shell](root, {}, "midoctl", "_MIDOCTL_COMPLETE")
    output.write(script.source_template % script.source_vars())


def complete_refs(kind: str) -> Completer:
    """Return a completer of names (ids for what has none) of a kind, or of several (`a|b`)."""

    def complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(word) for word in islice(_refs(context, kind, incomplete), _OFFERED)]
        except Exception:  # noqa: BLE001 - completing is a courtesy
            return []

    return complete


def complete_any(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of all kinds."""
    from midonet.events.model import KINDS

    return complete_refs("|".join(KINDS))(context, parameter, incomplete)


def _refs(context: click.Context, kinds: str, incomplete: str) -> Iterator[str]:
    from midonet.cli.quick import absent
    from midonet.cli.session import Session, handle

    with Session(context.obj) as session:
        if absent(session.url):
            return
        topology = session.topology()
    for kind in kinds.split("|"):
        for entity in topology.all(kind).values():
            word = handle(topology, kind, entity.id, entity.name)
            if word.startswith(incomplete):
                yield word


def complete_fields(kind: str) -> Completer:
    """Return a completer of the fields of a kind."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from midonet.events.model import KINDS

        fields = (name.replace("_", "-") for name in KINDS[kind].writable)
        return [CompletionItem(field) for field in fields if field.startswith(incomplete.replace("_", "-"))]

    return complete
