"""A whole view at once: what it should be, and how two of them compare. Pure."""

from collections.abc import Mapping

from midonet.events.topology.topology import Topology
from midonet.projections.nsdb.projection import NsdbProjection

FORMAT = b"3"
"""Raise it when the same topology comes to other documents than before: then they are no drift, but an upgrade."""

LIVE = "1"
"""The generation that a new installation starts with."""

_INDEX = b'{"documents":['
_POSITION = b'],"position":'


def view_base(root: str, generation: str = LIVE) -> str:
    """Return the path of a generation of the view (contract §3)."""
    return f"{root}/nsdb/{generation}"


def expected_view(topology: Topology, base: str) -> dict[str, bytes]:
    """Return all documents of the generation at `base` from scratch: path → bytes."""
    projection = NsdbProjection(base)
    projection.attach(topology)
    rendered = ((key, projection.render(key)) for key in projection.keys())  # noqa: SIM118 - not a mapping
    return {f"{base}/{key}": value for key, value in rendered if value is not None}


def differences(actual: Mapping[str, bytes], desired: Mapping[str, bytes]) -> list[str]:
    """Return the paths at which two views differ, a path that only one of them has included."""
    paths = sorted(actual.keys() | desired.keys())
    return [path for path in paths if not same_document(actual.get(path, b""), desired.get(path, b""))]


def same_document(actual: bytes, desired: bytes) -> bool:
    """Compare two documents; two indexes are the same if they name the same documents.

    An index keeps the position of the view at which its documents changed: being worked out anew must not touch it.
    """
    if not (actual.startswith(_INDEX) and desired.startswith(_INDEX)):
        return actual == desired
    documents, _, position = actual.rpartition(_POSITION)
    wanted, _, head = desired.rpartition(_POSITION)
    return documents == wanted and _number(position) <= _number(head)


def _number(tail: bytes) -> float:
    digits = tail.removesuffix(b"}")
    return int(digits) if digits.isdigit() else float("inf")
