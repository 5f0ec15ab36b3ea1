"""The service `zookeeper`: runs this node's member of an embedded ensemble.

The first member of the list creates the ensemble. Every other member reads the configuration from a serving member,
starts with it and joins by dynamic reconfiguration. A member with data restarts with it. The first member without data
looks for a serving ensemble, too, so that there are never two.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

from midonet.events.backoff import Backoff
from midonet.events.errors import MidonetError, Unavailable
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper import Client
from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service
from midonet.services.settings import Settings
from midonet.services.zookeeper.ensemble_check import data_folder
from midonet.services.zookeeper.jars import find_jars
from midonet.services.zookeeper.server import Server, mode
from midonet.services.zookeeper.tls import protection_of
from midonet.services.zookeeper_members import client_hosts, members_of, numbers_in

_CONFIG = "/zookeeper/config"
_WATCH_SECONDS = 1.0
_CONNECT_SECONDS = 3.0
_FOUND_SECONDS = 3.0
"""Seconds for which the first member looks for a serving ensemble before it creates one."""


class ZooKeeperService(Service):
    """Runs the server from a thread of its own."""

    early = True  # other services need ZooKeeper

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings = context.settings
        self._members = members_of(settings.zookeeper_members)
        self._member = self._members[(settings.zookeeper_member or 1) - 1]
        self._folder = data_folder(settings, os.environ)
        self._protection = protection_of(settings)
        self._serving = context.metrics.gauge("serving", "Whether the ZooKeeper server of this node serves clients.")
        self._state = "the server has not been started yet"
        self._found: str | None = None
        self._joined = False
        self._loop = WorkerThread("zookeeper", self._run, context.crashed)

    @classmethod
    def disabled_reason(cls, settings: Settings) -> str | None:
        """Return that ZooKeeper is not embedded, if so."""
        return "ZooKeeper is external (embedded: --zookeeper embedded)" if settings.zookeeper_member is None else None

    def start(self) -> None:
        """Start the server."""
        self._loop.start()

    def stop(self) -> None:
        """Stop the server; its data stays."""
        self._loop.stop()

    def health(self) -> Health:
        """Return healthy while the server serves as a member of the ensemble."""
        return Health() if not self._state else Health(ok=False, reason=self._state)

    def details(self) -> Mapping[str, Any]:
        """Return member number, mode (leader, follower, observer) and client address."""
        return {"member": self._member.number, "mode": self._found, "clients": client_hosts([self._member])}

    def _run(self) -> None:
        self._state = "the server's jars are being fetched"
        jars = find_jars(self.context.settings.zookeeper_jars, os.environ)
        server = Server(self._member, self._members, self._protection, self._folder, jars)
        members = self._first_members() if server.is_new else []
        if self._loop.stopping():
            return
        server.start(members)
        try:
            self._watch(server)
        finally:
            server.stop()

    def _first_members(self) -> Sequence[str]:
        """Return the members of a new server's configuration: the serving ensemble and itself, or itself alone."""
        others = [member for member in self._members if member != self._member]
        founder = self._member.number == 1
        backoff = Backoff(first=0.2)
        waited = 0.0
        while others and not self._loop.stopping():
            self._state = f"looking for the ensemble at {client_hosts(others)}"
            for member in others:
                with suppress(MidonetError):
                    lines = self._ask(client_hosts([member]))
                    known = numbers_in("\n".join(lines))
                    return lines if self._member.number in known else [*lines, self._line("observer")]
            if founder and waited >= _FOUND_SECONDS:
                break
            self._loop.sleep(delay := backoff.next())
            waited += delay
        return [self._line()]

    def _line(self, role: str = "participant") -> str:
        return self._protection.line(self._member, role)

    def _ask(self, hosts: str) -> list[str]:
        """Return the lines of the dynamic configuration, read from a serving member."""
        client = Client(hosts)
        try:
            client.connect(_CONNECT_SECONDS)
            with client.failures():
                data, _ = client.get(_CONFIG)
        finally:
            client.close()
        lines = [line for line in data.decode().splitlines() if line.startswith("server.")]
        if not lines:
            raise Unavailable(f"ZooKeeper at {hosts} is not an ensemble that supports reconfiguration", servers=hosts)
        return lines

    def _watch(self, server: Server) -> None:
        """Monitor the server until the service stops; raise if the server ends."""
        for _ in self._loop.iterations():
            if (end := server.ended()) is not None:
                raise Unavailable(end)
            self._renew(server)
            found = self._found = mode(self._member)
            self._serving.set(found is not None)
            if found is not None and not self._joined:
                self._join()
            self._state = self._judge(found)
            self._loop.wait(_WATCH_SECONDS)

    def _renew(self, server: Server) -> None:
        try:
            server.renew()
        except (MidonetError, OSError) as error:  # the server continues with the old ones
            self.context.log(logging.WARNING, "the certificates cannot be renewed", error=str(error))

    def _judge(self, found: str | None) -> str:
        if found is None:
            return f"member {self._member.number} does not serve: more than half of the members must be up"
        return "" if self._joined else f"member {self._member.number} is waiting to join the ensemble"

    def _join(self) -> None:
        """Join the ensemble as a participant, unless this member is one."""
        hosts = client_hosts([self._member])
        try:
            if not any(
                line.startswith(f"server.{self._member.number}=") and ":participant" in line
                for line in self._ask(hosts)
            ):
                self._reconfigure(hosts)
        except MidonetError as error:
            self.context.log(logging.DEBUG, "not joined yet", error=error.message)
            return
        self._joined = True
        self.context.log(logging.INFO, "joined the ensemble", member=self._member.number)

    def _reconfigure(self, hosts: str) -> None:
        client = Client(hosts)
        try:
            client.connect(_CONNECT_SECONDS)
            client.reconfig(joining=self._line(), leaving=None, new_members=None)
        except (KazooException, KazooTimeoutError) as error:
            raise Unavailable(str(error) or type(error).__name__) from None
        finally:
            client.close()
