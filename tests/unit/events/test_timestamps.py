"""One spelling of a time: UTC, RFC 3339, with a `Z`."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from midonet.events.timestamps import Precision, utc, utc_now


@pytest.mark.parametrize(
    ("precision", "text"),
    [
        ("seconds", "2026-11-30T08:15:09Z"),
        ("milliseconds", "2026-11-30T08:15:09.001Z"),
        ("microseconds", "2026-11-30T08:15:09.001002Z"),
    ],
)
def test_a_time_is_spelled_in_utc(precision: Precision, text: str) -> None:
    time = datetime(2026, 11, 30, 10, 15, 9, 1002, tzinfo=timezone(timedelta(hours=2)))
    assert utc(time, precision) == text


def test_the_present_time_reads_back() -> None:
    assert abs(datetime.fromisoformat(utc_now()) - datetime.now(UTC)) < timedelta(minutes=1)
