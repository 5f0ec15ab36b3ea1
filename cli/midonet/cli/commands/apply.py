"""Networks as files: `apply` makes what YAML describes, `export` writes YAML."""

from collections.abc import Sequence

import click

from midonet.cli.framework.command import command
from midonet.cli.input.manifests import FILES, describing
from midonet.cli.options.options import READ, WRITE
from midonet.cli.output.formats import yaml_text
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.errors import UsageError


@command(
    "apply",
    *FILES,
    click.Option(["--plan"], metavar="PLAN", type=click.Path(), help="Carry out what `plan --out` wrote; no files."),
    shared=WRITE,
    examples="""  midoctl apply -f network.yaml --dry-run
  midoctl apply --plan rack2.plan -m "rack 2, as discussed"
  midoctl apply -f racks/*.yaml -m "rack 2" --wait agents
  midoctl --server postgresql+psycopg://db/midonet export | midoctl apply -f -""",
)
def apply(session: Session, files: Sequence[str], more: Sequence[str], plan: str | None, *, prune: bool) -> None:
    """Bring the network to what YAML files describe, in one commit.

    A file holds a list or several documents of {kind, name, …fields}. References are names or ids, and the order
    does not matter. Parts may be written inside: ports, macs, arps under a bridge, ports and routes under a router,
    rules (in order) under a chain, bindings under a vtep, members under a pool and so on (docs/model.md says
    which). Fields that are not mentioned stay as they are; rules without an id are replaced as a whole.

    With --plan exactly what the plan shows is done, or nothing if anybody changed anything since.
    """
    if plan is not None:
        if files or more or prune:
            raise UsageError("--plan holds all that is to be done: leave out files and --prune")
        from midonet.cli.commands.plan import carry_out

        carry_out(session, plan)
        return
    with describing([*files, *more], prune=prune) as put:
        write(session, "apply", [put])


@command(
    "export",
    shared=READ,
    examples="""  midoctl export > network.yaml
  midoctl export --at 2026-01-31T12:00:00Z | midoctl plan -f -""",
)
def export(session: Session) -> None:
    """Print the network as YAML; applying it changes nothing."""
    from midonet.events.queries.export import documents

    found = documents(session.state.topology())
    session.output.print(found, names=lambda: [yaml_text(found)], text=lambda: yaml_text(found))
