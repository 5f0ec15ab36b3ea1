"""`midoctl man`: man pages generated from the commands, with the texts of `--help`.

One page for each command of the first level, with its subcommands.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from midonet.cli.catalog.topics import TOPICS
from midonet.cli.framework.command import Group, command
from midonet.cli.options.options import EVERYWHERE
from midonet.cli.output.atomic_file import atomic_write
from midonet.cli.session.session import Session
from midonet.events.errors import UsageError

_FOREIGN = re.compile(r"[^\x00-\x7f]")


@command(
    "man",
    click.Argument(["folder"], metavar="DIR", type=click.Path()),
    examples="  midoctl man ~/.local/share/man/man1",
)
def man(session: Session, folder: str) -> None:
    """Write the man pages of all commands into a folder: midoctl.1, midoctl-bridge.1 and so on."""
    current = click.get_current_context()
    root = current.find_root().command
    assert isinstance(root, Group)  # noqa: S101 - it is `midoctl`
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}", folder=folder) from None
    context = click.Context(root, info_name="midoctl", obj=current.obj)
    pages = {"midoctl": _main_page(context, root)} | {
        f"midoctl-{name}": _page(click.Context(_loaded(root, context, name), info_name=name, parent=context))
        for name in root.known
    }
    for name, text in pages.items():
        with atomic_write(f"{folder}/{name}.1") as file:
            file.write(text.encode())
    session.output.print(
        {"folder": folder, "pages": list(pages)},
        names=lambda: pages,
        text=lambda: f"{len(pages)} pages written to {folder}; add its parent to MANPATH",
    )


def _loaded(group: click.Group, context: click.Context, name: str) -> click.Command:
    found = group.get_command(context, name)
    assert found is not None  # noqa: S101 - it is one of the group's own names
    return found


def _main_page(context: click.Context, root: Group) -> str:
    lines = [*_head("midoctl", "manage a virtual network and query its history")]
    lines += [".SH SYNOPSIS", r".B midoctl \fR[OPTIONS] COMMAND \.\.\.", ".SH DESCRIPTION", *_paragraphs(root.help)]
    lines += [".SH OPTIONS", *_options(context, shared=True), ".SH COMMANDS"]
    for name, text in root.known.items():
        lines += [".TP", rf"\fBmidoctl-{_escaped(name)}\fR(1)", _escaped(text)]
    for name, (title, text) in TOPICS.items():
        lines += [f'.SH "{name.upper().replace("-", " ")}: {title}"', ".nf", *map(_escaped, text.splitlines()), ".fi"]
    return "\n".join([*lines, *_examples(root), ""])


def _page(context: click.Context) -> str:
    name = context.command_path.replace(" ", "-")
    lines = [*_head(name, (context.command.help or "").partition("\n")[0].rstrip("."))]
    lines += [".SH SYNOPSIS", *_synopsis(context), ".SH DESCRIPTION", *_paragraphs(context.command.help)]
    if isinstance(context.command, click.Group):
        for inner in context.command.list_commands(context):
            below = click.Context(_loaded(context.command, context, inner), info_name=inner, parent=context)
            lines += [f'.SS "{below.command_path}"', *_synopsis(below), ".PP", *_paragraphs(below.command.help)]
            lines += [*_options(below), *_examples(below.command, ".PP")]
    else:
        lines += [".SH OPTIONS", *_options(context), *_examples(context.command)]
    return "\n".join([*lines, ".SH SEE ALSO", r"\fBmidoctl\fR(1)", ""])


def _head(name: str, title: str) -> Iterator[str]:
    yield f'.TH "{name.upper()}" 1 "" "midonet {version("midonet")}" "MidoNet"'
    yield ".SH NAME"
    yield rf"{_escaped(name)} \- {_escaped(title)}"


def _synopsis(context: click.Context) -> Iterator[str]:
    yield rf"\fB{_escaped(context.command_path)}\fR {_escaped(' '.join(context.command.collect_usage_pieces(context)))}"


def _options(context: click.Context, *, shared: bool = False) -> Iterator[str]:
    for param in context.command.get_params(context):
        hidden = param.name in EVERYWHERE and not param.expose_value and not shared
        record = param.get_help_record(context) if not hidden else None
        if record is not None:
            yield from (".TP", rf"\fB{_escaped(record[0])}\fR", _escaped(record[1]))


def _examples(command: click.Command, heading: str = ".SH EXAMPLES") -> list[str]:
    lines = [line[2:] for line in (command.epilog or "").splitlines() if line.startswith("  ")]
    return [heading, ".nf", *map(_escaped, lines), ".fi"] if lines else []


def _paragraphs(text: Any) -> Iterator[str]:
    for place, part in enumerate(re.split(r"\n\s*\n", str(text or "").strip())):
        if place:
            yield ".PP"
        yield _escaped(" ".join(part.replace("\b", "").split()))


def _escaped(text: str) -> str:
    """Return text with all characters escaped that troff interprets."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    ascii_only = _FOREIGN.sub(lambda found: f"\\[u{ord(found[0]):04X}]", escaped)
    return rf"\&{ascii_only}" if ascii_only.startswith(".") else ascii_only
