"""The databases of hardware VTEPs: desired rows, actual rows, and the transactions between them."""

from midonet.projections.vtep.fleet import Fleet, FleetStep, Retired
from midonet.projections.vtep.keys import Key, Value
from midonet.projections.vtep.learned_macs import CurrentRow, LearnedChanges, LearnedMacs, LocalMac, SwitchUpdate
from midonet.projections.vtep.projection import DEAD_HOSTS, RECHECK, SWITCH_UPDATE, VtepProjection
from midonet.projections.vtep.switch_report import BfdSession, PortReport, SwitchReport
from midonet.projections.vtep.target import Connection, ConnectionStatus, VtepTarget, read_checkpoint, read_rows

__all__ = [
    "DEAD_HOSTS",
    "RECHECK",
    "SWITCH_UPDATE",
    "BfdSession",
    "Connection",
    "ConnectionStatus",
    "CurrentRow",
    "Fleet",
    "FleetStep",
    "Key",
    "LearnedChanges",
    "LearnedMacs",
    "LocalMac",
    "PortReport",
    "Retired",
    "SwitchReport",
    "SwitchUpdate",
    "Value",
    "VtepProjection",
    "VtepTarget",
    "read_checkpoint",
    "read_rows",
]
