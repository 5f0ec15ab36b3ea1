"""The JSON form of values is the one that the `ovs` package reads and writes."""

from typing import Any

import pytest
from ovs.db.data import Datum
from ovs.db.types import Type

from midonet.projections.ovsdb import decode_map, decode_ref, decode_set, encode_map, encode_set, ref

A = "4d9d3f5c-5c7a-4b8e-9c6b-0c5d0e9f1a2b"
B = "5e0e4a6d-6d8b-4c9f-8d7c-1d6e1fa02b3c"

INTEGERS = {"key": "integer", "min": 0, "max": "unlimited"}
UUIDS = {"key": "uuid", "min": 0, "max": "unlimited"}
BINDINGS = {"key": "integer", "value": "uuid", "min": 0, "max": "unlimited"}
CONFIG = {"key": "string", "value": "string", "min": 0, "max": "unlimited"}


def as_ovs_writes(kind: dict[str, Any], value: Any) -> Any:
    """Let the `ovs` package read a value and write it again."""
    return Datum.from_json(Type.from_json(kind), value).to_json()


@pytest.mark.parametrize("atoms", [[], [7], [1, 2, 3]])
def test_sets_are_read_as_ovs_writes_them(atoms: list[int]) -> None:
    assert decode_set(as_ovs_writes(INTEGERS, encode_set(atoms))) == atoms


@pytest.mark.parametrize("uuids", [[], [A], [A, B]])
def test_sets_of_references_are_read_as_uuids(uuids: list[str]) -> None:
    assert decode_set(as_ovs_writes(UUIDS, encode_set(map(ref, uuids)))) == uuids


@pytest.mark.parametrize("pairs", [{}, {"a": "b"}, {"midonet-position": "7", "x": ""}])
def test_maps_are_read_as_ovs_writes_them(pairs: dict[str, str]) -> None:
    assert decode_map(as_ovs_writes(CONFIG, encode_map(pairs))) == pairs


def test_maps_to_references_are_read_as_uuids() -> None:
    assert decode_map(as_ovs_writes(BINDINGS, encode_map({0: ref(A), 7: ref(B)}))) == {0: A, 7: B}


def test_a_reference_is_read_as_its_uuid() -> None:
    assert decode_ref(as_ovs_writes({"key": "uuid"}, ref(A))) == A
