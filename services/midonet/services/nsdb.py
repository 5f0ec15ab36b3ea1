"""The service `nsdb`: maintains the view in ZooKeeper that agents read (contract §3)."""

from collections.abc import Sequence

from midonet.projections.nsdb import NsdbProjection, same_document
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.service import Service


class NsdbService(Service):
    """Runs the projection into ZooKeeper; retries until ZooKeeper is available."""

    keeps_views = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings = context.settings
        target = ZooKeeperTarget(settings.zookeeper, settings.root)
        self._hosted = HostedProjection(
            context.feed,
            NsdbProjection(lambda: target.base),
            target,
            settings.zookeeper + settings.root,
            reconcile_interval=settings.reconcile_interval,
            grace=settings.takeover_grace,
            same=same_document,
        )

    def start(self) -> None:
        """Start to update the view."""
        self._hosted.start()

    def stop(self) -> None:
        """Stop; the view remains unchanged."""
        self._hosted.stop()

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projection into ZooKeeper."""
        return (self._hosted,)
