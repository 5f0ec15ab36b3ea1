"""The settings of a daemon: declared once as a frozen struct, given as flag, environment variable or YAML key.

A flag takes precedence over the environment, that over the file, and that over the default. The three have one name:
the field `log_level` is `--log-level`, `MIDONET_LOG_LEVEL` and `log_level:`. The only I/O here is reading the named
file, and no value that could be a secret appears in a message.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml
from msgspec import Meta, Struct

from midonet.events.errors import UsageError
from midonet.events.model.fields import Format
from midonet.events.redaction import redact
from midonet.events.validation_words import in_words

S = TypeVar("S", bound=Struct)

PREFIX = "MIDONET_"
_SECRET = re.compile("password|secret|token", re.IGNORECASE)
"""Names of settings whose values are never shown."""


class Setting(NamedTuple):
    """One field of a settings struct and its name in the three places."""

    name: str
    annotation: Any
    help: str
    required: bool
    default: Any

    @property
    def flag(self) -> str:
        """The command-line option."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values, if they are limited."""
        base = get_args(self.annotation)[0] if get_origin(self.annotation) is Annotated else self.annotation
        return get_args(base) if get_origin(base) is Literal else ()


class _Given(NamedTuple):
    value: Any
    place: str
    """Where the value was set: option, variable or key."""


def declared_settings(cls: type[Struct]) -> Iterator[Setting]:
    """Yield the settings that a struct declares, its own before inherited ones."""
    hints = get_type_hints(cls, include_extras=True)
    for field in sorted(msgspec.structs.fields(cls), key=lambda field: field.name not in cls.__annotations__):
        marks = get_args(hints[field.name])
        text = next((m.description for m in marks if isinstance(m, Meta) and m.description), "")
        default = None if field.required or field.default is msgspec.NODEFAULT else field.default
        yield Setting(field.name, hints[field.name], text, field.required, default)


def load(
    cls: type[S], *, flags: Mapping[str, str | None], environ: Mapping[str, str], file: Mapping[str, Any] | None = None
) -> S:
    """Return the effective settings; `UsageError` names the value that is wrong or missing, and its source.

    A flag that is None and a variable that is empty are not set. Other variables are ignored: the environment is shared
    with other programs (Kubernetes sets `MIDONET_SERVICE_HOST`).
    """
    known = {setting.name: setting for setting in declared_settings(cls)}
    given = {**_in_file(known, file or {}), **_in_environment(known, environ), **_in_flags(known, flags)}
    for setting in known.values():
        if setting.required and setting.name not in given:
            raise UsageError(
                f"{setting.name} is not set: give {setting.flag}, {setting.variable} or {setting.name} in the "
                "configuration file",
                setting=setting.name,
            )
    return cls(**{name: _typed(known[name], value) for name, value in given.items()})


def typed(cls: type[S], values: Mapping[str, Any], place: str) -> S:
    """Return settings below a key of the configuration file, `place`; `UsageError` as `load`."""
    known = {setting.name: setting for setting in declared_settings(cls)}
    given = _in_file(known, values, f"{place}.")
    for setting in known.values():
        if setting.required and setting.name not in given:
            raise UsageError(f"configuration file: {place}.{setting.name} is not set", setting=setting.name)
    return cls(**{name: _typed(known[name], value) for name, value in given.items()})


def read_file(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file; `UsageError` if it cannot be read or is not a mapping."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", file=str(path)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path} is not YAML: {reason}", file=str(path)) from None
    if not isinstance(content, dict | None):
        raise UsageError(f"{path} must hold settings as `key: value`", file=str(path))
    return content or {}


def render(settings: Struct) -> str:
    """Return settings as the YAML of a configuration file, in order of declaration, secrets hidden."""
    values = {setting.name: getattr(settings, setting.name) for setting in declared_settings(type(settings))}
    return yaml.safe_dump(_shown(values), sort_keys=False)


def _shown(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _shown(part, str(key)) for key, part in value.items()}
    return "***" if _SECRET.search(name) and value is not None else redact(value)


def split_host_port(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT` or `[IPV6]:PORT`; `ValueError` has the reason."""
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: write an IPv6 address in brackets, [ADDRESS]:PORT")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 0xFFFF:  # noqa: PLR2004 - TCP
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches an address, HOST:PORT."""
    host = split_host_port(address)[0]
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_port(text: Any) -> str:
    split_host_port(str(text))
    return str(text).strip()


def parse_servers(text: Any) -> str:
    """Return `HOST:PORT,…` without spaces; `ValueError` has the reason."""
    return ",".join(_host_port(server) for server in str(text).split(","))


def _node(text: Any) -> str:
    path = str(text).rstrip("/")
    parts = path.split("/")[1:]
    if not parts or not path.startswith("/") or any(part in ("", ".", "..", "zookeeper") for part in parts):
        raise ValueError(f"{text!r} is not an absolute path such as /midonet")
    return path


def _services(value: Any) -> dict[str, dict[str, Any]]:
    """Return settings of services, from a mapping or from YAML text."""
    try:
        found = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    if not isinstance(found, dict) or not all(isinstance(part, dict | None) for part in found.values()):
        raise ValueError("settings of services are written as {NAME: {KEY: VALUE}}")
    return {str(name): part or {} for name, part in found.items()}


HostPort = Annotated[str, Format("host:port", _host_port)]
"""An address to listen on or to connect to."""

Servers = Annotated[str, Format("servers", parse_servers)]
"""Addresses of equal servers, `HOST:PORT[,HOST:PORT…]`."""

Services = Annotated[dict[str, dict[str, Any]], Format("services", _services)]
"""Settings of services, by name of the service and key."""

Node = Annotated[str, Format("path", _node)]
"""Absolute path of a ZooKeeper node, without a slash at its end."""


def _formats(annotation: Any) -> Iterator[Format]:
    """Yield the formats of a type, also inside of `… | None`."""
    for part in get_args(annotation):
        if isinstance(part, Format):
            yield part
        elif get_origin(part) is not Literal:
            yield from _formats(part)


def _in_file(known: Mapping[str, Setting], file: Mapping[str, Any], within: str = "") -> dict[str, _Given]:
    for key in file:
        if key not in known:
            raise UsageError(
                f"configuration file: there is no setting {f'{within}{key}'!r}; known are {', '.join(known) or 'none'}",
                key=str(key),
                known=list(known),
            )
    place = f"configuration file: {within}"
    return {name: _Given(value, f"{place}{name}") for name, value in file.items() if value is not None}


def _in_environment(known: Mapping[str, Setting], environ: Mapping[str, str]) -> dict[str, _Given]:
    values = {name: (environ.get(setting.variable), setting.variable) for name, setting in known.items()}
    return {name: _Given(value, place) for name, (value, place) in values.items() if value}


def _in_flags(known: Mapping[str, Setting], flags: Mapping[str, str | None]) -> dict[str, _Given]:
    return {name: _Given(value, known[name].flag) for name, value in flags.items() if value is not None}


def _typed(setting: Setting, given: _Given) -> Any:
    parse = _parser(setting.annotation)
    try:
        return msgspec.convert(parse(given.value), setting.annotation, strict=False)
    except msgspec.ValidationError as error:
        reason = f"one of {', '.join(setting.choices)} is needed" if setting.choices else in_words(error)
    except ValueError as error:
        reason = str(error)
    raise UsageError(f"{given.place}: {redact(reason)}", setting=setting.name)


def _parser(annotation: Any) -> Callable[[Any], Any]:
    formats = [mark.parse for mark in _formats(annotation)]
    return formats[0] if formats else lambda value: value
