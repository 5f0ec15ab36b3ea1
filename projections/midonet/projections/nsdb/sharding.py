"""How objects are packed into documents: small enough that a change rewrites little, few enough to be read quickly.

A pack is one document until that would hold more than `LIMIT` objects; then it is a trie of documents, each named
by the shortest prefix, in bits, of the hash of an object's id that at most `LIMIT` objects of the pack share. So
packing is a function of the set of objects, whatever the order in which they came and went; and documents are more than
half full on average, so that the index of a host in a network of many ports stays far below ZooKeeper's 1 MiB. Pure.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LIMIT = 64
"""A document holds at most so many objects: a few kilobytes, far from ZooKeeper's 1 MiB."""

_BITS = "01"
_DIGEST_BYTES = 8


class Touched(NamedTuple):
    """What adding or removing one object did to documents."""

    documents: Iterable[str]
    """Those whose content may differ now, or that came or went."""
    reshaped: bool
    """Whether any came or went."""


class Packing:
    """The documents of all packs, by name. A pack is named as the document that holds all of it while it is small."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._documents: dict[str, set[str]] = {}
        self._inner: set[str] = set()
        self._depths: dict[str, int] = {}
        """Pack → bits in the longest name that any of its documents has had since it was one alone."""

    def __iter__(self) -> Iterator[str]:
        """Yield the name of every document."""
        return iter(self._documents)

    def __len__(self) -> int:
        """Return how many documents there are."""
        return len(self._documents)

    def objects(self, document: str) -> Iterable[str]:
        """Return the ids of the objects in a document; nothing if there is no such document."""
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
        """Return the document where an object of a pack is, or would be."""
        if pack not in self._inner:
            return pack
        digest = _digest(object_id)
        for depth in range(self._depths[pack], 1, -1):  # most documents are as deep as any
            document = f"{pack}-{digest[:depth]}"
            if document in self._documents or f"{pack}-{digest[: depth - 1]}" in self._inner:
                return document
        return f"{pack}-{digest[:1]}"

    def add(self, pack: str, object_id: str) -> Touched:
        """Put an object into a pack; a document that becomes too large is split."""
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
        """Take an object out of a pack; documents that fit into one again are joined."""
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
    """Ids may be chosen, and then share long prefixes; their hashes do not."""
    number = int.from_bytes(hashlib.sha256(object_id.encode()).digest()[:_DIGEST_BYTES])
    return f"{number:0{8 * _DIGEST_BYTES}b}"


def _prefix(pack: str, document: str) -> str:
    return document[len(pack) + 1 :]


def _parent(pack: str, document: str) -> str:
    prefix = _prefix(pack, document)[:-1]
    return f"{pack}-{prefix}" if prefix else pack


def _children(pack: str, document: str) -> list[str]:
    return [f"{pack}-{_prefix(pack, document)}{bit}" for bit in _BITS]
