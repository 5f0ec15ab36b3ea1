"""The log: an append-only chain of commits on SQLite, PostgreSQL, Kafka, or behind a cluster's API.

Importing this package loads no database or Kafka library; `open_log` loads the one that the URL names.
"""

from midonet.events.log.backends.factory import check_form, file_uri, open_api_log, open_log
from midonet.events.log.backends.kafka.address import kafka_address
from midonet.events.log.base import Bookmark, Log, Progress

__all__ = ["Bookmark", "Log", "Progress", "check_form", "file_uri", "kafka_address", "open_api_log", "open_log"]
