"""The log of a cluster, read through its API: the same bytes, checked by the chain rule as on every backend.

It is read-only: commits are made at the cluster, from commands.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, ClassVar
from urllib.parse import quote

from midonet.events.api_client import ApiClient
from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import NotFound, Tampered, Unavailable, UsageError
from midonet.events.log.base import Bookmark, Progress
from midonet.events.log.hash_chain import Skipped, extend, parse
from midonet.events.log.integrity import diverged, lost_commits, same, tampered

_SEQUENCE = "application/json-seq"
_CHUNK = 64 * 1024
_TRIES = 10
"""Attempts to resume reading without any progress."""


class HttpLog:
    """A `Log` behind the API at `url`."""

    asked: ClassVar[Mapping[str, Any]] = {}
    """Additional query parameters of a request for commits."""
    skipped = 0
    """The node that answers skips foreign records."""

    def __init__(self, url: str, client: ApiClient | None = None) -> None:
        self.client = client or ApiClient(url)

    @property
    def url(self) -> str:
        """The address of the log, without any password."""
        return self.client.url

    def head(self) -> Head:
        """Return the end of the log as of now."""
        answer = json.loads(self.client.get("/v1/head").body)
        return Head(answer["position"], answer["hash"], answer["time"] or "")

    def head_at(self, position: int) -> Head:
        """Return the head as it was at `position`; `NotFound` beyond the end."""
        if position == 0:
            return GENESIS
        if position < 0:
            raise NotFound(f"there is no position {position}", position=position)
        raw = self.client.get(f"/v1/log/{position}").body
        commit = parse(raw)
        if commit is None or commit.position != position:
            raise tampered(position, f"what was received as commit {position} is not that commit")
        return Head(position, sha256(raw), commit.time)

    def find(self, command_id: str) -> Record | None:
        """Return the commit of a command id, or None if the log up to its present end has none."""
        try:
            body = self.client.get("/v1/log", id=command_id).body
        except UnicodeEncodeError:  # not text, so no commit can have it
            return None
        position = next((one["position"] for one in json.loads(body)), None)
        if position is None:
            return None
        raw = self.client.get(f"/v1/log/{quote(str(position))}").body
        commit = parse(raw)
        if commit is None or commit.id != command_id:
            raise tampered(position, f"what was received as commit {position} is not that commit")
        return Record(commit, raw, sha256(raw))

    def offset_hint(self, position: int) -> int | None:
        """Return None: the position is enough."""
        del position
        return None

    def read_at(self, bookmark: Bookmark) -> Record | None:
        """Return the commit of a bookmark if those very bytes are still there; None if not."""
        try:
            raw = self.client.get(f"/v1/log/{bookmark.position}").body
        except NotFound:
            return None
        commit = parse(raw) if sha256(raw) == bookmark.hash else None
        return Record(commit, raw, bookmark.hash) if commit is not None else None

    def seek(self, bookmark: Bookmark) -> bool:
        """Return whether the log has that commit; every position is found directly."""
        return self.read_at(bookmark) is not None

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the accepted commits after `after`, up to the end as of now."""
        head = after
        for item in self._resumed(after, follow=False):
            if isinstance(item, Record):
                head = item.head
                yield item
        if head is after and not same(self._known(after), after):
            raise diverged(after, self._known(after).hash)

    def follow(self, after: Head, *, stopped: Callable[[], bool], idle: float = 1.0) -> Iterator[Record | Progress]:
        """Yield as `read` does, and continue with later commits, until `stopped()`; a mark comes every second."""
        del idle
        for item in self._resumed(after, follow=True):
            if stopped():
                return
            yield item
            if stopped():
                return

    def append(self, head: Head, batch: Sequence[bytes | Record]) -> int:
        """Refuse: a cluster accepts commands."""
        del head, batch
        raise UsageError(
            f"{self.url} takes commands, not commits: give the URL of the log itself "
            "(sqlite:///…, postgresql+psycopg://…, kafka://…)"
        )

    def close(self) -> None:
        """Disconnect."""
        self.client.close()

    def _known(self, head: Head) -> Head:
        try:
            return self.head_at(head.position)
        except NotFound:
            raise lost_commits(head, self.head().position) from None

    def _resumed(self, after: Head, *, follow: bool) -> Iterator[Record | Progress]:
        """Yield what follows a head; if a connection breaks, continue at the next node."""
        head, tries = after, 0
        while True:
            try:
                for item in self._once(head, follow=follow):
                    if isinstance(item, Record):
                        head, tries = item.head, 0
                    yield item
                if not follow:
                    return
            except (OSError, HTTPException) as error:
                tries += 1
                if tries >= _TRIES:
                    raise Unavailable(f"{self.url} broke the connection: {error}", url=self.url) from None

    def _once(self, after: Head, *, follow: bool) -> Iterator[Record | Progress]:
        head = after
        try:
            opening = self.client.stream("/v1/log", _SEQUENCE, after=after.position, follow=follow, **self.asked)
            with opening as response:
                for raw in _sequence(response):
                    if raw.startswith(b'{"head":'):
                        yield Progress(head)
                        continue
                    record = self._accept(head, raw, first=head is after)
                    head = record.head
                    yield record
        except NotFound:
            raise lost_commits(after, self.head().position) from None

    def _accept(self, head: Head, raw: bytes, *, first: bool) -> Record:
        record = extend(head, raw)
        if isinstance(record, Record):
            return record
        if first and record.reason == "prev":
            raise diverged(head, record.prev)
        raise _broken(head, record)


class HttpPart(HttpLog):
    """The part of a log that a user may read: some commits, and some of their events.

    The chain cannot be checked, and nothing may be folded from it.
    """

    asked: ClassVar[Mapping[str, Any]] = {"part": True}

    def read(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield the readable part of the commits after `after`, up to the end as of now."""
        yield from (item for item in self._resumed(after, follow=False) if isinstance(item, Record))

    def seek(self, bookmark: Bookmark) -> bool:
        """Return True: every position is found directly."""
        return bookmark.position >= 0

    def _accept(self, head: Head, raw: bytes, *, first: bool) -> Record:
        del first
        commit = parse(raw)
        if commit is None or commit.position <= head.position:
            raise tampered(head.position + 1, "what was received is not a later commit")
        return Record(commit, raw, sha256(raw))


def _broken(head: Head, bad: Skipped) -> Tampered:
    return tampered(head.position + 1, f"what was received does not extend position {head.position} ({bad.reason})")


def _sequence(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the texts between RS and LF as they arrive (RFC 7464); `HTTPException` if the last one was truncated.

    A text is complete when the next one begins, or when the received part ends with a line break and is JSON.
    """
    rest = b""
    while chunk := response.read1(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\x1e")
        yield from (text.removesuffix(b"\n") for text in whole if text)
        if _is_whole(rest):
            yield rest.removesuffix(b"\n")
            rest = b""
    if rest:
        raise HTTPException("the response was truncated")


def _is_whole(text: bytes) -> bool:
    if not text.endswith(b"}\n"):
        return False
    with suppress(ValueError):
        json.loads(text)
        return True
    return False
