"""Networks as files: `apply` makes what YAML describes, `plan` says what that would change, `export` writes YAML."""

from collections.abc import Sequence
from typing import Any

import click

from midonet.cli import output
from midonet.cli.command import command
from midonet.cli.documents import Located, load
from midonet.cli.session import Session
from midonet.cli.settings import READ, WRITE
from midonet.events.command import Put
from midonet.events.errors import InvalidValue, MidonetError, UsageError

__all__ = ["apply", "export", "plan"]

_LONG = 300
"""From so many documents on, a terminal is told that work goes on."""

_FILES = (
    click.Option(
        ["-f", "--file", "files"],
        metavar="FILE",
        type=click.Path(),
        multiple=True,
        help="YAML file; - is standard input (repeatable).",
    ),
    click.Argument(["more"], metavar="[FILE]…", type=click.Path(), nargs=-1, required=False),
    click.Option(["--prune"], is_flag=True, help="Delete every object that the files do not describe."),
)


@command(
    "apply",
    *_FILES,
    shared=WRITE,
    examples="""  midoctl apply -f network.yaml --dry-run
  midoctl apply -f racks/*.yaml -m "rack 2" --wait agents
  midoctl --server postgresql+psycopg://db/midonet export | midoctl apply -f -""",
)
def apply(session: Session, files: Sequence[str], more: Sequence[str], *, prune: bool) -> None:
    """Bring the network to what YAML files describe, in one commit.

    A file holds a list or several documents of {kind, name, …fields}. References are names or ids, and the order
    does not matter. Parts may be written inside: ports, macs, arps under a bridge, ports and routes under a router,
    rules (in order) under a chain, bindings under a vtep. Fields that are not mentioned stay as they are.
    """
    _put(session, [*files, *more], prune=prune)


@command("plan", *_FILES, shared=("if_head",), examples="  midoctl plan -f network.yaml --prune")
def plan(session: Session, files: Sequence[str], more: Sequence[str], *, prune: bool) -> None:
    """Show every change that apply would make; write nothing."""
    session.settings.give("dry_run", "true")
    _put(session, [*files, *more], prune=prune, listed=None)


@command(
    "export",
    shared=READ,
    examples="""  midoctl export > network.yaml
  midoctl export --at 2026-01-31T12:00:00Z | midoctl plan -f -""",
)
def export(session: Session) -> None:
    """Print the network as YAML; applying it changes nothing."""
    from midonet.cli.export import documents

    found = documents(session.topology())
    output.write(output.json_text(found) if session.form == "json" else output.yaml_text(found))


def _put(session: Session, paths: Sequence[str], **options: Any) -> None:
    if not paths:
        raise UsageError("which file? give at least one -f FILE")
    prune = options.pop("prune")
    with output.working("reading", long=True):
        documents = [document for path in paths for document in _objects(path)]
    if not documents:
        raise InvalidValue(f"{', '.join(paths)}: nothing is described there", files=list(paths))
    try:
        with output.working(f"applying {len(documents):,} documents", long=len(documents) >= _LONG):
            session.write("apply", [Put(documents, prune=prune)], **options)
    except MidonetError as error:
        raise _placed(error, documents) from None


def _objects(path: str) -> list[Any]:
    """Return the mappings that a file describes; a document that is a list stands for its elements."""
    found: list[Any] = []
    for document in load(path):
        found += document if isinstance(document, list) else [document]
    for place, item in enumerate(found, 1):
        if not isinstance(item, Located):
            raise InvalidValue(f"{path}: object {place} is no mapping of fields but {type(item).__name__}", file=path)
    return found


def _placed(error: MidonetError, documents: Sequence[Located]) -> MidonetError:
    """Return the error with file and line instead of the number of the document."""
    where = error.details.get("where")
    if not isinstance(where, str):
        return error
    found = _follow(where, documents)
    message = error.message.replace(where, f"{found.file}:{found.line}", 1)
    return type(error)(message, **{**error.details, "file": found.file, "line": found.line})


def _follow(where: str, documents: Sequence[Located]) -> Located:
    """Return the mapping that `document 3, ports 2` means."""
    first, *steps = where.split(", ")
    found = documents[int(first.rpartition(" ")[2]) - 1]
    for step in steps:
        key, _, number = step.rpartition(" ")
        found = found[key][int(number) - 1]
    return found
