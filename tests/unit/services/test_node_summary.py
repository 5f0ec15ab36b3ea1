"""The summary of a node is small for any number of targets and leases."""

import msgspec

from midonet.events.commit import Head, canonical
from midonet.services.cluster.coordination import Lease
from midonet.services.cluster.node_presence import Process
from midonet.services.runtime.projection_report import ProjectionReport, WriteMetrics
from midonet.services.runtime.supervisor import ServiceStatus
from midonet.services.telemetry.node_summary import node_summary
from midonet.services.telemetry.overview import Overview

WELL = ProjectionReport(
    name="vtep",
    target="192.0.2.1:6632",
    state="live",
    position=12,
    lag_events=0,
    lag_seconds=0.4,
    last_error=None,
    repairs=0,
    repaired={},
    role="writing",
    waiting={},
    ready=True,
)
ILL = msgspec.structs.replace(
    WELL, target="192.0.2.2:6632", state="stalled", position=7, lag_events=5, lag_seconds=61.7, last_error="x" * 5000
)
PROCESS = Process("http://n1:8181", "n1", 7, "1", "2026-11-25T00:00:00Z")


def overview(*reports: ProjectionReport) -> Overview:
    return Overview(
        node="n1",
        node_error=None,
        log="sqlite:///log.db",
        head=Head(12, "a" * 64, "2026-11-25T00:00:00Z"),
        log_error=None,
        caught_up=True,
        services=(ServiceStatus("vtep", "running", healthy=True),),
        projections=reports,
        write_metrics=tuple(WriteMetrics() for _ in reports),
    )


def test_a_wrong_clock_is_in_the_summary() -> None:
    wrong = msgspec.structs.replace(overview(), clock_error="commit 12 is from the future")
    assert node_summary(wrong, PROCESS, {})["clock_error"] == "commit 12 is from the future"
    assert node_summary(wrong, PROCESS, {})["reasons"] == []


def test_targets_are_summarized_by_the_worst() -> None:
    told = node_summary(overview(*[WELL] * 40, ILL), PROCESS, {})["projections"]
    assert {**told["vtep"], "last_error": None} == {
        "targets": 41,
        "live": 40,
        "writing": 41,
        "position": 7,
        "lag_events": 5,
        "lag_seconds": 61,
        "last_error": None,
    }
    assert len(told["vtep"]["last_error"]) == 500


def test_summary_is_stable_without_changes() -> None:
    later = msgspec.structs.replace(WELL, lag_seconds=0.6)
    assert node_summary(overview(WELL), PROCESS, {}) == node_summary(overview(later), PROCESS, {})


def test_summary_fits_into_a_zookeeper_node() -> None:
    leases = [Lease(f"{number:036}", 2**40 + number, "/x", 1, 1) for number in range(50_000)]
    told = node_summary(overview(*[ILL] * 5000), PROCESS, {"vtep": leases, "idle": []})
    assert told["owned"] == {"vtep": 50_000}
    assert told["owns"].keys() == {"vtep"}
    assert len(canonical(told)) < 200_000
