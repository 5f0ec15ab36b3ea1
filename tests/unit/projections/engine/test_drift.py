"""Records of repairs tell what differed, and never grow beyond bounds."""

import json
from typing import Any

import pytest

from midonet.projections.base import Checkpoint, SideRepair
from midonet.projections.engine.drift import (
    MAX_RECORDS,
    DriftRecord,
    RecentDrift,
    decode_records,
    describe_difference,
    drift_kind,
    encode_records,
)
from midonet.projections.engine.drift_recorder import DriftRecorder


def repair(number: int, text: str = "x") -> DriftRecord:
    return DriftRecord(
        time=f"2026-01-31T12:00:00.{number:03d}Z",
        projection="nsdb",
        target="zk1:2181/midonet",
        key=f"models/bridge/{number}",
        kind="different",
        found=text,
        expected="y",
        position=number,
    )


@pytest.mark.parametrize(
    ("found", "expected", "told"),
    [
        (None, b"new", (None, "new")),
        (b"old", None, ("old", None)),
        (b'{"a":1,"b":2}', b'{"a":1,"b":3}', ('{"b": 2}', '{"b": 3}')),
        (b'{"a":{"x":1,"y":2}}', b'{"a":{"x":1}}', ('{"a": {"y": 2}}', '{"a": {}}')),
        (7, 10001, ("7", "10001")),
        (("172.16.0.1", ""), ("172.16.0.2", ""), ('["172.16.0.1", ""]', '["172.16.0.2", ""]')),
        (b"\xff", b"", ("\\xff", "")),
        (b"[" * 100_000, b"", ("[" * 1_000 + "…", "")),
    ],
)
def test_equal_parts_are_omitted(found: Any, expected: Any, told: tuple[str | None, str | None]) -> None:
    assert describe_difference(found, expected) == told


def test_kinds() -> None:
    assert [drift_kind(*pair) for pair in ((None, 1), (1, None), (1, 2))] == ["missing", "extra", "different"]


def test_the_newest_are_kept_and_all_are_counted() -> None:
    repairs = RecentDrift()
    repairs.add([repair(number) for number in range(MAX_RECORDS)])
    repairs.add([repair(number) for number in range(MAX_RECORDS, MAX_RECORDS + 10)])
    assert (len(repairs), repairs.counts["different"]) == (MAX_RECORDS + 10, MAX_RECORDS + 10)
    assert [each.position for each in repairs.newest(2)] == [MAX_RECORDS + 8, MAX_RECORDS + 9]
    assert [each.position for each in repairs.since(MAX_RECORDS + 7)] == [
        MAX_RECORDS + 7,
        MAX_RECORDS + 8,
        MAX_RECORDS + 9,
    ]
    assert repairs.since(MAX_RECORDS + 10) == []
    assert repairs.since(0)[0].position == 10, "what is no longer kept is gone"


def test_drift_ring_is_bounded_and_ignores_invalid_data() -> None:
    large = encode_records(repair(number, "ü" * 1_000) for number in range(1_000))
    assert len(large) <= 256 * 1024
    assert decode_records(large)[-1].position == 999
    assert decode_records(b"nonsense") == decode_records(b"") == []
    assert decode_records(encode_records([repair(1)])) == [repair(1)]


def test_side_repairs_and_edited_checkpoints_are_recorded() -> None:
    recorder = DriftRecorder("nsdb", "zk1:2181/midonet")
    recorder.record_checkpoint(Checkpoint(), Checkpoint(7, "7" * 64))
    recorder.record_side_repairs([SideRepair("nsdb", "{}", '{"generation":"1"}')], 7)
    lost, pointer = recorder.recent.since(0)
    assert (lost.key, lost.kind, json.loads(lost.expected or "")["position"]) == ("checkpoint", "missing", 7)
    assert (pointer.key, pointer.kind, pointer.position) == ("nsdb", "different", 7)
