"""A large delta is cut into parts of which none is too large, and what belongs together stays together."""

from hypothesis import given
from hypothesis import strategies as st

from midonet.projections.vtep.keys import Key, Value
from midonet.projections.vtep.transaction import batches

SWITCH = "mn-red"

deltas = st.dictionaries(
    st.integers(0, 99).map(lambda n: ("ucast", SWITCH, f"02:00:00:00:00:{n:02x}"))
    | st.integers(0, 9).map(lambda n: ("binding", "eth1", n)),
    st.none() | st.integers(1, 9).map(lambda n: (f"172.31.0.{n}", "")),
)


@given(deltas, st.integers(1, 20))
def test_every_key_is_in_one_part_and_no_part_is_too_large(delta: dict[Key, Value | None], size: int) -> None:
    parts = list(batches(delta, size))
    assert all(len(part) <= size for part in parts)
    assert [part for part in parts if not part] == ([{}] if not delta else [])
    assert sum(map(len, parts)) == len(delta)
    assert {key: value for part in parts for key, value in part.items()} == delta
    assert len(parts) == 1 or len(delta) > size


@given(deltas, st.integers(1, 20))
def test_removals_come_first_then_bindings_then_stations(delta: dict[Key, Value | None], size: int) -> None:
    ranks = [(value is not None, key[0] == "ucast") for part in batches(delta, size) for key, value in part.items()]
    assert ranks == sorted(ranks)


def test_stations_behind_one_address_are_in_one_part_if_they_fit_into_one() -> None:
    delta: dict[Key, Value | None] = {("ucast", SWITCH, f"{n:02d}"): (f"172.31.0.{n % 5}", "") for n in range(95)}
    parts = list(batches(delta, 40))
    assert [len(part) for part in parts] == [38, 38, 19]
    addresses = [{value[0] for value in part.values() if isinstance(value, tuple)} for part in parts]
    assert sum(map(len, addresses)) == 5
