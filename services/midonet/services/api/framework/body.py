"""Bodies of requests: checked before they are read, limited in size, time and memory, and decoded strictly.

A body is read only after the caller was authorised. Large bodies of one caller, and of all callers together, wait for
each other, so that the memory of the node stays bounded.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from midonet.events.commit import MAX_COMMIT_BYTES
from midonet.events.errors import InvalidValue, TooLarge, Unavailable, UnsupportedContentType, UsageError
from midonet.events.validation_words import in_words
from midonet.services.api.auth.caller import Caller
from midonet.services.api.framework.operation import Operation

T = TypeVar("T")

MAX_BODY = MAX_COMMIT_BYTES
"""Limit in bytes for callers who may change the whole network: no commit can hold more."""
MAX_RESTRICTED_BODY = 4 * 1024 * 1024
"""Limit in bytes for readers, and for users of one tenant."""
SMALL_BODY = 64 * 1024
"""A body up to this size is decoded on the event loop and does not count as large."""
MAX_VALUES = 2_000_000
"""Values in one JSON body; the same limit as for YAML."""
BODY_SECONDS = 120.0
"""Time in seconds for a whole body to arrive."""
_ROOM_SECONDS = 30.0
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ALL_BODIES = 4 * MAX_BODY
_BODIES_OF_ONE = 2 * MAX_BODY


def limit_of(caller: Caller) -> int:
    """Return the largest body in bytes that a caller may send."""
    principal = caller.principal
    return MAX_BODY if principal is None or principal.writes_all else MAX_RESTRICTED_BODY


def expected_size(operation: Operation, request: Request, limit: int) -> int:
    """Return the size of the body as far as the head of the request states it, else the limit; 0 without a body.

    Raises `TooLarge` if it is above the limit, and `UnsupportedContentType`.
    """
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" not in request.headers:
        return 0
    size = int(length) if length is not None and length.isdecimal() else limit
    if size > limit:
        raise _too_large(limit)
    content_type = content_type_of(request)
    if operation.body is not None and size and content_type not in operation.body.content:
        allowed = ", ".join(operation.body.content)
        raise UnsupportedContentType(
            f"content type {content_type or '(none)'} is not supported; send {allowed}", allowed=allowed
        )
    return size


def content_type_of(request: Request) -> str:
    """Return the content type without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(operation: Operation, request: Request, limit: int) -> bytes:
    """Return the body; raises `UsageError`, or `TooLarge` as soon as more than the limit has arrived."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                if chunk and operation.body is None:
                    raise UsageError(f"{operation.method} {operation.path} takes no body")
                if len(body) + len(chunk) > limit:
                    raise _too_large(limit)
                body += chunk
    except TimeoutError:
        raise UsageError(f"the body did not arrive within {BODY_SECONDS:.0f} seconds") from None
    if operation.body is not None and operation.body.required and not body:
        raise UsageError("a body is required")
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than {limit // 2**20} MiB; split it", limit=limit)


class BodyMemory:
    """The memory for large bodies of one node, in bytes; used on the event loop only."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._released = asyncio.Event()

    @asynccontextmanager
    async def reserved(self, actor: str, size: int) -> AsyncIterator[None]:
        """Wait until a body of an actor fits, and reserve its size; `Unavailable` if that takes too long."""
        if size <= SMALL_BODY:
            yield
            return
        try:
            async with asyncio.timeout(_ROOM_SECONDS):
                while not self._fits(actor, size):
                    await self._released.wait()
        except TimeoutError:
            raise Unavailable("the node is busy with other large requests; try again") from None
        self._held[actor] = self._held.get(actor, 0) + size
        try:
            yield
        finally:
            self._release(actor, size)

    def _fits(self, actor: str, size: int) -> bool:
        return self._held.get(actor, 0) + size <= _BODIES_OF_ONE and sum(self._held.values()) + size <= _ALL_BODIES

    def _release(self, actor: str, size: int) -> None:
        self._held[actor] -= size
        if not self._held[actor]:
            del self._held[actor]
        self._released.set()
        self._released = asyncio.Event()


def decode(body: bytes, kind: type[T]) -> T:
    """Return a JSON body as a value of a type; `UsageError` if it is not JSON, else `InvalidValue`."""
    try:
        _check_values(body)
        _check_keys(body)
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidValue(f"the body: {in_words(error)}", reason="bad-document") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body is not JSON: {error}") from None


def _check_values(body: bytes) -> None:
    """Refuse a body with too many values before they take memory."""
    if _marks(body) > MAX_VALUES and _marks(_STRING.sub(b"", body)) > MAX_VALUES:
        raise TooLarge(f"the body has more than {MAX_VALUES:,} values; split it", limit=MAX_VALUES)


def _marks(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def _check_keys(body: bytes) -> None:
    """Refuse an object with the same key twice: msgspec would take the last value."""
    try:
        json.loads(body, object_pairs_hook=_refuse_duplicate)
    except (ValueError, RecursionError):  # msgspec states what is wrong
        return


def _refuse_duplicate(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise InvalidValue(f"the body: duplicate key {key!r}", field=key, reason="bad-document")
        seen.add(key)
