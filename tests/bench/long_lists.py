"""A change of a long list, described: the time must grow with the list, not with its square."""

from collections.abc import Iterator

from figures import Goal, Row, Work, alternate, latency

from midonet.events.commit import Event
from midonet.events.queries.describe import describe
from midonet.events.queries.names import Names

__all__ = ["long_lists"]

_LONG, _SHORT = 100_000, 10_000


def long_lists(*, quick: bool) -> Iterator[Row]:
    """One address added to a group of 100,000, as `log` describes it, against the same in a tenth of the addresses."""
    found = alternate(3 if quick else 9, _described(_LONG), _described(_SHORT))
    yield Row(
        name=f"one address added to a group of {_LONG:,} described, vs to a group of {_SHORT:,}",
        ours=latency(found.ours),
        peer=latency(found.peer),
        ratios=found.slower(),
        cpu_ratios=found.slower_cpu(),
        goal=Goal("≤", 20),
        note="the list is ten times as long: 10 is linear, 100 quadratic (more than 10: misses of the processor cache)",
    )


def _described(count: int) -> Work:
    old = [{"address": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "ports": []} for i in range(count)]
    new = [*old, {"address": "192.0.2.1", "ports": []}]
    key = "ip-addr-group/6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01"
    event = Event("ip-addr-group.ip-added", 1, key, {"changed": {"addresses": [old, new]}})

    def work() -> int:
        describe(event, Names())
        return 1

    return work
