"""Which hosts a host probes, the state of the link to each, and the probe packets. Pure: time is passed in, in seconds.

A link is up or down after three replies or losses in a row. Each transition to down adds a penalty that decays
exponentially; above a threshold the link is held down until the penalty has decayed (flap damping, RFC 2439).
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal, NamedTuple
from uuid import UUID

from midonet.agent.view.snapshot import Snapshot

MOST = 32
"""Peers that one host probes at most; in a larger zone each host is probed by about as many peers."""

_IN_A_ROW = 3
_PENALTY, _SUPPRESS, _REUSE, _HALF_LIFE = 1000.0, 2500.0, 1000.0, 60.0

_MAGIC = b"MNprobe1"
_REQUEST, _REPLY = b"?", b"!"
_LENGTH = len(_MAGIC) + 1 + 16 + 8


class Target(NamedTuple):
    """A host to probe, its address, and our address to probe it from."""

    host: str
    address: str
    source: str


def targets(snapshot: Snapshot, host: str) -> dict[str, Target]:
    """Return the hosts that a host probes, by id."""
    found = {target.host: target for target in _members(snapshot, host)}
    chosen = sorted(found, key=lambda peer: blake2b(f"{host}\0{peer}".encode(), digest_size=8).digest())[:MOST]
    return {peer: found[peer] for peer in sorted(chosen)}


def _members(snapshot: Snapshot, host: str) -> Iterator[Target]:
    zones = sorted(snapshot.of("tunnel-zone").values(), key=lambda zone: str(zone.id))
    for zone in zones:
        for source in (member.address for member in zone.members if member.host == host):
            yield from (Target(peer.host, peer.address, source) for peer in zone.members if peer.host != host)


class Link:
    """The state of the link to one peer."""

    def __init__(self) -> None:
        self.state: Literal["unknown", "up", "down"] = "unknown"
        self.rtt: float | None = None
        """Seconds, smoothed."""
        self._streak = 0
        """Replies in a row; losses in a row as a negative number."""
        self._penalty = 0.0
        self._penalized = 0.0
        self._suppressed = False

    @property
    def flapping(self) -> bool:
        """Whether it is held down because it went down too often."""
        return self._suppressed

    def answered(self, time: float, rtt: float) -> None:
        """Count a reply that took `rtt` seconds."""
        self.rtt = rtt if self.rtt is None else self.rtt + (rtt - self.rtt) / 8  # as TCP smooths it (RFC 6298)
        self._streak = max(1, self._streak + 1)
        self._update(time)

    def lost(self, time: float) -> None:
        """Count a probe without a reply."""
        self._streak = min(-1, self._streak - 1)
        self._update(time)

    def _update(self, time: float) -> None:
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
    """Return a probe packet."""
    return _MAGIC + _REQUEST + UUID(host).bytes + number.to_bytes(8)


def reply(host: str, packet: bytes) -> bytes | None:
    """Return the reply to a packet, of the same length; None if the packet is no probe."""
    if len(packet) != _LENGTH or not packet.startswith(_MAGIC + _REQUEST):
        return None
    return _MAGIC + _REPLY + UUID(host).bytes + packet[-8:]


def read(packet: bytes) -> tuple[str, int] | None:
    """Return the host that replies and the number of the probe; None if the packet is no reply."""
    if len(packet) != _LENGTH or not packet.startswith(_MAGIC + _REPLY):
        return None
    return str(UUID(bytes=packet[-24:-8])), int.from_bytes(packet[-8:])
