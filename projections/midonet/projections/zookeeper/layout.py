"""Paths and payloads of the view in ZooKeeper (contract §3), and the names of its own nodes. Pure."""

import re
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.json import Decoder

from midonet.events.model import KINDS
from midonet.projections.base import Checkpoint

T = TypeVar("T")

MODELS = "models"
"""Node below a generation with a folder for every kind."""

DIRECTORIES = (*(f"{MODELS}/{kind}" for kind in KINDS), "hosts")
"""Nodes below a generation with documents."""

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DOCUMENT = re.compile(f"(?:models/(?:{'|'.join(KINDS)})/{_UUID}(?:-[0-9a-f]+)?|hosts/{_UUID}(?:-[0-9a-f]+)?)")


_GENERATION = re.compile("(?!\\.{1,2}$)[0-9A-Za-z._-]{1,64}")


def is_document(key: str) -> bool:
    """Return whether a path below a generation is named like a document; anything else is foreign."""
    return _DOCUMENT.fullmatch(key) is not None


class Unreadable(Exception):
    """A node is absent, or its data does not conform to the contract; the text has the reason."""


class _Pointer(Struct):
    generation: str


class _Checkpoint(Struct):
    position: int
    hash: str


def decode(decoder: Decoder[T], data: bytes | None) -> T:
    """Return the decoded data of a node, None if there is no node; may raise `Unreadable`."""
    if data is None:
        raise Unreadable("does not exist")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def read_generation(data: bytes | None) -> str:
    """Return the live generation that the pointer names; may raise `Unreadable`."""
    generation = decode(_pointer, data).generation
    if not _GENERATION.fullmatch(generation):
        raise Unreadable(f"{generation!r} cannot be the name of a generation")
    return generation


def read_checkpoint(data: bytes | None) -> Checkpoint:
    """Return a checkpoint; may raise `Unreadable`."""
    found = decode(_checkpoint, data)
    return Checkpoint(found.position, found.hash)


def decode_generation(data: bytes) -> str | None:
    """As `read_generation`; None if the pointer is unreadable."""
    try:
        return read_generation(data)
    except Unreadable:
        return None


def decode_checkpoint(data: bytes) -> Checkpoint:
    """As `read_checkpoint`; the checkpoint of an empty view if it is unreadable."""
    try:
        return read_checkpoint(data)
    except Unreadable:
        return Checkpoint()


_pointer = Decoder(_Pointer)
_checkpoint = Decoder(_Checkpoint)
