"""`midonet-agent`: the command line of the hypervisor agent.

An error is one line on standard error and an exit code of contract §2. Modules are loaded by the command that needs
them.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from midonet.agent.settings import Settings
from midonet.events import errors
from midonet.events.config.click_options import with_settings
from midonet.events.config.connection_security import use
from midonet.events.config.extras import require_extra
from midonet.events.config.settings import render

_JSON = frozenset({"json", "-ojson", "--output=json"})
"""With one of these arguments an error is printed as JSON."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        result = command.main(words, prog_name="midonet-agent", standalone_mode=False)
    except errors.MidonetError as error:
        return _fail(error, words)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(errors.UsageError(error.format_message().rstrip(".")), words)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception as error:  # noqa: BLE001 - every error is one line
        return _fail(errors.MidonetError(f"internal error, please report it ({error!r})"), words)
    return result if isinstance(result, int) else 0


def _fail(error: errors.MidonetError, words: Sequence[str]) -> int:
    line = f"midonet-agent: {error.message}"
    if not _JSON.isdisjoint(words):
        details = {"code": error.code, "message": error.message, "details": error.details}
        line = json.dumps({"error": details}, default=str)
    click.echo(line, err=True)
    return error.exit_status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="midonet", prog_name="midonet-agent")
def command() -> None:
    """Hold the part of the topology that this host needs, and report that the host is alive.

    Settings come from options, else from the environment, else from a configuration file.
    """


@command.command()
@with_settings(Settings)
@click.option("--print-config", is_flag=True, help="Print the effective settings and exit.")
def run(settings: Settings, *, print_config: bool) -> None:
    """Run the agent in the foreground, until SIGTERM."""
    use(settings)
    if print_config:
        click.echo(render(settings), nl=False)
        return
    if settings.zookeeper is None:
        raise errors.UsageError(
            "zookeeper is not set: give --zookeeper, MIDONET_ZOOKEEPER or zookeeper in the configuration file"
        )
    require_extra("agent")
    from midonet.agent.daemon import serve

    serve(settings, settings.zookeeper)


@command.command()
@with_settings(Settings)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="Output format.")
def show(settings: Settings, *, output: str) -> None:
    """Show the status of this host's running agent and the objects that it holds.

    If several agents run on one machine, choose one with --host-id. Takes the settings of `run`.
    """
    from midonet.agent.host import identity
    from midonet.agent.status.server import run_dirs
    from midonet.agent.status.show import fetch, form

    host = settings.host_id or (identity.read(Path(settings.host_id_file)) if settings.host_id_file else None)
    click.echo(form(fetch(run_dirs(os.environ, settings.run_dir), host), output))
