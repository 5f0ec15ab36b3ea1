"""Packing is a function of the set of objects, and tells exactly which documents a change touches."""

from hypothesis import given
from hypothesis import strategies as st

from midonet.projections.nsdb.sharding import Packing, Touched

PACK = "models/port/p"
SMALL = 3


def contents(packing: Packing) -> dict[str, set[str]]:
    return {document: set(packing.objects(document)) for document in packing}


def packed(ids: list[str], limit: int) -> Packing:
    packing = Packing(limit)
    for object_id in ids:
        packing.add(PACK, object_id)
    return packing


def test_a_small_pack_is_one_document_of_its_name() -> None:
    assert contents(packed(["a", "b"], 64)) == {PACK: {"a", "b"}}


def test_a_document_that_becomes_too_large_is_split_and_joined_again() -> None:
    ids = [str(number) for number in range(65)]
    packing = packed(ids, 64)
    assert len(contents(packing)) == 2
    assert set().union(*contents(packing).values()) == set(ids)
    packing.remove(PACK, "64")
    assert contents(packing) == {PACK: set(ids[:64])}


def test_no_document_is_too_large_and_every_object_is_where_it_is_looked_for() -> None:
    packing = packed([str(number) for number in range(5000)], 64)
    assert all(len(objects) <= 64 for objects in contents(packing).values())
    assert all(str(number) in packing.objects(packing.document(PACK, str(number))) for number in range(5000))
    assert sorted(packing.documents(PACK)) == sorted(packing)


def test_packs_do_not_mix() -> None:
    packing = packed(["a"], 64)
    packing.add("models/port/q", "b")
    assert list(packing.documents(PACK)) == [PACK]


def check_touched(before: dict[str, set[str]], after: dict[str, set[str]], touched: Touched) -> None:
    documents = before.keys() | after.keys()
    assert {name for name in documents if before.get(name) != after.get(name)} <= set(touched.documents)
    assert touched.reshaped == (before.keys() != after.keys())


@given(st.lists(st.integers(0, 40)))
def test_order_and_history_do_not_matter_and_nothing_touched_is_missed(toggled: list[int]) -> None:
    packing, present = Packing(SMALL), set[str]()
    for number in map(str, toggled):
        before = contents(packing)
        touched = packing.remove(PACK, number) if number in present else packing.add(PACK, number)
        present ^= {number}
        check_touched(before, contents(packing), touched)
        assert contents(packing) == contents(packed(sorted(present), SMALL))


def test_documents_are_well_filled_and_so_few() -> None:
    packing = packed([str(number) for number in range(50_000)], 64)
    assert len(contents(packing)) < 2 * 50_000 / 64
