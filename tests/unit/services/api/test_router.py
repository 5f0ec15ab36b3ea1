"""Routing of paths to operations."""

from midonet.services.api.app import OPERATIONS
from midonet.services.api.framework.router import Router


def test_path_segments_are_decoded_one_by_one() -> None:
    router = Router(OPERATIONS)
    found = router.find("/v1/ports/web%2Fp1")
    assert found is not None
    assert found.values == {"ref": "web/p1"}
    assert set(found.operations) == {"GET", "PATCH", "DELETE"}
    link = router.find("/v1/ports/a%20b/link/")
    assert link is not None
    assert (link.values, set(link.operations)) == ({"ref": "a b"}, {"POST"})
    for nothing in ("/v2", "/v1/ports//link", "/v1/ports/a/b/c", "/v1/ports/a/nope"):
        assert router.find(nothing) is None, nothing
