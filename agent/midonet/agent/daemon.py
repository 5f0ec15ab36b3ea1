"""The process of the agent: host id, pages, signals."""

import logging
import os
import signal
import socket
from importlib.metadata import version
from pathlib import Path
from threading import Thread

from midonet.agent.agent import Agent
from midonet.agent.host.identity import host_id
from midonet.agent.host.interfaces import Sysfs
from midonet.agent.settings import Settings
from midonet.agent.status.server import SocketServer, pages, run_dirs, socket_path
from midonet.agent.status.status import Process
from midonet.agent.underlay.prober import Prober
from midonet.events.timestamps import utc_now
from midonet.projections.facts import UnderlayHealth
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.http_pages import HttpServer

_STOP = {signal.SIGTERM, signal.SIGINT}

_STOP_SECONDS = 9.0
"""Seconds after SIGTERM in which the process ends, even if ZooKeeper hangs."""


def serve(settings: Settings, zookeeper: str) -> None:
    """Run an agent until SIGTERM; raises `Unavailable`, `Misconfigured` or `InvalidValue` where it cannot start."""
    logfmt.configure(settings.log_level, repeats=True)
    host = settings.host_id or host_id(os.environ, Path(settings.host_id_file) if settings.host_id_file else None)
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # before the first thread, so that all inherit it
    prober = Prober(
        host, settings.probe_port, settings.probe_interval, lambda fact: agent.report(UnderlayHealth, host, fact)
    )
    agent = Agent(
        _process(zookeeper, settings.root, host),
        Sysfs(),
        session_timeout=settings.session_timeout,
        on_snapshot=prober.set_targets,
    )
    path = socket_path(run_dirs(os.environ, settings.run_dir), host)
    endpoint = SocketServer(path, pages(lambda: agent.status))
    try:
        http = HttpServer(settings.http, pages(lambda: agent.status, settings.http)) if settings.http else None
        fields = {"host": host, "zookeeper": zookeeper, "root": settings.root, "socket": path}
        logfmt.log(logging.INFO, "started", **fields, http_port=http and http.port)
        if endpoint.waits:
            logfmt.log(logging.WARNING, "another agent serves this host's socket; waiting until it ends", socket=path)
        _run(agent, prober if settings.probe_port else None)
    finally:
        endpoint.close()
    logfmt.log(logging.INFO, "stopped")


def _run(agent: Agent, prober: Prober | None) -> None:
    thread = Thread(target=agent.run, name="agent", daemon=True)
    thread.start()
    if prober is not None:
        prober.start()
    signal.sigwait(_STOP)
    if prober is not None:
        prober.stop()
    agent.stop()
    thread.join(_STOP_SECONDS)


def _process(zookeeper: str, root: str, host: str) -> Process:
    return Process(
        host=host,
        hostname=socket.gethostname(),
        pid=os.getpid(),
        version=version("midonet"),
        started=utc_now(),
        zookeeper=zookeeper,
        root=root,
    )
