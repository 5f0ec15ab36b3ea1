"""Availability of the service `api`."""

import pytest

from midonet.services.api import service
from midonet.services.settings import Settings


def test_missing_library_disables_the_api_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(log="sqlite:///x", zookeeper="zk:2181")
    assert service.ApiService.disabled_reason(settings) is None
    monkeypatch.setattr(service, "find_spec", lambda name: None if name == "uvicorn" else object())
    assert service.ApiService.disabled_reason(settings) == "not installed: uvicorn (pip install midonet[cluster])"
