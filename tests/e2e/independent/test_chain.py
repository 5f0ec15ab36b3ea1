"""A log is verified independently, with sqlite3 or kcat, hashlib and the contract."""

import hashlib
import json
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path

from midonet.events.commands.command import Command, Create, Put, Update
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.testbed import Kafka

ME = Context(actor="alice@here", reason="because")


def chain(records: Iterable[bytes]) -> list[dict[str, object]]:
    """Return the commits of a log, by the chain rule of the contract."""
    head = "0" * 64
    commits: list[dict[str, object]] = []
    for raw in records:
        try:
            commit = json.loads(raw)
        except ValueError:
            continue
        if commit["position"] == len(commits) + 1 and commit["prev"] == head:
            head = hashlib.sha256(raw).hexdigest()
            commits.append(commit)
    return commits


def write_some(url: str) -> str:
    """Write a few commits; return the hash of the store's head."""
    log = open_log(url)
    store = Store(log)
    store.execute(Command("bridge.create", [Create("bridge", {"name": "wéb"})]), ME)
    for number in range(20):
        store.execute(Command("port.create", [Create("port", {"name": f"p{number}", "bridge": "wéb"})]), ME)
    store.execute(Command("bridge.set", [Update("bridge", "wéb", {"tenant": "acme"})]), ME)
    store.execute(Command("apply", [Put([{"kind": "chain", "name": "c", "rules": [{"action": "drop"}]}])]), ME)
    log.close()
    return store.topology.head.hash


def check(records: list[bytes], head: str) -> None:
    commits = chain(records)
    assert len(commits) == 23
    assert hashlib.sha256(records[-1]).hexdigest() == head
    for raw, commit in zip(records, commits, strict=True):
        assert raw == json.dumps(commit, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert commit["actor"] == "alice@here"
    times = [str(commit["time"]) for commit in commits]
    assert times == sorted(times)
    assert commits[21]["events"][0]["data"] == {"changed": {"tenant": [None, "acme"]}}  # type: ignore[index]


def test_sqlite(tmp_path: Path) -> None:
    head = write_some(f"sqlite:///{tmp_path}/log.db")
    with sqlite3.connect(tmp_path / "log.db") as database:
        rows = database.execute("SELECT position, id, time, actor, body FROM commits ORDER BY position").fetchall()
    database.close()
    check([bytes(row[4]) for row in rows], head)
    for position, command_id, time, actor, body in rows:
        commit = json.loads(body)
        assert (commit["position"], commit["id"], commit["time"], commit["actor"]) == (
            position,
            command_id,
            time,
            actor,
        )


def test_kafka(kafka: Kafka, kafka_topic: str) -> None:
    head = write_some(f"kafka://{kafka.bootstrap}/{kafka_topic}")
    command = ["kcat", "-C", "-q", "-e", "-b", kafka.bootstrap, "-t", kafka_topic, "-o", "beginning", "-f", "%s\n"]
    output = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    check(output.splitlines(), head)
