"""The options that commands share, from five places: command line, environment, context, configuration file, default.

One name serves all: `--command-id`, `MIDOCTL_COMMAND_ID`, `command_id:`. On the command line they may stand before or
after the command; the last one counts. Variables and file are read on first use, so that `--help` is fast.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import click

from midonet.cli.options import values
from midonet.cli.output.formats import FORMATS
from midonet.events.errors import UsageError

if TYPE_CHECKING:
    from midonet.cli.options.config_file import ConfigFile


def _default_actor(environ: Mapping[str, str]) -> str:
    user = environ.get("LOGNAME") or environ.get("USER") or _login()
    return f"{user}@{os.uname().nodename}"


def _login() -> str:
    from pwd import getpwuid

    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def _default_server(environ: Mapping[str, str]) -> str:
    return f"sqlite:///{_home(environ, 'XDG_DATA_HOME', '.local/share')}/midoctl/topology.db"


def _default_config(environ: Mapping[str, str]) -> str:
    return f"{_home(environ, 'XDG_CONFIG_HOME', '.config')}/midoctl/config.yaml"


def _home(environ: Mapping[str, str], variable: str, below: str) -> str:
    """Return a user directory by the XDG Base Directory Specification 0.8, which ignores relative ones."""
    chosen = environ.get(variable, "")
    return chosen if chosen.startswith("/") else os.path.join(os.path.expanduser("~"), below)  # noqa: PTH111, PTH118 - pathlib takes 10 ms to load


Completer = Callable[[click.Context, click.Parameter, str], list[str]]


class Setting(NamedTuple):
    """One shared option: its flags, help and parser."""

    flags: tuple[str, ...]
    metavar: str
    """Empty: it takes no value."""
    help: str
    parse: Callable[[str], Any] = str
    default: Callable[[Mapping[str, str]], Any] = lambda _: None
    many: bool = False
    choices: tuple[str, ...] = ()


SETTINGS: Mapping[str, Setting] = {
    "server": Setting(
        ("--server",),
        "URL",
        "Log: sqlite:///FILE, postgresql+psycopg://…, kafka://HOST:PORT/TOPIC; or a cluster's API, "
        "http(s)://HOST:PORT[,…]. Default: a file in your data directory.",
        default=_default_server,
    ),
    "output": Setting(
        ("-o", "--output"),
        "FORM",
        "table, json, yaml or name.",
        values.output_format,
        default=lambda _: "table",
        choices=tuple(FORMATS),
    ),
    "actor": Setting(("--actor",), "WHO", "Author of changes. Default: user@host.", values.line, _default_actor),
    "reason": Setting(("-m", "--reason"), "TEXT", "Reason of the change.", values.reason),
    "tenant": Setting(
        ("--tenant",), "TENANT", "Tenant: lists show its objects, create assigns them to it.", values.tenant
    ),
    "config": Setting(("--config",), "FILE", "Configuration file (YAML).", default=_default_config),
    "context": Setting(
        ("--context",), "NAME", "Context of the configuration file to use; '' for none.", values.context
    ),
    "zookeeper": Setting(("--zookeeper",), "HOSTS", "ZooKeeper servers with the views, HOST:PORT[,…]."),
    "root": Setting(("--root",), "PATH", "ZooKeeper path of the views.", values.zookeeper_root, lambda _: "/midonet"),
    "cluster": Setting(("--cluster",), "URL", "HTTP address of a midonet-cluster, for status."),
    "ca": Setting(("--ca",), "FILE", "CA of the cluster's certificate (PEM), if the system does not trust it."),
    "cert": Setting(("--cert",), "FILE", "Client certificate (PEM); may include its key."),
    "cert_key": Setting(("--cert-key",), "FILE", "Key of the client certificate, if in a separate file."),
    "token_file": Setting(("--token-file",), "FILE", "File with a token for the cluster. Default: the token of login."),
    "user": Setting(
        ("--user",), "NAME", "Account of the cluster to sign in as, and whose token is used.", values.account
    ),
    "vault": Setting(
        ("--vault",), "URL", "Vault with the secrets: file:///FILE, sqlite:///FILE, postgresql+psycopg://…."
    ),
    "vault_key": Setting(("--vault-key",), "FILE", "File with the key of the vault."),
    "at": Setting(("--at",), "X", "As of a position, an RFC 3339 time or a tag."),
    "no_cache": Setting(("--no-cache",), "", "Neither read nor write caches of the log.", values.flag, lambda _: False),
    "history": Setting(("--history",), "URL", "History index of a cluster: sqlite:///FILE or postgresql+psycopg://…"),
    "dry_run": Setting(("--dry-run",), "", "Show what would change; write nothing.", values.flag, lambda _: False),
    "if_head": Setting(("--if-head",), "N", "Refuse unless the log is at position N.", values.position),
    "command_id": Setting(
        ("--command-id",), "ID", "Id of the command; repeating it has no further effect.", values.line
    ),
    "create": Setting(
        ("--create",),
        "",
        "Create the log of --server if it does not exist: a file, a Kafka topic, a table in PostgreSQL.",
        values.flag,
        lambda _: False,
    ),
    "create_tenant": Setting(
        ("--create-tenant",),
        "",
        "Create the tenants that objects get and that do not exist, in the same commit.",
        values.flag,
        lambda _: False,
    ),
    "accept_clock": Setting(
        ("--accept-clock",),
        "",
        "Write although this machine's clock and the time of the last commit contradict each other.",
        values.flag,
        lambda _: False,
    ),
    "max_clock_skew": Setting(
        ("--max-clock-skew",),
        "SECONDS",
        "How far the last commit may be ahead of this machine's clock. Default: 300.",
        values.seconds,
        lambda _: 300.0,
    ),
    "wait": Setting(
        ("--wait",),
        "PROJECTION[=SECONDS]",
        "Wait until nsdb, vtep, history or agents show the change (repeatable).",
        default=lambda _: (),
        many=True,
        choices=("nsdb", "vtep", "history", "agents"),
    ),
}
ACCESS = ("ca", "cert", "cert_key", "token_file", "user")
"""Options of connections to a cluster's API."""
VAULT = ("vault", "vault_key")
EVERYWHERE = (
    *("server", "output", "actor", "reason", "config", "context"),
    *("zookeeper", "root", "cluster", "history", *ACCESS),
)
"""Shared options of every command."""
CONTEXT = ("server", "tenant", "actor", "zookeeper", "root", "cluster", "history", *ACCESS, *VAULT)
"""Options that a context may set: where a cluster is, and who works on it."""
READ = ("at", "no_cache")
WRITE = (
    "dry_run",
    "if_head",
    "command_id",
    "wait",
    "no_cache",
    "create",
    "create_tenant",
    "accept_clock",
    "max_clock_skew",
)


class Settings:
    """The effective values of the shared options."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self._given: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._files: dict[str, ConfigFile] = {}

    @property
    def cache(self) -> str:
        """The user's folder for caches."""
        return _home(self.environ, "XDG_CACHE_HOME", ".cache")

    @property
    def home(self) -> str:
        """The user's folder for configuration and tokens."""
        return f"{_home(self.environ, 'XDG_CONFIG_HOME', '.config')}/midoctl"

    @property
    def state(self) -> str:
        """The user's folder for state, such as the history of the shell."""
        return _home(self.environ, "XDG_STATE_HOME", ".local/state")

    def derived(self) -> Self:
        """Return settings for one more command, which inherits what the command line gave."""
        other = copy(self)
        other._given, other._values = dict(self._given), {}  # noqa: SLF001 - own class
        return other

    def give(self, name: str, text: str) -> None:
        """Set the value from the command line, which precedes all others, also if it is empty."""
        self._given[name] = text
        self._values.clear()

    def get(self, name: str) -> Any:
        """Return the value of an option; `UsageError` names the place of an invalid one."""
        if name not in self._values:
            self._values[name] = self._find(name)
        return self._values[name]

    def is_default(self, name: str) -> bool:
        """Return whether the value is the default."""
        return self._text(name) is None

    def _find(self, name: str) -> Any:
        setting = SETTINGS[name]
        found = self._text(name)
        if found is None:
            return setting.default(self.environ)
        text, place = found
        try:
            return _words(setting, text) if setting.many else setting.parse(text)
        except ValueError as error:
            raise UsageError(f"{place}: {error}", option=name) from None

    def _text(self, name: str) -> tuple[str, str] | None:
        """Return the text of an option, and where it was given."""
        setting = SETTINGS[name]
        variable = f"MIDOCTL_{name.upper()}"
        if name in self._given:
            return self._given[name], setting.flags[-1]
        if self.environ.get(variable):
            return self.environ[variable], variable
        return None if name == "config" else self._from_context(name) or self._from_options(name)

    def _from_options(self, name: str) -> tuple[str, str] | None:
        key = "current_context" if name == "context" else name
        text = self.file.options.get(key)
        return None if text is None else (text, f"{self.get('config')}: {key}")

    def _from_context(self, name: str) -> tuple[str, str] | None:
        chosen = self._text("context") if name in CONTEXT else None
        if chosen is None or not chosen[0]:
            return None
        context, place = chosen
        found = self.file.context(context, place)
        if name not in found or (place.endswith("current_context") and self._leaves(found)):
            return None
        return found[name], f"context {context}: {name}"

    def _leaves(self, context: Mapping[str, str]) -> bool:
        """Return whether an option or variable names another log than the current context, which then is unused."""
        server = self._given.get("server") or self.environ.get("MIDOCTL_SERVER")
        return bool(server) and context.get("server", server) != server

    @property
    def file(self) -> "ConfigFile":
        """The configuration file."""
        from midonet.cli.options.config_file import NO_FILE, read_config

        path = self.get("config")
        if path not in self._files:
            self._files[path] = NO_FILE  # an error in the file is reported once
            if not self.is_default("config") or os.path.exists(path):  # noqa: PTH110 - pathlib takes 10 ms to load
                known = {name: one.many for name, one in SETTINGS.items() if name not in ("config", "context")}
                self._files[path] = read_config(path, known, CONTEXT)
        return self._files[path]

    def forget_file(self) -> None:
        """Read the configuration file again: it was changed."""
        self._files.clear()

    def given(self, names: Iterable[str]) -> dict[str, str]:
        """Return which of these options the command line gave, as text."""
        return {name: self._given[name] for name in names if name in self._given}


def _words(setting: Setting, text: str) -> tuple[Any, ...]:
    return tuple(setting.parse(part) for part in text.split(",") if part)


def shared_option(name: str) -> click.Option:
    """Return the click option of a shared option; it gives its value to the `Settings` of the invocation."""
    setting = SETTINGS[name]

    def keep(context: click.Context, _: click.Parameter, value: Any) -> None:
        if isinstance(value, bool):
            context.obj.settings.give(name, "true")
        elif value:
            context.obj.settings.give(name, ",".join(value) if setting.many else value)
        elif value == "":
            context.obj.settings.give(name, "")

    kind: dict[str, Any] = {"is_flag": True, "default": None} if not setting.metavar else {"metavar": setting.metavar}
    return click.Option(
        [*setting.flags, name],
        help=setting.help,
        expose_value=False,
        callback=keep,
        multiple=setting.many,
        shell_complete=complete_contexts if name == "context" else _complete(setting.choices),
        **kind,
    )


def _complete(choices: tuple[str, ...]) -> Completer:
    return lambda _context, _param, incomplete: [word for word in choices if word.startswith(incomplete)]


def complete_contexts(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete names of contexts; completion never fails."""
    with suppress(UsageError):
        return [name for name in context.obj.settings.file.contexts if name.startswith(incomplete)]
    return []
