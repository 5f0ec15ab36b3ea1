"""The `nsdb` projection: the views that agents read from ZooKeeper (contract §3)."""

from midonet.projections.nsdb.projection import NsdbProjection
from midonet.projections.nsdb.view import LIVE, differences, expected_view, same_document, view_base

__all__ = ["LIVE", "NsdbProjection", "differences", "expected_view", "same_document", "view_base"]
