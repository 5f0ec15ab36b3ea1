"""OVSDB values in JSON form and back (RFC 7047 §5.1): sets, maps and references to rows.

Atoms except UUIDs are plain JSON values. A set of one element may be sent as the element alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def ref(uuid: str) -> list[str]:
    """Return a reference to a row that exists."""
    return ["uuid", uuid]


def named_ref(name: str) -> list[str]:
    """Return a reference to a row that the same transaction inserts under `uuid-name`."""
    return ["named-uuid", name]


def encode_set(atoms: Iterable[Any]) -> list[Any]:
    """Return a set of atoms, in their JSON form."""
    return ["set", list(atoms)]


def encode_map(pairs: Mapping[Any, Any]) -> list[Any]:
    """Return a map of atoms to atoms, in their JSON form."""
    return ["map", [[key, value] for key, value in pairs.items()]]


def decode_ref(value: Any) -> str:
    """Return the UUID in a reference."""
    uuid: str = value[1]
    return uuid


def decode_set(value: Any) -> list[Any]:
    """Return the elements of a set, references as UUIDs."""
    if isinstance(value, list) and value[0] == "set":
        return [_atom(element) for element in value[1]]
    return [_atom(value)]


def decode_map(value: Any) -> dict[Any, Any]:
    """Return a map, references as UUIDs."""
    return {_atom(key): _atom(element) for key, element in value[1]}


def _atom(value: Any) -> Any:
    return value[1] if isinstance(value, list) else value
