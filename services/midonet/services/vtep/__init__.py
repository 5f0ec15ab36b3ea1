"""The service `vtep`: maintains the OVSDB of every VTEP (contract §4) and publishes the state of the switches."""

from midonet.services.vtep.service import VtepService

__all__ = ["VtepService"]
