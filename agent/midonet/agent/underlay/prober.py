"""Probes the hosts of our tunnel zones by UDP, replies to their probes, and reports the state of the links as a fact.

It listens on our own underlay addresses only, and a reply is as long as the probe. It runs on a thread of its own, so
the network cannot delay the agent.
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
"""Seconds between two reports without a change of a link's state."""


class Prober(WorkerThread):
    """A thread that probes every `interval` seconds on UDP `port`; `report` takes the fact, None without links."""

    def __init__(self, host: str, port: int, interval: float, report: Callable[[UnderlayHealth | None], None]) -> None:
        super().__init__("underlay", self._run, patience=2 * interval + 1)
        self._host = host
        self._port = port
        self._interval = interval
        self._report = report
        self._targets: Mapping[str, Target] = {}
        self._links: dict[str, Link] = {}
        self._since: dict[str, str] = {}
        self._sent: dict[str, tuple[int, float]] = {}
        self._number = 0
        self._sockets: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._refused: set[str] = set()
        self._reported: tuple[float, UnderlayHealth | None] = (0.0, None)

    def set_targets(self, snapshot: Snapshot) -> None:
        """Probe the hosts that a new snapshot names. Any thread may call it."""
        self._targets = targets(snapshot, self._host)

    # -- on the thread

    def _run(self) -> None:
        try:
            for _ in self.iterations():
                self._probe_round()
        finally:
            for each in self._sockets.values():
                each.close()
            self._selector.close()

    def _probe_round(self) -> None:
        wanted = self._targets
        self._listen({target.source for target in wanted.values()})
        self._forget(wanted)
        for target in wanted.values():
            self._send_probe(target)
        self._receive_until(monotonic() + self._interval)
        for peer in list(self._sent):
            self._links[peer].lost(monotonic())
        self._sent.clear()
        self._report_changes(wanted)

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

    def _send_probe(self, target: Target) -> None:
        endpoint = self._sockets.get(target.source)
        if endpoint is None:
            return  # we do not have the source address: no statement about the peer
        self._links.setdefault(target.host, Link())
        self._number += 1
        self._sent[target.host] = self._number, monotonic()
        with suppress(OSError):  # without a route, for example, the probe is lost
            endpoint.sendto(probe(self._host, self._number), (target.address, self._port))

    def _receive_until(self, until: float) -> None:
        """Reply to probes and count replies until a time."""
        while not self.stopping() and (seconds := until - monotonic()) > 0:
            if not self._sockets:
                self.sleep(seconds)
                return
            for key, _ in self._selector.select(min(seconds, 0.5)):
                with suppress(OSError):
                    self._receive(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered

    def _receive(self, endpoint: socket.socket) -> None:
        packet, sender = endpoint.recvfrom(_PACKET)
        if (response := reply(self._host, packet)) is not None:
            endpoint.sendto(response, sender)
        elif (found := read(packet)) is not None:
            peer, number = found
            sent = self._sent.get(peer)
            if sent is not None and sent[0] == number:
                del self._sent[peer]
                self._links[peer].answered(monotonic(), monotonic() - sent[1])

    def _report_changes(self, wanted: Mapping[str, Target]) -> None:
        """Report if the state of a link changed or the last report is old."""
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
