"""Checksums as scapy computes them."""

from typing import Any

from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether


def recomputed(frame: bytes) -> bytes:
    """Return a frame with all checksums made new by scapy, also inside what an error quotes."""
    packet = Ether(frame)
    layer: Any = packet
    while layer:
        for name in ("chksum", "cksum"):
            if name in layer.fields and not (isinstance(layer, UDP) and layer.fields[name] == 0):
                del layer.fields[name]
        layer = layer.payload
    return bytes(packet)
