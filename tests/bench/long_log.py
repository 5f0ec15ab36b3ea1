"""A log of a million commits, made in seconds: 10,000 ports that are set down and up again, port after port.

The commits are valid; they are written as bytes, in large transactions without fsync, instead of being decided.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from load import opened, run_all, sqlite_url

from midonet.events.commands.command import Command, Put
from midonet.events.commit import Head

__all__ = ["PORTS_PER_BRIDGE", "port_name", "write_long_log"]

PORTS_PER_BRIDGE = 100
_BATCH = 20_000
_EPOCH = datetime(2100, 1, 1)  # noqa: DTZ001 - written as UTC
_COMMIT = (
    '{{"actor":"{actor}@bench","causation":null,"channel":"cli","command":{{"digest":"{digest}","name":"port.set"}},'
    '"correlation":null,"events":[{{"data":{{"changed":{{"admin_state_up":[{old},{new}]}}}},"key":"port/{port}",'
    '"type":"port.updated","v":1}}],"id":"{id}","position":{position},"prev":"{prev}","reason":"maintenance",'
    '"time":"{time}","v":1}}'
)
_ROW = tuple[int, str, str, str, bytes]


def port_name(number: int) -> str:
    """Return how a port is referred to."""
    return f"bridge-{number // PORTS_PER_BRIDGE}/port-{number}"


def write_long_log(file: Path, *, ports: int, commits: int) -> list[str]:
    """Write a log of so many commits to a new file; return the ids of its ports by their numbers."""
    with opened(sqlite_url(file)) as store:
        bridges = range(ports // PORTS_PER_BRIDGE)
        run_all(store, [Command("apply", [Put([_bridge(number)])]) for number in bridges])
        head, found = store.topology.head, store.topology.all("port").values()
    ids = [port.id for port in sorted(found, key=lambda port: int(port.name.rpartition("-")[2]))]
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        rows = _rows(head, ids, commits)
        while batch := list(islice(rows, _BATCH)):
            database.execute("BEGIN")
            database.executemany("INSERT INTO commits (position, id, time, actor, body) VALUES (?, ?, ?, ?, ?)", batch)
            database.execute("COMMIT")
    return ids


def _bridge(number: int) -> dict[str, object]:
    first = number * PORTS_PER_BRIDGE
    ports = [{"name": f"port-{n}"} for n in range(first, first + PORTS_PER_BRIDGE)]
    return {"kind": "bridge", "name": f"bridge-{number}", "ports": ports}


def _rows(head: Head, ids: list[str], commits: int) -> Iterator[_ROW]:
    prev, digest = head.hash, hashlib.sha256(b"").hexdigest()
    for position in range(head.position + 1, commits + 1):
        turn, port = divmod(position - head.position - 1, len(ids))
        old, new = ("false", "true") if turn % 2 else ("true", "false")
        command, actor = str(UUID(int=position)), f"operator-{position % 7}"
        time = (_EPOCH + timedelta(seconds=position)).isoformat(timespec="microseconds") + "Z"
        raw = _COMMIT.format(
            actor=actor,
            digest=digest,
            old=old,
            new=new,
            port=ids[port],
            id=command,
            position=position,
            prev=prev,
            time=time,
        ).encode()
        prev = hashlib.sha256(raw).hexdigest()
        yield position, command, time, f"{actor}@bench", raw
