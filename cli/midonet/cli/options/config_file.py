"""The configuration file: YAML whose keys are names of shared options. An unknown key is an error.

`contexts` has for each cluster a mapping of such options under a name; `current_context` names the one in use.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from midonet.cli.input.yaml_files import load
from midonet.cli.options import values
from midonet.events.errors import InvalidValue, UsageError
from midonet.events.suggestions import suggest


class ConfigFile(NamedTuple):
    """What a file sets, as text."""

    options: Mapping[str, str]
    """With `current_context`, if it is set."""
    contexts: Mapping[str, Mapping[str, str]]

    def context(self, name: str, place: str = "") -> Mapping[str, str]:
        """Return the options of a context; `UsageError` says in which `place` an unknown one is named."""
        if name not in self.contexts:
            known = f"; there are {', '.join(self.contexts)}" if self.contexts else ""
            hint = suggest(name, self.contexts) or known or "; `midoctl config set-context` makes one"
            raise UsageError(f"{place}{': ' if place else ''}there is no context {name!r}{hint}", context=name)
        return self.contexts[name]


NO_FILE = ConfigFile({}, {})


def read_config(path: str, known: Mapping[str, bool], in_contexts: Collection[str]) -> ConfigFile:
    """Return what a file sets; `UsageError` names an unknown key.

    `known` has the options that a file may set, and whether each takes several values; `in_contexts` those of contexts.
    """
    try:
        documents = load(path) or [{}]
    except InvalidValue as error:
        raise UsageError(error.message, **error.details) from None
    if len(documents) != 1:
        raise UsageError(f"{path}: expected one mapping of options", file=path)
    whole = dict(_mapping(path, documents[0]))
    contexts = _mapping(f"{path}: contexts", whole.pop("contexts", None) or {})
    return ConfigFile(
        _options(path, whole, {"current_context": False, **known}),
        {
            _name(path, name): _options(f"{path}: context {name}", one or {}, dict.fromkeys(in_contexts, False))
            for name, one in contexts.items()
        },
    )


def _mapping(path: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected one mapping of options", file=path)
    return value


def _name(path: str, name: Any) -> str:
    try:
        return values.context(str(name)) or ""
    except ValueError as error:
        raise UsageError(f"{path}: {error}", file=path) from None


def _options(path: str, found: Any, known: Mapping[str, bool]) -> dict[str, str]:
    for key in _mapping(path, found):
        if key not in known:
            raise UsageError(
                f"{path}: there is no option {key!r}{suggest(key, known) or '; known are ' + ', '.join(known)}",
                file=path,
                key=key,
            )
    return {key: _text(path, key, value, many=known[key]) for key, value in found.items() if value is not None}


def _text(path: str, key: str, value: Any, *, many: bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, list) and many and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise UsageError(f"{path}: {key}: expected one value", file=path, key=key)
