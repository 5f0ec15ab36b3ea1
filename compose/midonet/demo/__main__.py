"""Run the demo: `python -m midonet.demo [--log sqlite|kafka]`."""

import sys
import time

import click
from kazoo.client import KazooClient
from rich.console import Console
from rich.table import Table

from midonet.demo.environment import open_environment
from midonet.demo.steps import STEPS, Demo
from midonet.events.errors import MidonetError


@click.command()
@click.option("--log", type=click.Choice(["sqlite", "kafka"]), default="sqlite", help="Backend of the log.")
def main(log: str) -> None:
    """Run MidoNet on real servers: commands, views in ZooKeeper and OVSDB, drift repair, and recovery from SIGKILL."""
    width = None if sys.stdout.isatty() else 118
    console = Console(highlight=False, emoji=False, soft_wrap=True, width=width)  # `:ab:` in a MAC is no emoji
    started = time.monotonic()
    try:
        facts = _run(console, log)
    except (MidonetError, TimeoutError) as error:
        console.print(f"the demo failed: {error}", style="bold red", markup=False)
        sys.exit(1)
    console.rule("[bold]Summary")
    table = Table("", "", box=None, show_header=False)
    for name, fact in facts.items():
        table.add_row(f"[bold]{name}[/]", fact)
    table.add_row("[bold]total[/]", f"{time.monotonic() - started:.0f} s; all servers are stopped")
    console.print(table)


def _run(console: Console, log: str) -> dict[str, str]:
    console.rule(f"[bold]Real servers: ZooKeeper, two emulated VTEP switches, the log on {log}")
    with open_environment(log) as environment:
        client = KazooClient(environment.zookeeper.hosts)
        client.start()
        try:
            demo = Demo(environment, console, client)
            for step in STEPS:
                console.rule(f"[bold]{(step.__doc__ or '').strip().rstrip('.')}")
                step(demo)
        finally:
            client.stop()
            client.close()
    return demo.facts


if __name__ == "__main__":
    main()
