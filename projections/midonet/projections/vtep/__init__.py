"""The databases of hardware VTEPs: what they should hold, what they do hold, and how the one becomes the other."""

from midonet.projections.vtep.connection_state import Connection, LineState
from midonet.projections.vtep.fleet import Fleet, Retired, Step
from midonet.projections.vtep.keys import Key, Value
from midonet.projections.vtep.learned_macs import CurrentRow, Delta, LearnedMacs, Local, SwitchUpdate
from midonet.projections.vtep.projection import HEARD, HOSTS, TOUCHED, VtepProjection
from midonet.projections.vtep.switch_report import BfdSession, PortReport, SwitchReport
from midonet.projections.vtep.target import VtepTarget, read_checkpoint, read_rows

__all__ = [
    "HEARD",
    "HOSTS",
    "TOUCHED",
    "BfdSession",
    "Connection",
    "CurrentRow",
    "Delta",
    "Fleet",
    "Key",
    "LearnedMacs",
    "LineState",
    "Local",
    "PortReport",
    "Retired",
    "Step",
    "SwitchReport",
    "SwitchUpdate",
    "Value",
    "VtepProjection",
    "VtepTarget",
    "read_checkpoint",
    "read_rows",
]
