"""`midoctl`: the table of commands and the entry point.

Commands of kinds are generated from the model. Only click is loaded before a command is known: `midoctl --help` takes
less than 150 ms.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from midonet.cli.catalog.kinds import KIND_HELP
from midonet.cli.framework.command import Group, in_paragraphs
from midonet.cli.framework.runner import run
from midonet.cli.options.options import Settings, shared_option
from midonet.cli.output import output
from midonet.cli.session.invocation import Invocation

_COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Declarative configuration": {
        "apply": ("commands.apply", "Apply YAML files in one commit."),
        "plan": ("commands.plan", "Show what apply would change, and the affected hosts and VTEPs."),
        "export": ("commands.apply", "Print the network as YAML; applying it changes nothing."),
    },
    "History": {
        "log": ("commands.log", "Show the commits: actor, time, reason and changes."),
        "history": ("commands.log", "Show the change history of one object."),
        "blame": ("commands.blame", "Show who last wrote each field of an object."),
        "diff": ("commands.log", "Show the differences between two moments."),
        "tag": ("commands.tag", "Name a position of the log."),
        "revert": ("commands.revert", "Undo all changes of one commit by a new commit."),
        "head": ("commands.log", "Show the end of the log: position, hash, time."),
    },
    "Packets": {
        "trace": ("commands.trace", "Show what happens to a packet, now or at any moment."),
    },
    "Backup and integrity": {
        "verify": ("commands.verify", "Check the hash chain and the events of the log."),
        "backup": ("commands.backup", "Write the log to a file."),
        "restore": ("commands.backup", "Restore a backup into an empty log, or complete a partial one."),
        "copy": ("commands.backup", "Copy the log to another backend, byte by byte."),
    },
    "Projections": {
        "projection": ("commands.projection", "Show and control the views of the log: status, drift, pause, rebuild."),
        "wait": ("commands.projection", "Wait until views reach a position of the log."),
        "replay": ("commands.rebuild", "Write a view as of a moment to a separate target."),
    },
    "Cluster": {
        "cluster": ("commands.cluster", "Show the nodes of the cluster and their services."),
        "health": ("commands.health", "Show the underlay links between hosts."),
        "service": ("commands.service", "List, enable and disable services."),
    },
    "Access control": {
        "login": ("commands.login", "Sign in to a cluster."),
        "logout": ("commands.login", "Sign out of a cluster; the token is revoked."),
        "whoami": ("commands.login", "Show your name and roles."),
        "user": ("commands.user", "Manage users, their roles, passwords and tokens."),
        "secret": ("commands.secret", "Manage secrets, such as passwords of BGP peers."),
        "audit": ("commands.audit", "Show denied requests."),
    },
    "Other commands": {
        "config": ("commands.config", "Manage contexts: addresses and accounts of clusters, one of them in use."),
        "describe": ("commands.describe", "Describe a kind: fields, values, references, effects of deletion."),
        "shell": ("shell.shell", "Run commands interactively or from a file, on one open log."),
        "help": ("commands.help", "Show the help of a command or a topic: refs, moments, filters and more."),
        "man": ("commands.man", "Write man pages of all commands."),
        "completion": ("framework.completion", "Print the completion script of a shell."),
        "demo": ("commands.demo", "Run the demo on temporary servers."),
    },
}
_MODULES = {name: module for section in _COMMANDS.values() for name, (module, _) in section.items()}

_HELP = """Manage a virtual network and query its history.

Every accepted command is one commit on a log. Without a command, midoctl shows the address of the log and a
summary of it. REF is an id, a name, PARENT/NAME, or the first 8 or more characters of an id. Every option can be
set in the environment (MIDOCTL_DRY_RUN=1), those below and --wait also in ~/.config/midoctl/config.yaml.
"""

_EXAMPLES = """  midoctl bridge create web
  midoctl port create p1 --bridge web
  midoctl port bind p1 --host hv1 --interface tap1 -m "ticket 7"
  midoctl log --object p1
  midoctl diff 1"""


def _load(name: str) -> click.Command:
    if name in KIND_HELP:
        from midonet.cli.commands.kind_group import kind_group

        return kind_group(name)
    module = import_module(f"midonet.cli.{_MODULES[name]}")
    found: click.Command = getattr(module, {"help": "help_"}.get(name, name))
    return found


def _overview(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        import_module("midonet.cli.commands.overview").overview(context.obj)


def _version(context: click.Context, _: click.Parameter, wanted: Any) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        output.write(f"midoctl {version('midonet')}")
        context.exit()


root = Group(
    "midoctl",
    sections={
        "Objects": KIND_HELP,
        **{title: {name: text for name, (_, text) in section.items()} for title, section in _COMMANDS.items()},
    },
    load=_load,
    params=[
        shared_option("tenant"),
        click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version."
        ),
    ],
    callback=click.pass_context(_overview),
    invoke_without_command=True,
    help=_HELP,
    epilog=in_paragraphs(f"Examples:\n\n{_EXAMPLES}"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; return the exit code (contract §2)."""
    return run(root, list(sys.argv[1:] if argv is None else argv), Invocation(Settings(os.environ)))


def program() -> NoReturn:
    """Run the command line and exit, without the shutdown of the interpreter, which takes 10 ms."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed: `main` has reported it if possible
            stream.flush()
    os._exit(status)
