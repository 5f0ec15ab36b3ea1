"""The documents that answers contain, besides objects, commits and results: their types are their schemas."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from midonet.events.commit import Event, Head
from midonet.projections.engine.status import Role, State


class ServiceDocument(Struct, frozen=True):
    """What this server is, and where its parts are; for everyone."""

    name: str
    version: str
    links: dict[str, str]
    """Path of each part by its relation."""


class LogEnd(Struct, frozen=True):
    """The end of the log, or a past position; `time` is null for an empty log."""

    position: int
    hash: str
    time: str | None

    @classmethod
    def of(cls, head: Head) -> "LogEnd":
        """Return the document of a head."""
        return cls(head.position, head.hash, head.time or None)


class Entrance(Struct, frozen=True, kw_only=True):
    """The collections, with their numbers of objects."""

    log: str | None
    """URL of the log, without a password; null for users of one tenant."""
    head: LogEnd
    objects: dict[str, int]
    """Number of objects by kind, without zeros."""
    collections: dict[str, str]
    """Path by kind."""
    openapi: str = "/openapi.json"
    watch: str = "/v1/watch"


class ProjectionRow(Struct, frozen=True, kw_only=True):
    """A target of this node, or all targets of a projection on another node."""

    name: str
    node: str
    position: int
    lag_events: int
    lag_seconds: float
    last_error: str | None
    target: str | UnsetType = UNSET
    state: State | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    ready: bool | UnsetType = UNSET
    repairs: int | UnsetType = UNSET
    repaired: dict[str, int] | UnsetType = UNSET
    waiting: dict[str, str] | UnsetType = UNSET
    targets: int | UnsetType = UNSET
    live: int | UnsetType = UNSET
    writing: int | UnsetType = UNSET


class Waited(Struct, frozen=True):
    """Positions of the projections that were waited for."""

    position: int
    views: dict[str, int]


class Difference(Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """The events that lead from one position to another."""

    start: int
    end: int
    events: list[Event]


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One event of an object, with who, when and why."""

    position: int
    time: str
    actor: str
    channel: str
    reason: str | None
    id: str
    command: str
    event: Event


class Reached(Struct, frozen=True):
    """A host or a VTEP that a plan affects."""

    id: str
    name: str | None


class Plan(Struct, frozen=True, kw_only=True):
    """The result that a command would have, and what it would affect."""

    position: int
    id: str
    events: list[Event]
    object: Any
    head: Head
    hosts: list[Reached]
    vteps: list[Reached]


class TokenInfo(Struct, frozen=True, kw_only=True):
    """A token without its text; times are seconds since 1970."""

    id: str
    user: str
    created: float
    expires: float
    label: str


class NewToken(TokenInfo, frozen=True, kw_only=True):
    """A new token with its text, which is shown only once."""

    token: str


class Revoked(Struct, frozen=True):
    """Id of the token that was revoked, if any."""

    revoked: str | None


class Whoami(Struct, frozen=True):
    """The user of the request; `token` is the id of its token."""

    name: str
    roles: list[str]
    token: str | None


class PasswordSet(Struct, frozen=True):
    """The user whose password was set."""

    user: str


class SecretName(Struct, frozen=True):
    """The name of a secret."""

    name: str
