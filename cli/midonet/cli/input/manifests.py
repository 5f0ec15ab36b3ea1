"""Read manifests (YAML files of objects) for `apply` and `plan`; errors name file and line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from midonet.cli.input.yaml_files import load
from midonet.cli.output.progress import progress
from midonet.events.commands.command import Put
from midonet.events.errors import InvalidValue, MidonetError, UsageError
from midonet.events.strict_yaml import objects, with_location


@contextmanager
def load_manifests(paths: Sequence[str], *, prune: bool) -> Iterator[Put]:
    """Yield the operation that applies the files; errors raised inside name file and line."""
    if not paths:
        raise UsageError("no file: give at least one -f FILE")
    with progress("reading"):
        documents = [document for path in paths for document in objects(path, load(path))]
    if not documents:
        raise InvalidValue(f"{', '.join(paths)}: no objects", files=list(paths))
    try:
        with progress(f"deciding on {len(documents):,} documents"):
            yield Put(list[dict[str, Any]](documents), prune=prune)
    except MidonetError as error:
        raise with_location(error, documents) from None


FILES = (
    click.Option(
        ["-f", "--file", "files"],
        metavar="FILE",
        type=click.Path(),
        multiple=True,
        help="YAML file; - is standard input (repeatable).",
    ),
    click.Argument(["more"], metavar="[FILE]…", type=click.Path(), nargs=-1, required=False),
    click.Option(["--prune"], is_flag=True, help="Delete all objects that are not in the files."),
)
