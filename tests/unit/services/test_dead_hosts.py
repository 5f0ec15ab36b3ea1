"""A host is dead if it was up once and has been down for the grace time."""

from midonet.services.vtep.dead_hosts import DeadHostTracker


def test_host_that_was_never_up_is_not_dead() -> None:
    obituary = DeadHostTracker()
    obituary.update([], 0.0)
    assert obituary.dead(100.0) == frozenset()


def test_host_is_dead_after_the_grace_time_and_alive_at_once() -> None:
    obituary = DeadHostTracker()
    obituary.update(["a", "b"], 0.0)
    obituary.update(["b"], 10.0)
    assert obituary.dead(11.0) == frozenset()
    assert 0 < obituary.seconds_to_next(11.0) < 3
    assert obituary.dead(13.0) == {"a"}
    obituary.update(["b"], 14.0)
    assert obituary.dead(14.0) == {"a"}
    obituary.update(["a", "b"], 15.0)
    assert obituary.dead(100.0) == frozenset()


def test_known_host_that_is_down_at_start_is_dead() -> None:
    obituary = DeadHostTracker()
    obituary.add_known(["a", "b"], 0.0)
    obituary.update(["b"], 0.1)
    assert obituary.dead(0.1) == {"a"}
    assert obituary.seconds_to_next(0.1) > 3
