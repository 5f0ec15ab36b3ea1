"""`midoctl demo`: run the demo, which is part of a checkout of the project and not of its packages."""

import importlib.util
import runpy
import sys

import click

from midonet.cli.framework.command import command
from midonet.cli.session.session import Session
from midonet.events.errors import NotFound


@command(
    "demo",
    click.Option(["--log"], type=click.Choice(["sqlite", "kafka"]), default="sqlite", help="Backend of the log."),
    examples="  midoctl demo --log kafka",
)
def demo(session: Session, log: str) -> None:
    """Run the demo on temporary servers."""
    del session
    if importlib.util.find_spec("midonet.demo") is None:
        raise NotFound("the demo is not installed: run `make demo` in a checkout of the project")
    sys.argv = ["midonet.demo", "--log", log]
    try:
        runpy.run_module("midonet.demo", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        click.get_current_context().exit(end.code if isinstance(end.code, int) else int(end.code is not None))
