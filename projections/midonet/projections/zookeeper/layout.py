"""Where things are in ZooKeeper (contract §3), and what of it is ours by name. Pure."""

import re

import msgspec

from midonet.events.model import KINDS
from midonet.projections.base import Checkpoint

MODELS = "models"
"""Node below a generation that holds a directory for every kind."""

DIRECTORIES = (*(f"{MODELS}/{kind}" for kind in KINDS), "hosts")
"""Nodes below a generation that hold documents."""

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DOCUMENT = re.compile(f"(?:models/(?:{'|'.join(KINDS)})/{_UUID}(?:-[0-9a-f]+)?|hosts/{_UUID}(?:-[0-9a-f]+)?)")


_GENERATION = re.compile("(?!\\.{1,2}$)[0-9A-Za-z._-]{1,64}")


def is_document(key: str) -> bool:
    """Return whether a path below a generation is named like a document; anything else is foreign."""
    return _DOCUMENT.fullmatch(key) is not None


class _Pointer(msgspec.Struct):
    generation: str


def decode_generation(data: bytes) -> str | None:
    """Return the live generation that the pointer names; None if it names none."""
    try:
        generation = msgspec.json.decode(data, type=_Pointer).generation
    except msgspec.DecodeError:
        return None
    return generation if _GENERATION.fullmatch(generation) else None


def decode_checkpoint(data: bytes) -> Checkpoint:
    """Return a checkpoint; the one of an empty view if it cannot be read."""
    try:
        return msgspec.json.decode(data, type=Checkpoint)
    except msgspec.DecodeError:
        return Checkpoint()
