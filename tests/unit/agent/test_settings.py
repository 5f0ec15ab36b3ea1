"""The agent's settings have their formats; how they are found is the business of midonet.events.config.settings."""

import pytest

from midonet.agent.settings import Settings
from midonet.events.config.settings import load
from midonet.events.errors import UsageError

DEFAULTS = Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("zookeeper", "a:1, b:2,[::1]:2181", "a:1,b:2,[::1]:2181"),
        ("root", "/midonet/two/", "/midonet/two"),
        ("host_id", "6F1F0B3C6F0F4C688D3A9B1A4A1F2E3D", "6f1f0b3c-6f0f-4c68-8d3a-9b1a4a1f2e3d"),
        ("http", "[::]:0", "[::]:0"),
        ("session_timeout", "4.5", 4.5),
        ("log_level", "debug", "debug"),
    ],
)
def test_canonical_form(name: str, text: str, value: object) -> None:
    assert getattr(load(Settings, flags={name: text}, environ={}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("zookeeper", "a:1,"),
        ("zookeeper", "a"),
        ("zookeeper", "a:99999"),
        ("zookeeper", "a:1/chroot"),
        ("root", "midonet"),
        ("root", "/"),
        ("root", "/a//b"),
        ("root", "/a/../b"),
        ("root", "/zookeeper"),
        ("host_id", "hv1"),
        ("http", "8080"),
        ("session_timeout", "0.5"),
        ("session_timeout", "soon"),
        ("log_level", "loud"),
    ],
)
def test_invalid_input_is_refused_with_its_location(name: str, text: str) -> None:
    variable = f"MIDONET_{name.upper()}"
    with pytest.raises(UsageError, match=variable):
        load(Settings, flags={}, environ={variable: text})


def test_defaults_are_sufficient() -> None:
    assert load(Settings, flags={}, environ={}) == DEFAULTS
