"""`midoctl config`: contexts, the clusters in the configuration file; as in kubectl.

The commands read the file only, so they also work if the context in use is wrong. No secret is stored: files of tokens
and keys are referenced, and passwords in URLs are refused.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from midonet.cli.framework.command import Command, Group, in_paragraphs
from midonet.cli.options.config_edit import change_file
from midonet.cli.options.options import CONTEXT, SETTINGS, VAULT, Settings, complete_contexts, shared_option
from midonet.cli.output import output
from midonet.cli.output.formats import Printer, yaml_text
from midonet.events.errors import NotFound, UsageError
from midonet.events.redaction import redact

_FILES = ("ca", "cert", "cert_key", "token_file", "vault_key")
_SHOWN = ("server", "zookeeper", "tenant", "user")
_SQLITE = "sqlite:///"
_NEW = click.Argument(["name"], metavar="NAME", shell_complete=complete_contexts)


def _command(
    name: str, *params: click.Parameter, shared: tuple[str, ...] = (), examples: str
) -> Callable[[Callable[..., None]], Command]:
    """Create a command on the configuration file, without a session on a log."""

    def make(work: Callable[..., None]) -> Command:
        def run(**arguments: Any) -> None:
            settings: Settings = click.get_current_context().obj.settings
            work(settings, Printer(settings.get("output")), **arguments)

        options = [*params, *map(shared_option, shared)]
        return Command(
            name, params=options, callback=run, help=work.__doc__, epilog=in_paragraphs(f"Examples:\n\n{examples}")
        )

    return make


@_command("get-contexts", examples="  midoctl config get-contexts")
def _list(settings: Settings, printer: Printer) -> None:
    """List the contexts; * marks the one in use."""
    contexts, current = settings.file.contexts, settings.get("context")
    printer.print(
        [{"name": name, "current": name == current, **_public(options)} for name, options in contexts.items()],
        names=lambda: contexts,
        text=lambda: output.table(
            ["", "name", *_SHOWN],
            [
                ["*" if name == current else "", name, *(_public(options).get(key, "") for key in _SHOWN)]
                for name, options in contexts.items()
            ],
        ),
    )
    if not contexts:
        printer.note("no contexts; `midoctl config set-context NAME --server URL` makes one")


@_command("current-context", examples="  midoctl config current-context")
def _current(settings: Settings, printer: Printer) -> None:
    """Print the context in use; exit 4 if there is none."""
    name = settings.get("context")
    if name is None:
        raise NotFound("no context is in use; `midoctl config use-context NAME` chooses one")
    settings.file.context(name, "current context")
    printer.print({"name": name}, names=lambda: [name], text=lambda: name)


@_command("use-context", _NEW, examples="  midoctl config use-context lab")
def _use(settings: Settings, printer: Printer, name: str) -> None:
    """Use a context from now on, unless --context or MIDOCTL_CONTEXT names another one."""
    context = settings.file.context(name)
    _change(settings, {("current_context",): name})
    printer.print({"name": name}, names=lambda: [name], text=lambda: f"the context is now {name}")
    for option in ("context", *context):
        if settings.environ.get(variable := f"MIDOCTL_{option.upper()}"):
            printer.note(f"{variable} is set and precedes it")


@_command(
    "set-context",
    _NEW,
    shared=("tenant", *VAULT),
    examples="""  midoctl config set-context lab --server http://node1:8181,node2:8181 --tenant acme
  midoctl config set-context lab --token-file ~/.config/lab.token
  midoctl config set-context test --server sqlite:///test.db --zookeeper zk1:2181""",
)
def _set(settings: Settings, printer: Printer, name: str) -> None:
    """Make a context of the given options, or change those of an existing one; an empty value removes an option.

    The first context is used at once.
    """
    _check_name(name)
    known = settings.file.contexts
    changes = {option: _storable(settings, option, text) for option, text in settings.given(CONTEXT).items()}
    if not any(changes.values()) and name not in known:
        raise UsageError(f"context {name!r}: give what it sets, at least --server URL", context=name)
    first = not known and "current_context" not in settings.file.options
    of_context: Mapping[tuple[str, ...], str | None] = {("contexts", name, key): text for key, text in changes.items()}
    _change(settings, {**of_context, **({("current_context",): name} if first else {})})
    context = {"name": name, **_public(settings.file.contexts.get(name, {}))}
    printer.print(context, names=lambda: [name], text=lambda: output.table([], list(context.items())))


@_command("delete-context", _NEW, examples="  midoctl config delete-context lab")
def _delete(settings: Settings, printer: Printer, name: str) -> None:
    """Delete a context. Its log, its cluster and the files that it names remain."""
    settings.file.context(name)
    in_use = settings.file.options.get("current_context") == name
    cleared: Mapping[tuple[str, ...], None] = {("current_context",): None} if in_use else {}
    _change(settings, {("contexts", name): None, **cleared})
    printer.print({"name": name}, names=lambda: [name], text=lambda: f"context {name} is deleted")
    if in_use:
        printer.note("no context is in use now")


@_command("view", examples="  midoctl config view\n  midoctl config view -o json")
def _view(settings: Settings, printer: Printer) -> None:
    """Print the configuration file without secrets."""
    file = settings.file
    contexts = {name: _public(options) for name, options in file.contexts.items()}
    value = {**_public(file.options), **({"contexts": contexts} if contexts else {})}
    printer.print(value, names=lambda: contexts, text=lambda: yaml_text(value) if value else "")
    if not value:
        printer.note(f"{settings.get('config')} sets nothing")


def _public(options: Mapping[str, str]) -> dict[str, str]:
    return {name: redact(text) for name, text in options.items()}


def _check_name(name: str) -> None:
    try:
        SETTINGS["context"].parse(name or "-")
    except ValueError as error:
        raise UsageError(str(error), context=name) from None


def _storable(settings: Settings, option: str, text: str) -> str | None:
    """Return the text to store, with absolute paths; None to remove the option. `UsageError` if it is no good."""
    if not text:
        return None
    settings.get(option)  # reports an invalid value
    if redact(text) != text:
        raise UsageError(
            f"{option}: a password would be stored in plain text; use PGPASSWORD or ~/.pgpass", option=option
        )
    if option == "server":
        from midonet.events.log import check_form

        check_form(text)
    if option == "zookeeper":
        from midonet.cli.session.facts_source import servers

        return servers(settings)
    if option in _FILES:
        return _existing(option, os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - as it is typed
    if text.startswith(_SQLITE):
        return _SQLITE + os.path.abspath(os.path.expanduser(text.removeprefix(_SQLITE)))  # noqa: PTH100, PTH111 - same
    return text


def _existing(option: str, path: str) -> str:
    try:
        with open(path, "rb"):  # noqa: PTH123 - only whether it can be read
            return path
    except OSError as error:
        raise UsageError(f"{option}: {path}: {error.strerror}", option=option, file=path) from None


def _change(settings: Settings, changes: Mapping[tuple[str, ...], str | None]) -> None:
    change_file(settings.get("config"), changes)
    settings.forget_file()


_COMMANDS: Mapping[str, click.Command] = {
    "get-contexts": _list,
    "current-context": _current,
    "use-context": _use,
    "set-context": _set,
    "delete-context": _delete,
    "view": _view,
}
config = Group(
    "config",
    sections={"Commands": {name: found.get_short_help_str(90) for name, found in _COMMANDS.items()}},
    load=_COMMANDS.__getitem__,
    help="Manage contexts: the clusters that midoctl works on, in its configuration file.",
)
