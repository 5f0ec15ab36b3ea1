"""The queue of the writer serves its owners in turns."""

from midonet.events.log.fair_queue import QUANTUM, FairQueue


def filled(*queued: tuple[str, int, int], capacity: int = 10_000, weight: int = 1) -> FairQueue[str]:
    """Return a queue with items named after their owner: (owner, number, cost)."""
    queue = FairQueue[str](capacity)
    for owner, number, cost in queued:
        for _ in range(number):
            assert queue.put(owner, owner, cost=cost, weight=weight if owner == "heavy" else 1)
    return queue


def test_items_of_one_owner_stay_in_order() -> None:
    queue = FairQueue[int](100)
    for number in range(100):
        assert queue.put("a", number)
    assert [one for _ in range(10) for one in queue.take(10)] == list(range(100))
    assert queue.take(10) == []


def test_an_owner_with_thousands_of_items_delays_another_by_one_turn() -> None:
    queue = filled(("a", 9_000, 1), ("b", 1, 1))
    assert queue.take(500).index("b") == QUANTUM
    assert len(queue) == 9_001 - 500


def test_owners_share_by_cost_and_not_by_number() -> None:
    queue = filled(("a", 100, 10 * QUANTUM), ("b", 1_000, QUANTUM))
    taken = [one for _ in range(22) for one in queue.take(1)]
    assert (taken.count("a"), taken.count("b")) == (2, 20)


def test_an_item_that_costs_more_than_the_budget_is_taken() -> None:
    queue = filled(("a", 2, 1_000_000))
    assert queue.take(500) == ["a"]
    assert queue.take(500) == ["a"]


def test_a_weight_multiplies_the_share() -> None:
    queue = filled(("heavy", 1_000, 1), ("b", 1_000, 1), weight=4)
    taken = queue.take(5 * QUANTUM)
    assert (taken.count("heavy"), taken.count("b")) == (4 * QUANTUM, QUANTUM)


def test_a_full_queue_admits_an_owner_that_has_less_than_its_share() -> None:
    queue = filled(("a", 10, 1), capacity=10)
    assert not queue.put("a", "a")
    assert [queue.put("b", "b") for _ in range(6)] == [True] * 5 + [False]


def test_clear_returns_everything() -> None:
    queue = filled(("a", 2, 1), ("b", 1, 1))
    assert queue.clear() == ["a", "a", "b"]
    assert (len(queue), queue.take(1)) == (0, [])
