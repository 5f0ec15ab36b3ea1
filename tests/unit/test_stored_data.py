"""Data that an earlier release stored opens unchanged: a log, a history index and a view in ZooKeeper."""

import json
import lzma
from collections.abc import Mapping
from pathlib import Path

import pytest

from midonet.events.commands.command import Command, Create
from midonet.events.commit import Head, canonical
from midonet.events.log import Log, open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.log.verification import verified
from midonet.events.system.tag import Tag
from midonet.projections.base import Checkpoint
from midonet.projections.history_index.factory import open_database
from midonet.projections.history_index.index import Index
from midonet.projections.history_index.target import HistoryTarget
from midonet.projections.nsdb.view import FORMAT, expected_view, view_base
from midonet.projections.zookeeper.layout import DIRECTORIES, MODELS, decode_checkpoint, decode_generation, is_document

STORED = Path(__file__).parents[1] / "golden" / "stored"
HEAD = Head(202, "068700b9f075a2cca660eee362f1ff9679196add324c38fc92a467a4a216841f", "2026-11-30T09:49:53.704976Z")
ROOT = "/midonet"


def unpack(name: str, folder: Path) -> str:
    """Write a stored file to a folder; return its URL."""
    path = folder / name
    path.write_bytes(lzma.decompress((STORED / f"{name}.xz").read_bytes()))
    return f"sqlite:///{path}"


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return unpack("log.sqlite", tmp_path)


def open_stored(url: str) -> Log:
    return open_log(url, create=False)


def test_a_stored_log_has_the_same_head_and_verifies(log_url: str) -> None:
    log = open_stored(log_url)
    assert log.head() == HEAD
    found = verified(log)
    assert (found.count, found.position, found.hash, found.skipped) == (202, 202, HEAD.hash, 0)
    log.close()


def test_a_stored_log_is_continued(log_url: str) -> None:
    log = open_stored(log_url)
    store = Store.open(log)
    assert isinstance(store.topology.tags["kept"], Tag)
    result = store.execute(Command("bridge.create", [Create("bridge", {"name": "new"})]), Context(actor="bob@ops1"))
    record = log.find(result.id)
    assert record is not None
    assert (record.commit.position, record.commit.prev) == (203, HEAD.hash)
    assert verified(log).count == 203
    log.close()


def test_a_stored_command_id_returns_its_result(log_url: str) -> None:
    log = open_stored(log_url)
    first = next(iter(log.read()))
    command = Command("golden", [Create("chain", {"name": "fw", "tenant": "acme"})])
    result = Store.open(log).execute(command, Context(actor="alice@ops1", command_id=first.commit.id))
    assert (result.position, result.events) == (1, first.commit.events), "the digest of a command is the same"
    assert log.head() == HEAD
    log.close()


def test_a_stored_history_index_is_used_without_a_rebuild(
    log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_url = unpack("history.sqlite", tmp_path)
    monkeypatch.setattr(Index, "clear", lambda _: pytest.fail("the index was cleared"))
    target = HistoryTarget(lambda: open_stored(log_url), lambda: open_database(index_url, write=True))
    assert target.load() == (Checkpoint(HEAD.position, HEAD.hash), {})
    target.close()
    database = open_database(index_url, write=False)
    checkpoint = Index(database).checkpoint()
    assert checkpoint is not None
    assert checkpoint.head == HEAD
    database.close()


def nodes(log_url: str) -> Mapping[str, str]:
    """Return the nodes of the view of a log: path → data."""
    log = open_stored(log_url)
    base = view_base(ROOT)
    topology = Store.open(log).topology
    log.close()
    frame = dict.fromkeys([ROOT, base, *(f"{base}/{name}" for name in (MODELS, *DIRECTORIES))], b"")
    guards = {
        f"{ROOT}/nsdb": canonical({"generation": "1"}),
        f"{base}/checkpoint": canonical(Checkpoint(HEAD.position, HEAD.hash)),
        f"{base}/format": FORMAT,
    }
    return {path: data.decode() for path, data in {**frame, **guards, **expected_view(topology, base)}.items()}


def test_a_stored_view_is_what_the_log_comes_to(log_url: str) -> None:
    stored = json.loads(lzma.decompress((STORED / "view.json.xz").read_bytes()))
    assert nodes(log_url) == stored


def test_a_stored_view_is_decoded() -> None:
    stored = json.loads(lzma.decompress((STORED / "view.json.xz").read_bytes()))
    base = view_base(ROOT)
    assert decode_generation(stored[f"{ROOT}/nsdb"].encode()) == "1"
    assert decode_checkpoint(stored[f"{base}/checkpoint"].encode()) == Checkpoint(HEAD.position, HEAD.hash)
    documents = [path for path, data in stored.items() if data.startswith(('{"objects"', '{"documents"'))]
    assert len(documents) > 40
    assert all(is_document(path.removeprefix(f"{base}/")) for path in documents)
