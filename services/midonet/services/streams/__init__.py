"""Stream processors: pure functions of the commits, run by one node of the cluster at a time."""

from midonet.services.streams.processor import Processor, Write
from midonet.services.streams.service import StreamService

__all__ = ["Processor", "StreamService", "Write"]
