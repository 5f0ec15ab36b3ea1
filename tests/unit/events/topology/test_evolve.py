"""Every event ever written stays readable: the files under tests/golden/events are never edited."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from midonet.events.commit import Event
from midonet.events.model import KINDS, plain
from midonet.events.system.objects import SYSTEM_KINDS
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology

GOLDEN = Path(__file__).parents[3] / "golden"
FILES = sorted((GOLDEN / "events").glob("*.json"))


def recorder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_record", GOLDEN / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_event_still_does_what_it_did(path: Path) -> None:
    golden = json.loads(path.read_text())
    event = msgspec.convert(golden["event"], Event)
    kind = event.key.partition("/")[0]
    topology = Topology()
    if golden["before"] is not None:
        before = {key: value for key, value in golden["before"].items() if key != "kind"}
        if kind in SYSTEM_KINDS:
            topology.system[event.key] = msgspec.convert(before, SYSTEM_KINDS[kind])
        else:
            topology.swap(before["id"], msgspec.convert(before, KINDS[kind].cls))
    change = evolve(topology, event, golden["position"])
    after = None if change.new is None else json.loads(msgspec.json.encode(plain(change.new)))
    assert after == _now_with_defaults(kind, golden["after"])


def _now_with_defaults(kind: str, after: dict[str, object] | None) -> dict[str, object] | None:
    """Fields that were added later have their defaults."""
    if after is None or kind not in KINDS:
        return after
    added = {name: spec.default for name, spec in KINDS[kind].fields.items() if not spec.required}
    return json.loads(msgspec.json.encode(added | after))  # type: ignore[no-any-return]


def test_every_event_type_has_its_golden_file() -> None:
    types = recorder().record()
    assert set(types) <= {path.stem for path in FILES}
    for kind in [*KINDS, *SYSTEM_KINDS]:
        assert {f"{kind}.created.v1", f"{kind}.deleted.v1"} <= set(types)
