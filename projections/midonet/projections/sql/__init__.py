"""SQL databases as targets of views: a past state can be queried with SQL."""

from midonet.projections.sql.target import SqlTarget

__all__ = ["SqlTarget"]
