"""Cut a byte stream into JSON objects: OVSDB sends them one after the other with nothing in between (RFC 7047 §4).

It must stay cheap on a dump of megabytes, so it never looks at single bytes and never decodes: braces are
counted in what lies outside of strings, chunk by chunk, and each byte is seen once.
"""

import re
from collections.abc import Iterator

__all__ = ["Framer"]

_BOUNDARY = re.compile(rb"\}\s*(?=\{)")
"""Outside of strings a closing brace is followed by an opening one only where a new object begins."""


class Framer:
    """Collects chunks of a stream and gives back whole JSON objects as bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._depth = 0
        self._quoted = 0
        self._carry = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield every object that is complete with this chunk; `ValueError` if it cannot be a stream of objects."""
        chunk = self._without_half_escape(chunk)
        pieces = _blank_escapes(chunk).split(b'"')
        outside = b'"'.join(pieces[self._quoted :: 2])
        start = 0
        for end in self._boundaries(pieces) if _BOUNDARY.search(outside) else ():
            yield self._take(chunk[start:end])
            start = end
        self._parts.append(chunk[start:])
        self._quoted = (self._quoted + len(pieces) - 1) % 2
        self._depth += outside.count(b"{") - outside.count(b"}")
        if self._depth < 0 or (self._depth == 0 and outside.strip() and not outside.rstrip().endswith(b"}")):
            raise ValueError("not a stream of JSON objects")
        if self._depth == 0 and outside.strip():
            yield self._take(b"")

    def _without_half_escape(self, chunk: bytes) -> bytes:
        """Keep a backslash at the end of the chunk for the next one: what it escapes is not here yet."""
        chunk = self._carry + chunk
        backslashes = len(chunk) - len(chunk.rstrip(b"\\"))
        whole = len(chunk) - backslashes % 2
        self._carry = chunk[whole:]
        return chunk[:whole]

    def _boundaries(self, pieces: list[bytes]) -> Iterator[int]:
        offset = 0
        for number, piece in enumerate(pieces):
            if number % 2 == self._quoted:
                yield from (offset + found.end() for found in _BOUNDARY.finditer(piece))
            offset += len(piece) + 1

    def _take(self, last: bytes) -> bytes:
        frame = b"".join((*self._parts, last))
        self._parts.clear()
        return frame


def _blank_escapes(chunk: bytes) -> bytes:
    """Overwrite escaped characters, so that every remaining quotation mark begins or ends a string."""
    if b"\\" not in chunk:
        return chunk
    return chunk.replace(rb"\\", b"__").replace(rb"\"", b"__")
