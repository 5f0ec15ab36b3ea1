"""Whom a host probes, and what it makes of answers and of silence. Pure: time comes in as a number of seconds.

A link is up or down after some answers or losses in a row. One that goes down again and again stays down until it has
been quiet for a while, so that nobody acts on every flap: a penalty for each time, which halves with time (RFC 2439).
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal, NamedTuple
from uuid import UUID

from midonet.agent.view.snapshot import Snapshot

MOST = 32
"""Peers that one host probes; where a zone has more, it chooses, and is chosen by about as many."""

_IN_A_ROW = 3
_PENALTY, _SUPPRESS, _REUSE, _HALF_LIFE = 1000.0, 2500.0, 1000.0, 60.0

_MAGIC = b"MNprobe1"
_REQUEST, _REPLY = b"?", b"!"
_LENGTH = len(_MAGIC) + 1 + 16 + 8


class Target(NamedTuple):
    """A host to be probed, from one of our addresses."""

    host: str
    address: str
    source: str


def targets(snapshot: Snapshot, host: str) -> dict[str, Target]:
    """Return whom a host probes, by id."""
    found = {target.host: target for target in _members(snapshot, host)}
    chosen = sorted(found, key=lambda peer: blake2b(f"{host}\0{peer}".encode(), digest_size=8).digest())[:MOST]
    return {peer: found[peer] for peer in sorted(chosen)}


def _members(snapshot: Snapshot, host: str) -> Iterator[Target]:
    zones = sorted(snapshot.of("tunnel-zone").values(), key=lambda zone: str(zone.id))
    for zone in zones:
        for source in (member.address for member in zone.members if member.host == host):
            yield from (Target(peer.host, peer.address, source) for peer in zone.members if peer.host != host)


class Link:
    """What is known of the way to one peer."""

    def __init__(self) -> None:
        self.state: Literal["unknown", "up", "down"] = "unknown"
        self.rtt: float | None = None
        """Seconds, smoothed."""
        self._streak = 0
        """Answers in a row; losses are counted downwards."""
        self._penalty = 0.0
        self._penalized = 0.0
        self._suppressed = False

    @property
    def flapping(self) -> bool:
        """Whether it is kept down for having gone down too often."""
        return self._suppressed

    def answered(self, time: float, rtt: float) -> None:
        """Take note of an answer, which took so many seconds."""
        self.rtt = rtt if self.rtt is None else self.rtt + (rtt - self.rtt) / 8  # as TCP smooths it (RFC 6298)
        self._streak = max(1, self._streak + 1)
        self._judge(time)

    def lost(self, time: float) -> None:
        """Take note that nothing came back."""
        self._streak = min(-1, self._streak - 1)
        self._judge(time)

    def _judge(self, time: float) -> None:
        if self._streak <= -_IN_A_ROW and self.state != "down":
            if self.state == "up":
                self._penalty, self._penalized = self._penalty_at(time) + _PENALTY, time
            self.state = "down"
        penalty = self._penalty_at(time)
        self._suppressed = penalty > (_REUSE if self._suppressed else _SUPPRESS)
        if self._streak >= _IN_A_ROW and not self._suppressed:
            self.state = "up"

    def _penalty_at(self, time: float) -> float:
        return float(self._penalty * 0.5 ** ((time - self._penalized) / _HALF_LIFE))


def probe(host: str, number: int) -> bytes:
    """Return the packet by which a host asks."""
    return _MAGIC + _REQUEST + UUID(host).bytes + number.to_bytes(8)


def reply(host: str, packet: bytes) -> bytes | None:
    """Return the answer to a packet, which is as long; None if nobody asked."""
    if len(packet) != _LENGTH or not packet.startswith(_MAGIC + _REQUEST):
        return None
    return _MAGIC + _REPLY + UUID(host).bytes + packet[-8:]


def read(packet: bytes) -> tuple[str, int] | None:
    """Return which host answers, and to which number; None if it is no answer."""
    if len(packet) != _LENGTH or not packet.startswith(_MAGIC + _REPLY):
        return None
    return str(UUID(bytes=packet[-24:-8])), int.from_bytes(packet[-8:])
