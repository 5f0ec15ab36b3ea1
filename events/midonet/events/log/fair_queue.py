"""A queue that serves several owners in turns: weighted round robin by cost (deficit round robin).

An owner who queues thousands of items, or expensive ones, delays an item of another owner by one turn only. Pure; the
caller locks.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")

QUANTUM = 50
"""Cost of what an owner of weight 1 may have done in one turn."""


class _Lane(Generic[T]):
    """The items of one owner, each with its cost, and the cost that the owner may still use up."""

    __slots__ = ("credit", "items", "weight")

    def __init__(self, weight: int) -> None:
        self.items: deque[tuple[int, T]] = deque()
        self.weight = weight
        self.credit = 0


class FairQueue(Generic[T]):
    """Items by owner; the items of one owner stay in order."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lanes: OrderedDict[str, _Lane[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, owner: str, item: T, *, cost: int = 1, weight: int = 1) -> bool:
        """Add an item; return False if the queue is full and the owner has its share of it already."""
        lane = self._lanes.get(owner)
        owners = len(self._lanes) + (lane is None)
        if self._size >= self._capacity and len(lane.items if lane else ()) >= self._capacity // owners:
            return False
        if lane is None:
            lane = self._lanes[owner] = _Lane(weight)
        lane.items.append((cost, item))
        self._size += 1
        return True

    def take(self, budget: int) -> list[T]:
        """Remove and return items up to a total cost, and at least one if there is one."""
        taken: list[T] = []
        while self._lanes and budget > 0:
            owner, lane = next(iter(self._lanes.items()))
            lane.credit += QUANTUM * lane.weight
            while lane.items and budget > 0 and lane.items[0][0] <= lane.credit:
                cost, item = lane.items.popleft()
                taken.append(item)
                lane.credit -= cost
                budget -= cost
            if lane.items:
                self._lanes.move_to_end(owner)
            else:
                del self._lanes[owner]
        self._size -= len(taken)
        return taken

    def clear(self) -> list[T]:
        """Remove and return all items."""
        taken = [item for lane in self._lanes.values() for _, item in lane.items]
        self._lanes.clear()
        self._size = 0
        return taken
