"""`midoctl apply` and `export`: networks as YAML files."""

from collections.abc import Sequence

import click

from midonet.cli.framework.command import command
from midonet.cli.input.manifests import FILES, load_manifests
from midonet.cli.options.options import READ, WRITE
from midonet.cli.output.formats import yaml_text
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.errors import UsageError


@command(
    "apply",
    *FILES,
    click.Option(["--plan"], metavar="PLAN", type=click.Path(), help="Apply a plan of `plan --out`."),
    shared=WRITE,
    examples="""  midoctl apply -f network.yaml --dry-run
  midoctl apply --plan rack2.plan -m "rack 2, as discussed"
  midoctl apply -f racks/*.yaml -m "rack 2" --wait agents
  midoctl --server postgresql+psycopg://db/midonet export | midoctl apply -f -""",
)
def apply(session: Session, files: Sequence[str], more: Sequence[str], plan: str | None, *, prune: bool) -> None:
    """Apply YAML files in one commit: create, change and, with --prune, delete objects.

    A file holds a list or several documents of {kind, name, …fields}. References are names or ids, in any order.
    Parts may be nested: ports, macs, arps under a bridge, ports and routes under a router, rules (in order) under a
    chain, bindings under a vtep, members under a pool and so on (see docs/model.md). Fields that are absent keep
    their values; rules without an id replace all rules of their chain.

    With --plan exactly the changes of the plan are made; refused if the log has changed since.
    """
    if plan is not None:
        if files or more or prune:
            raise UsageError("--plan takes neither files nor --prune")
        from midonet.cli.commands.plan import apply_plan

        apply_plan(session, plan)
        return
    with load_manifests([*files, *more], prune=prune) as put:
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
