"""The databases of hardware VTEPs: what they should hold, what they do hold, and how the one becomes the other."""

from midonet.projections.vtep.desired import VtepProjection
from midonet.projections.vtep.fleet import Fleet, Step
from midonet.projections.vtep.names import Key, Value
from midonet.projections.vtep.target import VtepTarget, read_checkpoint, read_rows

__all__ = ["Fleet", "Key", "Step", "Value", "VtepProjection", "VtepTarget", "read_checkpoint", "read_rows"]
