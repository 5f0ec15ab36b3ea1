"""Requests are counted by declared path, method and class of the status."""

from prometheus_client import CollectorRegistry, generate_latest
from starlette.responses import Response

from midonet.services.api.request_metrics import RequestMetrics
from midonet.services.runtime.service_metrics import ServiceMetrics


def test_labels_never_come_from_the_client() -> None:
    metrics = ServiceMetrics("api")
    requests = RequestMetrics(metrics)
    for method, route in (("GET", "/v1/ports/{ref}"), ("BREW", None)):
        scope = {"method": method, "path": "/v1/ports/secret", **({"midonet.route": route} if route else {})}
        with requests.observing(scope) as observed:
            observed.response = Response(status_code=404)
    registry = CollectorRegistry()
    registry.register(metrics)
    text = generate_latest(registry).decode()
    assert 'midonet_api_request_seconds_count{method="GET",route="/v1/ports/{ref}",status="4xx"} 1.0' in text
    assert 'midonet_api_request_seconds_count{method="other",route="unmatched",status="4xx"} 1.0' in text
    assert "secret" not in text
    assert "midonet_api_requests_in_progress 0.0" in text
