"""Leased loopback ports, so that a server keeps its port when it is killed and restarted.

Ports come from below the kernel's ephemeral range: a client that reconnects to a dead server could otherwise
be given the server's very port as its own end and connect to itself. Each port is leased by an abstract Unix
socket named after it, which the kernel frees with its owner, so that testbeds running at the same time never
collide. Never hands out a port that anything listens on.
"""

import random
import socket

_RANGE = range(10_000, 32_000)
_ATTEMPTS = 1_000


class PortLease:
    """One free TCP port on `host`, leased until `release` or the end of the process.

    Raises `OSError` where no port is free.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        for port in random.sample(_RANGE, _ATTEMPTS):
            if lock := _lease(host, port):
                self.port = port
                self._lock = lock
                return
        raise OSError(f"no free port on {host} after {_ATTEMPTS} attempts")

    def release(self) -> None:
        """Give the port back."""
        self._lock.close()


def _lease(host: str, port: int) -> socket.socket | None:
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0midonet-testbed/{host}:{port}")
        _check_unused(host, port)
    except OSError:
        lock.close()
        return None
    return lock


def _check_unused(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
