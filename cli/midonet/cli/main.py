"""`midoctl`: the operator's command line. Everything about kinds is generated from the model; nothing is decided here.

Only click is loaded before it is known which command is wanted: `midoctl --help` answers within 150 ms.
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
    "Declare": {
        "apply": ("commands.apply", "Bring the network to what YAML files describe, in one commit."),
        "plan": ("commands.plan", "Show what apply would do, and whom it would reach."),
        "export": ("commands.apply", "Print the network as YAML; applying it changes nothing."),
    },
    "History": {
        "log": ("commands.log", "Show who changed what, when and why."),
        "history": ("commands.log", "Show what became of one object."),
        "blame": ("commands.blame", "Show who wrote each field of an object last."),
        "diff": ("commands.log", "Show what differs between two moments."),
        "tag": ("commands.tag", "Give a position of the log a name."),
        "revert": ("commands.revert", "Take back what one commit did, by a commit of its own."),
        "head": ("commands.log", "Show the end of the log: position, hash, time."),
    },
    "Keep": {
        "verify": ("commands.verify", "Check every byte of the log against its chain of hashes."),
        "backup": ("commands.backup", "Write the whole log to one file."),
        "restore": ("commands.backup", "Bring a backup into a log that is empty or a beginning of it."),
        "copy": ("commands.backup", "Copy the log to another one, byte by byte."),
    },
    "Views": {
        "projection": ("commands.projection", "List the views made from the log and how far they are."),
        "wait": ("commands.projection", "Wait until a view shows a position of the log."),
        "replay": ("commands.rebuild", "Make a view as of a moment, in a place of its own."),
    },
    "Cluster": {
        "cluster": ("commands.cluster", "Show the nodes of the cluster and what each of them does."),
        "health": ("commands.health", "Show which hosts reach each other through the underlay."),
        "service": ("commands.service", "List services, and let them run or not."),
    },
    "Access": {
        "login": ("commands.login", "Sign in at a cluster; later commands are yours."),
        "logout": ("commands.login", "Sign out: the token counts no more."),
        "whoami": ("commands.login", "Show who you are to a cluster, and your roles."),
        "user": ("commands.user", "Users, their roles, passwords and tokens."),
        "secret": ("commands.secret", "Secrets by name, such as passwords of BGP peers."),
        "audit": ("commands.audit", "Show who wanted what and was refused."),
    },
    "More": {
        "describe": ("commands.describe", "Show what a kind is: fields, values, references, what deleting one does."),
        "shell": ("shell.shell", "Run commands one after the other, typed or from a file, on one open log."),
        "help": ("commands.help", "Show the help of a command, or a topic: refs, moments, filters and more."),
        "man": ("commands.man", "Write the man pages of all commands."),
        "completion": ("framework.completion", "Print the completion script of a shell."),
        "demo": ("commands.demo", "Show the main job on real servers of its own."),
    },
}
_MODULES = {name: module for section in _COMMANDS.values() for name, (module, _) in section.items()}

_HELP = """Change a virtual network by commands, and ask its history.

Every accepted command becomes one commit on a log. Without a command, midoctl says where the log is and
what is in it. REF is an id, a name, PARENT/NAME, or the first 8 or more characters of an id. Every option can be
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
        "Kinds of objects": KIND_HELP,
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
    """Be the program `midoctl`: run its command line and end. To take the interpreter apart would take 10 ms more."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # lost or closed: `main` has said so if it can be said
            stream.flush()
    os._exit(status)
