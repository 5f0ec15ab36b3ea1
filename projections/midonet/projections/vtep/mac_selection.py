"""Where a station is that several switches say they have: the latest word counts, and nobody changes it without news.

Two writers may have heard the switches in another order, or not all of them. So what a switch holds already stands, as
long as it is one of the answers that are possible and nothing newer was heard. Pure.
"""

from collections.abc import Callable, Collection

from midonet.projections.vtep.learned_macs import CurrentRow, MacLocation


def choose(
    locations: Collection[MacLocation], current: CurrentRow | None, *, me: str, is_read: Callable[[str], bool]
) -> MacLocation | None:
    """Return the station to believe; None if there is none.

    `current` is the row that VTEP `me` has. A station behind a VTEP that is not being read (`is_read`) counts only if
    that row points to it.
    """
    read = [location for location in locations if is_read(location.vtep)]
    latest = min(read, key=lambda one: (-one.order, one.vtep != me, one.vtep), default=None)
    if current is None or not isinstance(current.value, tuple):
        return latest
    pointed_to = next((location for location in locations if location.address == current.value[0]), None)
    if pointed_to is None or latest is None:
        return pointed_to or latest
    return pointed_to if max(current.order, pointed_to.order) >= latest.order else latest
