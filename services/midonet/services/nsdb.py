"""The service `nsdb`: maintains the view in ZooKeeper that agents read (contract §3)."""

from midonet.projections.nsdb import NsdbProjection, same_document
from midonet.projections.zookeeper import ZooKeeperTarget
from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.service import ProjectionService


class NsdbService(ProjectionService):
    """Runs the projection into ZooKeeper; retries until ZooKeeper is available."""

    keeps_views = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        settings = context.settings
        target = ZooKeeperTarget(settings.zookeeper, settings.root)
        address, projection = settings.zookeeper + settings.root, NsdbProjection(lambda: target.base)
        self.hosted = HostedProjection(context.feed, projection, target, address, settings, same=same_document)
