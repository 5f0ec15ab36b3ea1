"""SQL databases as a place for views: to look at the past with the tools of a database."""

from midonet.projections.sql.target import SqlTarget

__all__ = ["SqlTarget"]
