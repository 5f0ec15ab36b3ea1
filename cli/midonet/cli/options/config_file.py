"""The configuration file: YAML whose keys are names of shared options. An unknown key is an error."""

from collections.abc import Mapping
from typing import Any

from midonet.cli.input.yaml_files import load
from midonet.events.errors import InvalidValue, UsageError
from midonet.events.suggestions import suggest


def read_config(path: str, known: Mapping[str, bool]) -> dict[str, str]:
    """Return the options that a file sets, as text; `UsageError` names an unknown key.

    `known` has the options that a file may set, and whether each takes several values.
    """
    try:
        documents = load(path) or [{}]
    except InvalidValue as error:
        raise UsageError(error.message, **error.details) from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise UsageError(f"{path}: expected one mapping of options", file=path)
    for key in documents[0]:
        if key not in known:
            raise UsageError(
                f"{path}: there is no option {key!r}{suggest(key, known) or '; known are ' + ', '.join(known)}",
                file=path,
                key=key,
            )
    return {key: _text(path, key, value, many=known[key]) for key, value in documents[0].items() if value is not None}


def _text(path: str, key: str, value: Any, *, many: bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, list) and many and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise UsageError(f"{path}: {key}: expected one value", file=path, key=key)
