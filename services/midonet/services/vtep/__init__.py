"""The service `vtep`: keeps the OVSDB of every VTEP in the topology (contract §4), and tells how the switches do."""

from midonet.services.vtep.service import VtepService

__all__ = ["VtepService"]
