"""`midoctl help`: the help of a command or a topic."""

from collections.abc import Sequence
from shutil import get_terminal_size

import click
from click.shell_completion import CompletionItem

from midonet.cli.catalog.topics import TOPICS
from midonet.cli.framework.command import command, in_paragraphs
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.events.errors import UsageError
from midonet.events.suggestions import suggest

_WIDTH = 120


def _complete(context: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = _root(context).list_commands(context)
    return [CompletionItem(word) for word in (*TOPICS, *names) if word.startswith(incomplete)]


@command(
    "help",
    click.Argument(["words"], metavar="[COMMAND…|TOPIC]", nargs=-1, shell_complete=_complete),
    examples="""  midoctl help port bind
  midoctl help moments""",
)
def help_(session: Session, words: Sequence[str]) -> None:
    """Show the help of a command or of a topic: shell, refs, moments, filters, tenants and so on."""
    del session
    if len(words) == 1 and words[0] in TOPICS:
        output.write(_fitted(TOPICS[words[0]][1]))
        return
    output.write(_help(words))
    if not words:
        lines = "\n".join(f"  {name.ljust(12)}{title}" for name, (title, _) in TOPICS.items())
        output.write(f"\nTopics (midoctl help TOPIC):\n{lines}")


def _fitted(text: str) -> str:
    """Return a text with paragraphs as wide as the terminal; indented ones are unchanged."""
    if not output.on_terminal():
        return text
    width = min(get_terminal_size().columns, _WIDTH)
    fitted: str = click.wrap_text(in_paragraphs(text), width, preserve_paragraphs=True)
    return fitted


def _root(context: click.Context) -> click.Group:
    root = context.find_root().command
    assert isinstance(root, click.Group)  # noqa: S101 - it is `midoctl`
    return root


def _help(words: Sequence[str]) -> str:
    current = click.get_current_context()
    root = _root(current)
    found: click.Command = root
    context = click.Context(root, info_name="midoctl", obj=current.obj, **root.context_settings)
    for word in words:
        known = found.list_commands(context) if isinstance(found, click.Group) else []
        inner = found.get_command(context, word) if isinstance(found, click.Group) and word in known else None
        if inner is None:
            hint = suggest(word, [*known, *(TOPICS if found is root else ())])
            raise UsageError(f"{context.command_path} has no command {word!r}{hint}")
        found, context = inner, click.Context(inner, info_name=word, parent=context)
    return found.get_help(context)
