"""Sharding of objects into documents: small, so that a change rewrites little; few, so that they are read quickly.

A pack is one document until it would have more than `LIMIT` objects. Then it is a trie of documents; each is named by
the shortest prefix, in bits, of the hash of an object's id that at most `LIMIT` objects of the pack share. So the
documents depend on the set of objects only, not on the order of changes. Documents are more than half full on average,
so the index of a host in a network of many ports is far below ZooKeeper's limit of 1 MiB. Pure.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LIMIT = 64
"""Maximum number of objects in a document: a few kilobytes, far below ZooKeeper's limit of 1 MiB."""

_BITS = "01"
_DIGEST_BYTES = 8


class Touched(NamedTuple):
    """The documents that adding or removing one object changed."""

    documents: Iterable[str]
    """Those that may have different content, or were added or removed."""
    reshaped: bool
    """Whether a document was added or removed."""


class Packing:
    """The documents of all packs, by name. A pack of one document gives the document its name."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._documents: dict[str, set[str]] = {}
        self._inner: set[str] = set()
        self._depths: dict[str, int] = {}
        """Pack → bits in the longest name of its documents since it was last a single document."""

    def __iter__(self) -> Iterator[str]:
        """Yield the name of every document."""
        return iter(self._documents)

    def __len__(self) -> int:
        """Return how many documents there are."""
        return len(self._documents)

    def objects(self, document: str) -> Iterable[str]:
        """Return the ids of the objects in a document; none if there is no such document."""
        return self._documents.get(document, ())

    def documents(self, pack: str) -> Iterator[str]:
        """Yield the documents of a pack."""
        if pack in self._documents:
            yield pack
        elif pack in self._inner:
            yield from self._below(pack, "")

    def _below(self, pack: str, prefix: str) -> Iterator[str]:
        for bit in _BITS:
            child = f"{pack}-{prefix}{bit}"
            if child in self._documents:
                yield child
            elif child in self._inner:
                yield from self._below(pack, prefix + bit)

    def document(self, pack: str, object_id: str) -> str:
        """Return the document of an object of a pack, whether the object exists or not."""
        if pack not in self._inner:
            return pack
        digest = _digest(object_id)
        for depth in range(self._depths[pack], 1, -1):  # most documents have the greatest depth
            document = f"{pack}-{digest[:depth]}"
            if document in self._documents or f"{pack}-{digest[: depth - 1]}" in self._inner:
                return document
        return f"{pack}-{digest[:1]}"

    def add(self, pack: str, object_id: str) -> Touched:
        """Add an object to a pack; a document that becomes too large is split."""
        document = self.document(pack, object_id)
        members = self._documents.setdefault(document, set())
        members.add(object_id)
        if len(members) <= self._limit:
            return Touched((document,), reshaped=len(members) == 1)
        return Touched((document, *self._split(pack, document)), reshaped=True)

    def _split(self, pack: str, document: str) -> Iterator[str]:
        self._inner.add(document)
        depth = len(_prefix(pack, document)) + 1
        self._depths[pack] = max(depth, self._depths.get(pack, 0))
        for object_id in self._documents.pop(document):
            child = f"{pack}-{_digest(object_id)[:depth]}"
            self._documents.setdefault(child, set()).add(object_id)
        for child in _children(pack, document):
            if len(self._documents.get(child, ())) > self._limit:
                yield from self._split(pack, child)
            elif child in self._documents:
                yield child

    def remove(self, pack: str, object_id: str) -> Touched:
        """Remove an object from a pack; documents that fit into one are merged."""
        document = self.document(pack, object_id)
        members = self._documents[document]
        members.remove(object_id)
        if not members:
            del self._documents[document]
        joined = tuple(self._join(pack, document))
        return Touched((document, *joined), reshaped=not members or bool(joined))

    def _join(self, pack: str, document: str) -> Iterator[str]:
        while document != pack:
            document = _parent(pack, document)
            children = _children(pack, document)
            if not self._inner.isdisjoint(children):
                return
            if sum(len(self._documents.get(child, ())) for child in children) > self._limit:
                return
            self._inner.remove(document)
            if document == pack:
                del self._depths[pack]
            members = set().union(*(self._documents.pop(child, ()) for child in children))
            if members:
                self._documents[document] = members
            yield from (document, *children)


def _digest(object_id: str) -> str:
    """Return the hash of an id in bits; ids themselves can be chosen by users and may share long prefixes."""
    number = int.from_bytes(hashlib.sha256(object_id.encode()).digest()[:_DIGEST_BYTES])
    return f"{number:0{8 * _DIGEST_BYTES}b}"


def _prefix(pack: str, document: str) -> str:
    return document[len(pack) + 1 :]


def _parent(pack: str, document: str) -> str:
    prefix = _prefix(pack, document)[:-1]
    return f"{pack}-{prefix}" if prefix else pack


def _children(pack: str, document: str) -> list[str]:
    return [f"{pack}-{_prefix(pack, document)}{bit}" for bit in _BITS]
