"""Probes the hosts of our tunnel zones by UDP, answers their probes, and reports who answers as a fact.

It listens on our own underlay addresses only, and answers with as many bytes as it was asked with. It has a thread of
its own: nothing that the network does to it delays the agent.
"""

import logging
import selectors
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from midonet.agent.underlay.link_state import Link, Target, probe, read, reply, targets
from midonet.agent.view.snapshot import Snapshot
from midonet.events.timestamps import utc_now
from midonet.projections.facts import Peer, UnderlayHealth
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread

_PACKET = 128
_REFRESH_SECONDS = 30.0
"""Round-trip times are reported so often, and whenever a link comes up or goes down."""


class Prober:
    """Probes every `interval` seconds on UDP `port`; `report` takes the fact, None while there is nobody to probe."""

    def __init__(self, host: str, port: int, interval: float, report: Callable[[UnderlayHealth | None], None]) -> None:
        self._host = host
        self._port = port
        self._interval = interval
        self._report = report
        self._targets: Mapping[str, Target] = {}
        self._links: dict[str, Link] = {}
        self._since: dict[str, str] = {}
        self._asked: dict[str, tuple[int, float]] = {}
        self._number = 0
        self._sockets: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._refused: set[str] = set()
        self._reported: tuple[float, UnderlayHealth | None] = (0.0, None)
        self._loop = WorkerThread("underlay", self._run)

    def start(self) -> None:
        """Begin."""
        self._loop.start()

    def stop(self) -> None:
        """End."""
        self._loop.stop(2 * self._interval + 1)

    def adopt(self, snapshot: Snapshot) -> None:
        """Probe whom a new snapshot names. By any thread."""
        self._targets = targets(snapshot, self._host)

    # -- the thread

    def _run(self) -> None:
        try:
            for _ in self._loop.turns():
                self._turn()
        finally:
            for each in self._sockets.values():
                each.close()
            self._selector.close()

    def _turn(self) -> None:
        wanted = self._targets
        self._listen({target.source for target in wanted.values()})
        self._forget(wanted)
        for target in wanted.values():
            self._ask(target)
        self._hear(monotonic() + self._interval)
        for peer in list(self._asked):
            self._links[peer].lost(monotonic())
        self._asked.clear()
        self._tell(wanted)

    def _listen(self, addresses: set[str]) -> None:
        for address in self._sockets.keys() - addresses:
            gone = self._sockets.pop(address)
            self._selector.unregister(gone)
            gone.close()
        for address in addresses - self._sockets.keys():
            self._open(address)

    def _open(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        endpoint = socket.socket(family, socket.SOCK_DGRAM)
        endpoint.setblocking(False)  # noqa: FBT003 - its name is clear
        try:
            endpoint.bind((address, self._port))
        except OSError as error:
            endpoint.close()
            if address not in self._refused:
                logfmt.log(
                    logging.WARNING, "underlay is not probed", address=address, port=self._port, error=error.strerror
                )
            self._refused.add(address)
            return
        self._refused.discard(address)
        self._sockets[address] = endpoint
        self._selector.register(endpoint, selectors.EVENT_READ)

    def _forget(self, wanted: Mapping[str, Target]) -> None:
        for peer in self._links.keys() - wanted.keys():
            del self._links[peer]
            self._since.pop(peer, None)

    def _ask(self, target: Target) -> None:
        endpoint = self._sockets.get(target.source)
        if endpoint is None:
            return  # we have no such address: that says nothing of the peer
        self._links.setdefault(target.host, Link())
        self._number += 1
        self._asked[target.host] = self._number, monotonic()
        with suppress(OSError):  # no route, say: the probe is lost
            endpoint.sendto(probe(self._host, self._number), (target.address, self._port))

    def _hear(self, until: float) -> None:
        """Answer others, and take note of answers, until a time."""
        while not self._loop.stopping() and (left := until - monotonic()) > 0:
            if not self._sockets:
                self._loop.pause(left)
                return
            for key, _ in self._selector.select(min(left, 0.5)):
                with suppress(OSError):
                    self._take(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered

    def _take(self, endpoint: socket.socket) -> None:
        packet, sender = endpoint.recvfrom(_PACKET)
        if (answer := reply(self._host, packet)) is not None:
            endpoint.sendto(answer, sender)
        elif (found := read(packet)) is not None:
            peer, number = found
            asked = self._asked.get(peer)
            if asked is not None and asked[0] == number:
                del self._asked[peer]
                self._links[peer].answered(monotonic(), monotonic() - asked[1])

    def _tell(self, wanted: Mapping[str, Target]) -> None:
        """Report if a link changed, or what was reported is old."""
        fact = self._fact(wanted)
        time, before = self._reported
        if _without_times(fact) != _without_times(before) or monotonic() - time > _REFRESH_SECONDS:
            self._reported = monotonic(), fact
            self._report(fact)

    def _fact(self, wanted: Mapping[str, Target]) -> UnderlayHealth | None:
        known = {peer: link for peer, link in self._links.items() if link.state != "unknown"}
        before = {each.host: each for each in (self._reported[1].peers if self._reported[1] else ())}
        for peer, link in known.items():
            if peer not in before or before[peer].state != link.state:
                self._since[peer] = utc_now("seconds")
        peers = (self._peer(wanted[peer], link) for peer, link in sorted(known.items()))
        return UnderlayHealth(peers=tuple(peers)) if known else None

    def _peer(self, target: Target, link: Link) -> Peer:
        return Peer(
            host=target.host,
            address=target.address,
            state="up" if link.state == "up" else "down",
            flapping=link.flapping,
            since=self._since.get(target.host),
            rtt_ms=round(link.rtt * 1000, 3) if link.rtt is not None else None,
        )


def _without_times(fact: UnderlayHealth | None) -> list[tuple[str, str, str, bool]] | None:
    return [(peer.host, peer.address, peer.state, peer.flapping) for peer in fact.peers] if fact else None
