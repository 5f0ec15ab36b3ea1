"""A complete desired view, and the comparison of two views. Pure."""

from collections.abc import Mapping

from midonet.events.topology.topology import Topology
from midonet.projections.nsdb.projection import NsdbProjection

FORMAT = b"3"
"""Version of the documents. Increment it if the same topology gives other documents; they are then no drift."""

LIVE = "1"
"""The first generation of a new installation."""

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
    """Return the paths at which two views differ, including paths that only one of them has."""
    paths = sorted(actual.keys() | desired.keys())
    return [path for path in paths if not same_document(actual.get(path, b""), desired.get(path, b""))]


def same_document(actual: bytes, desired: bytes) -> bool:
    """Compare two documents; two indexes are the same if they list the same documents.

    An index contains the position at which its documents changed; recomputing an index must not change it.
    """
    if not (actual.startswith(_INDEX) and desired.startswith(_INDEX)):
        return actual == desired
    documents, _, position = actual.rpartition(_POSITION)
    wanted, _, head = desired.rpartition(_POSITION)
    return documents == wanted and _number(position) <= _number(head)


def _number(tail: bytes) -> float:
    digits = tail.removesuffix(b"}")
    return int(digits) if digits.isdigit() else float("inf")
