"""Links between hosts and isolated hosts, from the reports of all hosts on the underlay. Pure."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from midonet.projections.facts.kinds import UnderlayHealth


class Link(Struct, frozen=True):
    """A link from one host to another, as reported by the first one."""

    source: str
    target: str
    address: str
    up: bool
    flapping: bool
    since: str | None
    rtt_ms: float | None


def links(reports: Mapping[str, UnderlayHealth]) -> list[Link]:
    """Return all reported links, in a stable order."""
    return sorted(_links(reports), key=lambda link: (link.source, link.target))


def _links(reports: Mapping[str, UnderlayHealth]) -> Iterator[Link]:
    for source, report in reports.items():
        for peer in report.peers:
            up = peer.state == "up"
            yield Link(source, peer.host, peer.address, up, peer.flapping, peer.since, peer.rtt_ms)


def isolated(found: list[Link]) -> list[str]:
    """Return the hosts that are probed and that no other host reaches."""
    reached = {link.target for link in found if link.up}
    return sorted({link.target for link in found} - reached)
