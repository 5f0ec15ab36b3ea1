"""Readiness, status document, log events and metrics are functions of the overview."""

from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from midonet.events.commit import Head
from midonet.services.runtime.projection_report import ProjectionReport, WriteMetrics
from midonet.services.runtime.service_metrics import ServiceMetrics
from midonet.services.runtime.supervisor import ServiceStatus
from midonet.services.telemetry.log_events import log_events
from midonet.services.telemetry.metrics import Metrics
from midonet.services.telemetry.overview import Overview
from midonet.services.telemetry.readiness import reasons
from midonet.services.telemetry.status_document import status_document

RUNNING = ServiceStatus("nsdb", "running", healthy=True, reason=None, restarts=0, last_error=None)
LIVE = ProjectionReport(
    name="nsdb",
    target="127.0.0.1:2181/midonet",
    state="live",
    role="writing",
    position=12,
    lag_events=0,
    lag_seconds=0.0,
    last_error=None,
    repairs=0,
    repaired={},
    waiting={},
    ready=True,
)
GOOD = Overview(
    node="n1",
    node_error=None,
    log="sqlite:////tmp/log.db",
    head=Head(12, "a" * 64, "2026-11-22T12:00:00Z"),
    log_error=None,
    caught_up=True,
    services=(RUNNING,),
    projections=(LIVE,),
    write_metrics=(WriteMetrics(),),
)


def report(**changes: Any) -> ProjectionReport:
    return msgspec.structs.replace(LIVE, **changes)


def overview(*reports: ProjectionReport, **changes: Any) -> Overview:
    return msgspec.structs.replace(
        GOOD, projections=reports, write_metrics=tuple(WriteMetrics() for _ in reports), **changes
    )


def said(before: Overview, after: Overview) -> list[tuple[str, str]]:
    return [(line.message, line.fields["target"]) for line in log_events(before, after)]


def test_healthy_daemon_is_ready() -> None:
    assert reasons(GOOD) == []
    assert status_document(GOOD)["ready"] is True


def test_every_problem_is_a_reason() -> None:
    failed = ServiceStatus("vtep", "failed", healthy=False, reason="a bug", restarts=1, last_error="a bug")
    behind = report(state="catching-up", ready=False, lag_events=7, lag_seconds=61.2)
    away = report(state="stalled", ready=False, last_error="it does not answer", target="127.0.0.1:6632", name="vtep")
    assert reasons(overview(behind, away, services=(failed,), log_error="the disk is full")) == [
        "log: the disk is full",
        "service vtep: a bug",
        "projection nsdb on 127.0.0.1:2181/midonet is catching-up, 7 commits (61 s) behind",
        "projection vtep on 127.0.0.1:6632 is stalled, it does not answer",
    ]
    assert reasons(overview(services=())) == ["no service is installed"]
    assert reasons(overview(caught_up=False)) == ["log: it is being read, position 12 so far"]


def test_dead_switch_leaves_the_node_ready() -> None:
    dead = report(name="vtep", target="192.0.2.1:6632", state="stalled", ready=False, essential=False)
    assert reasons(overview(dead)) == []


def test_bare_metrics_name_no_target() -> None:
    made = Metrics(lambda: GOOD, {"nsdb": ServiceMetrics("nsdb")}, lambda: {"http_cert": 2e9})
    assert LIVE.target.encode() in made.render()
    bare = made.render_bare()
    assert b"midonet_log_up 1.0" in bare
    assert b"midonet_build_info{" in bare
    assert b'midonet_certificate_expiry_seconds{setting="http_cert"} 2e+09' in bare
    assert LIVE.target.encode() not in bare


def test_status_document_has_the_fields_of_the_contract() -> None:
    shown = status_document(GOOD)
    assert shown["log"] == "sqlite:////tmp/log.db"
    assert shown["head"] == {"position": 12, "hash": "a" * 64, "time": "2026-11-22T12:00:00Z"}
    (projection,) = shown["projections"]
    named = {"name", "target", "state", "position", "lag_events", "lag_seconds", "last_error", "repairs", "waiting"}
    assert named <= projection.keys()


def test_state_change_is_one_log_event() -> None:
    nothing, live, stalled = overview(), overview(LIVE), overview(report(state="stalled", ready=False))
    target = LIVE.target
    assert said(nothing, live) == [("projection live", target)]
    assert said(live, live) == []
    assert said(live, stalled) == [("projection stalled", target)]
    assert said(stalled, stalled) == []
    assert said(stalled, live) == [("projection live", target)]


def test_following_the_log_is_not_logged() -> None:
    live, behind = overview(LIVE), overview(report(state="catching-up"))
    assert said(live, behind) == []
    assert said(behind, live) == []
    starting = overview(report(state="catching-up", ready=False))
    assert said(overview(), starting) == []
    assert said(starting, live) == [("projection live", LIVE.target)]


def test_targets_are_distinguished() -> None:
    one, other = report(target="a"), report(target="b")
    assert said(overview(one), overview(one, other)) == [("projection live", "b")]
    assert said(overview(one, other), overview(other)) == []


def test_metrics_can_be_read_by_prometheus() -> None:
    write_metrics = WriteMetrics()
    for seconds in (0.0005, 0.003, 99.0):
        write_metrics.count(seconds)
    write_metrics.errors = 2
    odd = report(target='a"b\\c', repairs=3, repaired={"missing": 2, "different": 1}, lag_seconds=1.5)
    metrics = ServiceMetrics("nsdb")
    metrics.counter("greetings", "How often it greeted.", ["whom"]).labels("you").inc(2)
    now = msgspec.structs.replace(GOOD, projections=(odd,), write_metrics=(write_metrics,))
    text = Metrics(lambda: now, {"nsdb": metrics}).render().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    values = {
        (s.name, next((s.labels[n] for n in ("state", "le", "kind") if n in s.labels), None)): s.value for s in samples
    }
    assert values["midonet_log_position", None] == 12
    assert values["midonet_projection_position", None] == 12
    assert values["midonet_projection_lag_seconds", None] == 1.5
    assert values["midonet_projection_repairs_total", "missing"] == 2
    assert values["midonet_projection_repairs_total", "extra"] == 0
    assert values["midonet_projection_errors_total", None] == 2
    assert values["midonet_projection_writes_total", None] == 3
    assert values["midonet_projection_state", "live"] == 1
    assert values["midonet_projection_state", "parked"] == 0
    assert values["midonet_projection_write_seconds_bucket", "0.005"] == 2
    assert values["midonet_projection_write_seconds_bucket", "+Inf"] == 3
    assert values["midonet_projection_write_seconds_sum", None] == 99.0035
    assert {s.labels["target"] for s in samples if "target" in s.labels} == {'a"b\\c'}
    assert "process_cpu_seconds_total" in text
