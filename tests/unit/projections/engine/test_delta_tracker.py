"""The delta tracker writes what differs, once, and forgets nothing that was not confirmed."""

from collections.abc import Iterable, Sequence

from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.engine.delta_tracker import DeltaTracker


class Wanted(dict[str, int]):
    """A projection whose desired values are simply there."""

    name = "wanted"

    def attach(self, topology: Topology) -> None:
        """Nothing to start over from."""

    def apply(self, changes: Sequence[Change]) -> Iterable[str]:
        """Nothing to take note of."""
        del changes
        return ()

    def render(self, key: str) -> int | None:
        """The value that is there."""
        return self.get(key)


def tracker(wanted: Wanted) -> DeltaTracker[str, int]:
    made = DeltaTracker(wanted)
    made.touch_all()
    return made


def test_everything_is_written_to_an_empty_target() -> None:
    assert tracker(Wanted(a=1, b=2)).delta() == {"a": 1, "b": 2}


def test_only_what_differs_is_written_to_a_target_that_holds_something() -> None:
    tracked = tracker(Wanted(a=1, b=2))
    tracked.reconcile({"a": 1, "b": 3, "c": 4})
    assert tracked.delta() == {"b": 2, "c": None}


def test_unchanged_value_is_not_rewritten() -> None:
    tracked = tracker(Wanted(a=1))
    tracked.delta()
    tracked.written()
    tracked.touch(["a"])
    assert tracked.delta() == {}


def test_changes_melt_into_one() -> None:
    wanted = Wanted(a=1)
    tracked = tracker(wanted)
    for value in range(5):
        wanted["a"] = value
        tracked.touch(["a"])
    assert tracked.delta() == {"a": 4}


def test_transient_change_is_not_written() -> None:
    wanted = Wanted()
    tracked = tracker(wanted)
    tracked.touch(["a"])
    assert tracked.delta() == {}


def test_a_delta_that_was_not_confirmed_stays_pending() -> None:
    tracked = tracker(Wanted(a=1))
    assert tracked.delta() == {"a": 1}
    assert tracked.delta() == {"a": 1}
    tracked.reconcile({})
    assert tracked.delta() == {"a": 1}


def test_a_delta_that_arrived_without_being_confirmed_is_not_written_again() -> None:
    tracked = tracker(Wanted(a=1))
    tracked.delta()
    tracked.reconcile({"a": 1})
    assert tracked.delta() == {}


def test_lost_edited_and_added_values_are_found_by_reading_again() -> None:
    tracked = tracker(Wanted(lost=1, edited=2, kept=3))
    tracked.delta()
    tracked.written()
    tracked.reconcile({"edited": 9, "kept": 3, "added": 4})
    assert tracked.delta() == {"lost": 1, "edited": 2, "added": None}


def test_reattachment_keeps_known_target_values() -> None:
    wanted = Wanted(a=1, b=2)
    tracked = tracker(wanted)
    tracked.delta()
    tracked.written()
    del wanted["a"]
    wanted["c"] = 3
    assert tracked.delta() == {}
    tracked.touch_all()
    assert tracked.delta() == {"a": None, "c": 3}


def test_a_value_that_differs_only_in_what_does_not_matter_stays() -> None:
    tracked = DeltaTracker(Wanted(a=1), same=lambda actual, desired: actual % 10 == desired % 10)
    tracked.touch_all()
    tracked.reconcile({"a": 11})
    assert tracked.delta() == {}


def test_lost_value_is_rewritten_after_repeated_edits() -> None:
    tracked = DeltaTracker(Wanted(a=1), same=lambda actual, desired: actual % 10 == desired % 10)
    tracked.reconcile({"a": 11})
    for edited in (5, 6):
        tracked.reconcile({"a": edited})
        assert tracked.delta() == {"a": 11}


def test_parked_key_does_not_block_other_keys() -> None:
    wanted = Wanted(a=1, b=2)
    tracked = tracker(wanted)
    tracked.delta()
    tracked.park("a", "too large")
    assert tracked.parked == {"a": "too large"}
    assert tracked.delta() == {"b": 2}
    tracked.reconcile({"a": 7, "b": 2})
    assert tracked.delta() == {}
    wanted["a"] = 3
    tracked.touch(["a"])
    assert tracked.delta() == {"a": 3}
    assert not tracked.parked


def test_a_value_that_cannot_be_made_parks_its_key_alone() -> None:
    class Poisoned(Wanted):
        """A projection that chokes on one key."""

        def render(self, key: str) -> int | None:
            """Fail once the value is negative."""
            if self.get(key, 0) < 0:
                raise ValueError("poison")
            return self.get(key)

    wanted = Poisoned(a=-1, b=2)
    tracked = tracker(wanted)
    assert tracked.delta() == {"b": 2}
    assert "poison" in tracked.parked["a"]
    wanted["a"] = 1
    tracked.touch(["a"])
    assert tracked.delta() == {"a": 1, "b": 2}


def test_a_skipped_key_is_left_out_until_it_is_tried_again() -> None:
    wanted = Wanted(a=1, b=2)
    tracked = tracker(wanted)
    assert tracked.retry(["a"]) == set()
    assert tracked.delta() == {"b": 2}
    wanted["a"] = 3
    tracked.touch(["a"])
    assert tracked.delta() == {"b": 2}
    assert list(tracked.parked) == ["a"]
    assert tracked.retry([]) == {"a"}
    assert tracked.delta() == {"a": 3, "b": 2}


def test_foreign_changes_are_distinguished_from_lost_writes() -> None:
    tracked = tracker(Wanted(a=1, b=2))
    tracked.delta()
    tracked.written()
    assert tracked.reconcile({"a": 1, "b": 2}) == set()
    assert tracked.reconcile({"a": 9, "c": 3}) == {"a", "b", "c"}
    tracked.delta()
    assert tracked.reconcile({"a": 1, "b": 2}) == set(), "our own write, though unconfirmed"


def test_lost_value_is_rewritten_in_its_former_version() -> None:
    wanted = Wanted(a=10, b=20)
    tracked = DeltaTracker(wanted, same=lambda one, other: one // 10 == other // 10)
    tracked.touch_all()
    tracked.delta()
    tracked.written()
    wanted["a"], wanted["b"] = 13, 30
    tracked.touch(["b"])
    tracked.reconcile({"a": 99, "b": 20})
    tracked.reconcile({"a": 99})  # and it is lost until it is written, however often that is seen
    assert tracked.delta() == {"a": 10, "b": 30}
    tracked.reconcile({"a": 99})
    assert tracked.delta() == {"a": 10, "b": 30}, "the first try came to nothing"


def test_it_is_pending_until_the_target_took_what_differs() -> None:
    wanted = Wanted(a=1)
    tracked = tracker(wanted)
    assert tracked.pending
    tracked.delta()
    assert tracked.pending
    tracked.written()
    assert not tracked.pending
    tracked.touch(["a"])
    assert tracked.pending
    assert tracked.delta() == {}
    assert not tracked.pending
