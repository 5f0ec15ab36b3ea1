"""Commands with thousands of operations do not hold up the commands of other clients."""

import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker

from midonet.events.commands import unit_of_work
from midonet.services.api import long_decisions


def batch(number: int, name: str) -> dict[str, Any]:
    return {"ops": [{"op": "create", "kind": "bridge", "fields": {"name": f"{name}{n}"}} for n in range(number)]}


def beside(api: Asker, work: Callable[[], None]) -> tuple[float, float]:
    """Return the median and the longest time of a small write while some work goes on."""
    thread = threading.Thread(target=work)
    thread.start()
    found = []
    while thread.is_alive():
        begun = time.monotonic()
        api.ok("POST", "/v1/bridges", {})
        found.append(time.monotonic() - begun)
    thread.join()
    return median(found), max(found)


def test_a_long_command_that_is_refused_delays_no_other(node: ApiNode, api: Asker) -> None:
    small, _ = beside(api, lambda: time.sleep(1))
    whole = batch(20_000, "x")
    whole["ops"].append({"op": "delete", "kind": "bridge", "ref": "missing"})
    seconds = []

    def refused() -> None:
        with Asker(node.url) as other:
            begun = time.monotonic()
            other.refused(404, "POST", "/v1/commands", whole)
            seconds.append(time.monotonic() - begun)

    typical, longest = beside(api, refused)
    assert longest < seconds[0] / 3, (small, typical, longest, seconds)
    assert typical < 60 * small, (small, typical, longest, seconds)  # each change of threads takes 5 ms


def test_a_long_command_ends_although_others_write_all_the_time(node: ApiNode, api: Asker) -> None:
    results = []

    def applied() -> None:
        with Asker(node.url) as other:
            results.append(other.ok("POST", "/v1/commands", batch(2_000, "y")))

    beside(api, applied)
    (result,) = results
    assert len(result["events"]) == 2_000
    assert api.ok("GET", "/v1/bridges/y1999")["position"] == result["position"]
    log = api.ok("GET", f"/v1/log/{result['position']}")
    assert log["id"] == result["id"]


def test_a_long_command_is_done_once_for_its_id(api: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Idempotency-Key": "once"}
    first = api.ok("POST", "/v1/commands", batch(1_000, "z"), headers=headers)
    assert api.ok("POST", "/v1/commands", batch(1_000, "z"), headers=headers)["position"] == first["position"]
    monkeypatch.setattr(long_decisions, "ATTEMPTS", 0)  # as after three conflicts: the writer executes it
    assert api.ok("POST", "/v1/commands", batch(1_000, "z"), headers=headers)["position"] == first["position"]
    assert api.ok("POST", "/v1/commands", batch(1_000, "w"))["position"] == first["position"] + 1


def test_a_decision_ends_when_its_events_exceed_the_limit_of_a_commit(
    api: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "MAX_COMMIT_BYTES", 100_000)
    created: list[Any] = []
    create = unit_of_work.UnitOfWork.create

    def counted(unit: Any, entity: Any) -> Any:
        created.append(entity)
        return create(unit, entity)

    monkeypatch.setattr(unit_of_work.UnitOfWork, "create", counted)
    problem = api.refused(413, "POST", "/v1/commands", batch(20_000, "x"))
    assert problem["details"] == {"limit": 100_000}
    assert len(created) < 1_000, "decided once, and only until the limit was reached"
    assert api.ok("GET", "/v1/bridges") == []
