"""Texts of options become JSON values by the declared type of a field; invalid ones are refused."""

from typing import Any

import pytest

from midonet.cli.commands.objects import placeholder
from midonet.events.errors import InvalidValue
from midonet.events.model import KINDS, FieldSpec
from midonet.events.queries.field_values import parse_value


def spec(path: str) -> FieldSpec:
    kind, field = path.split(".")
    return KINDS[kind].fields[field]


@pytest.mark.parametrize(
    ("field", "words", "expected"),
    [
        ("bridge.name", ["web"], "web"),
        ("bridge.name", ["1"], "1"),
        ("bridge.admin_state_up", ["False"], False),
        ("bridge.admin_state_up", ["on"], True),
        ("route.weight", ["50"], 50),
        ("vtep-binding.vlan", ["100"], 100),
        ("route.weight", ["1", "-2"], -2),
        ("rule.nw_proto", ["tcp"], "tcp"),
        ("port.vlan", ["7"], 7),
        ("rule.action", ["drop"], "drop"),
        ("port.addresses", ["10.0.0.1/24,10.0.1.1/24", "10.0.2.1/24"], ["10.0.0.1/24", "10.0.1.1/24", "10.0.2.1/24"]),
        ("port.addresses", ['["10.0.0.1/24"]'], ["10.0.0.1/24"]),
        ("port.addresses", [""], []),
        ("rule.nat_targets", ["192.0.2.1-192.0.2.9:80-90"], ["192.0.2.1-192.0.2.9:80-90"]),
        ("rule.nat_targets", ["address-from=192.0.2.1,ports=80"], [{"address_from": "192.0.2.1", "ports": "80"}]),
        ("tunnel-zone.members", ["host=hv1,address=10.0.0.1"], [{"host": "hv1", "address": "10.0.0.1"}]),
        ("tunnel-zone.members", ['{"host": "hv1", "address": "10.0.0.1"}'], [{"host": "hv1", "address": "10.0.0.1"}]),
        ("tunnel-zone.members", ['[{"host": "a"}, {"host": "b"}]'], [{"host": "a"}, {"host": "b"}]),
        ("tunnel-zone.members", ["nonsense"], ["nonsense"]),
    ],
)
def test_texts_become_values(field: str, words: list[str], expected: Any) -> None:
    assert parse_value(spec(field), words) == expected


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("bridge.admin_state_up", "maybe"),
        ("route.weight", "ten"),
        ("route.weight", "1.5"),
        ("route.weight", "9" * 5000),
        ("route.weight", "٣"),
        ("tunnel-zone.members", "{"),
        ("tunnel-zone.members", '{"host": NaN}'),
        ("tunnel-zone.members", f'{{"host": {"9" * 400}}}'),
        ("tunnel-zone.members", "[" * 100_000),
    ],
)
def test_an_invalid_value_is_refused_by_field(field: str, word: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_value(spec(field), [word])
    assert caught.value.details["field"] == field.partition(".")[2]
    assert len(caught.value.message) < 300


def test_every_field_has_a_placeholder_for_the_help() -> None:
    for kind in KINDS.values():
        for field in kind.writable.values():
            assert placeholder(field)
    assert placeholder(spec("tunnel-zone.members")) == "host=HOST,address=IP"
    assert placeholder(spec("route.next_hop")) == "port|blackhole|reject|local"
