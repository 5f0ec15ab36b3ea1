"""Errors as problem details."""

import json

import pytest

from midonet.events import errors
from midonet.events.errors import MidonetError
from midonet.services.api.framework.problem_details import STATUSES, encode, status_of


def every_error() -> list[type[MidonetError]]:
    found = [MidonetError]
    for kind in found:
        found += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.code)
def test_every_error_has_a_status_and_a_body(kind: type[MidonetError]) -> None:
    problem = json.loads(encode(kind("at kafka://u:secret@h", url="kafka://u:secret@h", odd=object())))
    assert problem["code"] == kind.code
    assert problem["status"] == status_of(kind) >= 400
    assert "secret" not in json.dumps(problem)
    if issubclass(kind, errors.Rejected):
        assert problem["status"] < 500
    assert set(STATUSES) <= set(every_error())
