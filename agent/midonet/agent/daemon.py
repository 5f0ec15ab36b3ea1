"""The process around the agent: its identity, its endpoints, its signals."""

import logging
import os
import signal
import socket
from importlib.metadata import version
from pathlib import Path
from threading import Thread

from midonet.agent.agent import Agent, now
from midonet.agent.endpoint import SocketEndpoint, run_dirs, serve_http, socket_path
from midonet.agent.identity import host_id
from midonet.agent.interfaces import Sysfs
from midonet.agent.journal import note, set_up
from midonet.agent.settings import Settings
from midonet.agent.status import Process

__all__ = ["serve"]

_STOP = {signal.SIGTERM, signal.SIGINT}

_STOP_SECONDS = 9.0
"""A process that was asked to end does so within this time, whatever hangs."""


def serve(settings: Settings, zookeeper: str) -> None:
    """Run an agent until SIGTERM; raises `Unavailable`, `Misconfigured` or `InvalidValue` where it cannot start."""
    set_up(settings.log_level)
    host = settings.host_id or host_id(os.environ, Path(settings.host_id_file) if settings.host_id_file else None)
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # before the first thread: each inherits it, none is interrupted
    agent = Agent(_process(zookeeper, settings.root, host), Sysfs(), session_timeout=settings.session_timeout)
    path = socket_path(run_dirs(os.environ, settings.run_dir), host)
    endpoint = SocketEndpoint(path, lambda: agent.status)
    try:
        port = serve_http(settings.http, lambda: agent.status) if settings.http else None
        note(logging.INFO, "started", host=host, zookeeper=zookeeper, root=settings.root, socket=path, http_port=port)
        if endpoint.waits:
            note(logging.WARNING, "another agent serves this host's socket; waiting until it ends", socket=path)
        _run(agent)
    finally:
        endpoint.close()
    note(logging.INFO, "stopped")


def _run(agent: Agent) -> None:
    thread = Thread(target=agent.run, name="agent", daemon=True)
    thread.start()
    signal.sigwait(_STOP)
    agent.stop()
    thread.join(_STOP_SECONDS)


def _process(zookeeper: str, root: str, host: str) -> Process:
    return Process(
        host=host,
        hostname=socket.gethostname(),
        pid=os.getpid(),
        version=version("midonet"),
        started=now(),
        zookeeper=zookeeper,
        root=root,
    )
