"""Run the demo: `python -m midonet.demo [--log sqlite|kafka]`."""

import sys
import time

import click
from kazoo.client import KazooClient
from rich.console import Console
from rich.table import Table

from midonet.demo.acts import ACTS, Play
from midonet.demo.stage import staged
from midonet.events.errors import MidonetError


@click.command()
@click.option("--log", type=click.Choice(["sqlite", "kafka"]), default="sqlite", help="Where the log is kept.")
def main(log: str) -> None:
    """Show the main job on real servers, from the command to the switch, and what survives a kill."""
    width = None if sys.stdout.isatty() else 118
    console = Console(highlight=False, emoji=False, soft_wrap=True, width=width)  # a MAC has `:ab:`, which is an emoji
    started = time.monotonic()
    try:
        facts = _play(console, log)
    except (MidonetError, TimeoutError) as error:
        console.print(f"the demo failed: {error}", style="bold red", markup=False)
        sys.exit(1)
    console.rule("[bold]What you saw")
    table = Table("", "", box=None, show_header=False)
    for name, fact in facts.items():
        table.add_row(f"[bold]{name}[/]", fact)
    table.add_row("[bold]all of it[/]", f"{time.monotonic() - started:.0f} s; nothing is left running")
    console.print(table)


def _play(console: Console, log: str) -> dict[str, str]:
    console.rule(f"[bold]Real servers: ZooKeeper, two emulated VTEP switches, the log on {log}")
    with staged(log) as stage:
        client = KazooClient(stage.zookeeper.hosts)
        client.start()
        try:
            play = Play(stage, console, client)
            for act in ACTS:
                console.rule(f"[bold]{(act.__doc__ or '').strip().rstrip('.')}")
                act(play)
        finally:
            client.stop()
            client.close()
    return play.facts


if __name__ == "__main__":
    main()
