"""Splits a byte stream into JSON objects: OVSDB sends them without separators (RFC 7047 §4).

It must be fast for dumps of megabytes, so it neither iterates over bytes nor decodes. For each chunk it discards all
bytes except quotation marks and braces, then strings, and counts the remaining braces.
"""

import re
from collections.abc import Iterator

_BOUNDARY = re.compile(rb"\}\s*(?=\{)")
"""Outside of strings, a closing brace is followed by an opening one only where a new object begins."""

_NO_SIGNS = bytes(set(range(256)) - set(b'"{}'))


class Framer:
    """Collects chunks of a stream and returns whole JSON objects as bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._depth = 0
        self._quoted = False
        self._carry = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield every object that is complete after this chunk; `ValueError` if it is not a stream of objects."""
        chunk = self._without_half_escape(chunk)
        plain = _blank_escapes(chunk)
        start = 0
        for end in self._boundaries(plain):
            self._count(plain[start:end])
            if self._depth:
                raise ValueError("not a stream of JSON objects")
            yield self._take(chunk[start:end])
            start = end
        rest = chunk[start:]
        self._parts.append(rest)
        self._count(plain[start:])
        if self._depth == 0 and (rest := rest.rstrip()):
            if self._quoted or not rest.endswith(b"}"):
                raise ValueError("not a stream of JSON objects")
            yield self._take(b"")

    def _without_half_escape(self, chunk: bytes) -> bytes:
        """Move a backslash at the end of the chunk to the next one: the escaped character has not arrived yet."""
        chunk = self._carry + chunk
        backslashes = len(chunk) - len(chunk.rstrip(b"\\"))
        whole = len(chunk) - backslashes % 2
        self._carry = chunk[whole:]
        return chunk[:whole]

    def _boundaries(self, plain: bytes) -> Iterator[int]:
        """Yield the ends of objects, except of one that ends with the chunk."""
        at, quoted = 0, self._quoted
        for found in _BOUNDARY.finditer(plain):
            quoted ^= plain.count(b'"', at, found.end()) % 2 == 1
            at = found.end()
            if not quoted:
                yield at

    def _count(self, plain: bytes) -> None:
        """Update the depth of braces, and whether the end of the chunk is inside a string."""
        signs = b'"' * self._quoted + plain.translate(None, _NO_SIGNS)
        pieces = signs.replace(b'""', b"").split(b'"')  # one of two adjacent strings may remain: the result is the same
        outside = b"".join(pieces[::2])
        self._quoted = len(pieces) % 2 == 0
        self._depth += outside.count(b"{") - outside.count(b"}")
        if self._depth < 0:
            raise ValueError("not a stream of JSON objects")

    def _take(self, last: bytes) -> bytes:
        frame = b"".join((*self._parts, last))
        self._parts.clear()
        return frame


def _blank_escapes(chunk: bytes) -> bytes:
    """Overwrite escaped characters, so that every remaining quotation mark begins or ends a string."""
    if b"\\" not in chunk:
        return chunk
    return chunk.replace(rb"\\", b"__").replace(rb"\"", b"__")
