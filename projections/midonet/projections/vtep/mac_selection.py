"""Where a station is that several switches say they have: the latest word counts, and nobody changes it without news.

Two writers may have heard the switches in another order, or not all of them. So what a switch holds already stands, as
long as it is one of the answers that are possible and nothing newer was heard. Pure.
"""

from collections.abc import Callable, Collection

from midonet.projections.vtep.learned_macs import CurrentRow, MacLocation


def choose(
    stations: Collection[MacLocation], held: CurrentRow | None, *, me: str, knows: Callable[[str], bool]
) -> MacLocation | None:
    """Return the station to believe; None if there is none.

    `held` is the row that VTEP `me` has. A station behind a VTEP that is not being read (`knows`) counts only if that
    row points to it.
    """
    heard = [station for station in stations if knows(station.vtep)]
    latest = min(heard, key=lambda one: (-one.order, one.vtep != me, one.vtep), default=None)
    if held is None or not isinstance(held.value, tuple):
        return latest
    kept = next((station for station in stations if station.address == held.value[0]), None)
    if kept is None or latest is None:
        return kept or latest
    return kept if max(held.order, kept.order) >= latest.order else latest
